"""What the programs beside this one say on the wire: JWS, CSRs, http-01 answers, OCSP."""

import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.x509 import ocsp

from hostile import der
from hostile_acme import Answer, Key, Responder, b64, csr

__all__ = ["CertId", "Key", "Responder", "b64", "csr", "ocsp_status", "problem_of"]


def problem_of(answer):
    """The ACME problem of (status, headers, body); None where it is none."""
    status, headers, body = answer
    return Answer(status, list(headers.items()), body).problem


SHA1 = bytes.fromhex("300906052b0e03021a0500")


class CertId:
    """RFC 6960 section 4.1.1, for serials of one issuer."""

    def __init__(self, issuer):
        # The key's bits without the tag, length and number of unused bits: SubjectPublicKeyInfo ends with them.
        key = issuer.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        self.name = hashlib.sha1(issuer.subject.public_bytes()).digest()
        self.key = hashlib.sha1(key).digest()

    def request(self, serial):
        number = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
        cert_id = der(0x30, SHA1, der(4, self.name), der(4, self.key), der(2, number))
        return der(0x30, der(0x30, der(0x30, der(0x30, cert_id))))


def ocsp_status(door, node, cert_id, serial):
    """good, revoked, unknown or the name of a refusal; None without an answer."""
    answer = door.ask("POST", node + "/ocsp", cert_id.request(serial), {"Content-Type": "application/ocsp-request"})
    if answer is None or answer[0] != 200:
        return None
    response = ocsp.load_der_ocsp_response(answer[2])
    if response.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL:
        return response.response_status.name.lower()
    return response.certificate_status.name.lower() if response.serial_number == serial else "another serial"
