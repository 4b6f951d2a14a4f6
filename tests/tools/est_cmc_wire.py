"""CMC (RFC 5272) on the wire, for programs that test it: full requests written octet by octet, each part of which can be
another one than it should be, and answers read. CMS itself is scep_wire.py's."""

import base64
import hashlib
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from hostile import der
from scep_wire import OID_SIGNED, Tlv, attribute, digest_of, integer, octets, oid, public_der, signed_data, signer_info

PKI_DATA, PKI_RESPONSE = oid("1.3.6.1.5.5.7.12.2"), oid("1.3.6.1.5.5.7.12.3")
BAD_ALG, BAD_MESSAGE_CHECK, BAD_REQUEST, BAD_IDENTITY, POP_FAILED = 0, 1, 2, 7, 9  # CMCFailInfo, section 6.1.4
MEDIA_TYPE = "application/pkcs7-mime; smime-type=CMC-request"


def cmc(arc):
    return oid("1.3.6.1.5.5.7.7.%d" % arc)


IDENTIFICATION, IDENTITY_PROOF, DATA_RETURN, TRANSACTION_ID, SENDER_NONCE, RECIPIENT_NONCE = (cmc(i) for i in range(2, 8))
REVOKE_REQUEST, STATUS_V2, IDENTITY_PROOF_V2 = cmc(17), cmc(25), cmc(34)


def control(body_part, kind, *values):
    return der(0x30, integer(body_part), kind, der(0x31, *values))


def usual_controls(nonce):
    return control(1, TRANSACTION_ID, integer(300)) + control(2, SENDER_NONCE, octets(nonce))


def tagged(request, body_part=9, tag=0xA0):
    """TaggedRequest: tcr, unless the tag says crm (0xA1) or orm (0xA2)."""
    return der(tag, integer(body_part), request)


def pki_data(request, controls=None, requests=None, messages=b"", others=b""):
    if controls is None:
        controls = usual_controls(secrets.token_bytes(16))
    return der(0x30, der(0x30, controls), der(0x30, tagged(request) if requests is None else requests), der(0x30, messages),
               der(0x30, others))


def key_id(key):
    """Of a key without a certificate: the SHA-1 of it (RFC 5280 section 4.2.1.2)."""
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha1(Tlv(spki).parts()[1].body[1:]).digest()


def message(content, key, certificate=None, kind=PKI_DATA, digest="sha256", hashed=None, signed_kind=None, infos=None,
            certificates=None, **more):
    """Signed by `key`, which is named by `certificate`, or by itself where there is none. `hashed` is what the digest is
    of; `infos` makes all SignerInfos of the attributes' octets; what is left goes to signer_info()."""
    attributes = b"".join(sorted((attribute("contentType", signed_kind or kind),
                                  attribute("messageDigest", octets(digest_of(digest, content if hashed is None else hashed))))))
    if infos is None:
        whom = der(0x80, key_id(key)) if certificate is None else None
        more = dict({"whom": whom, "version": 3 if certificate is None else 1}, **more)
        infos = lambda signed: signer_info(key, certificate, signed, digest, **more)
    if certificates is None:
        certificates = public_der(certificate) if certificate else b""
    return signed_data(content, certificates, infos(attributes), version=3, kind=kind, digest_algorithms=more.get("digest_algorithm"))


class Response:
    """What an answer says; that it is signed well is checked with the openssl command elsewhere."""

    def __init__(self, answer):
        kind, wrapped = Tlv(base64.b64decode(answer.body)).parts()
        parts = wrapped.inside(0x30).parts()
        content_type, content = parts[2].parts()
        if kind.all != OID_SIGNED or content_type.all != PKI_RESPONSE:
            raise ValueError("no CMC answer")
        self.certificates = [x509.load_der_x509_certificate(part.all) for part in parts[3].parts()]
        controls, _, _ = Tlv(content.inside(4).body).parts()
        self.controls = {}
        for one in controls.parts():
            _, name, values = one.parts()
            if name.all in self.controls:
                raise ValueError("a control twice")
            self.controls[name.all] = values.inside()
        self.read_status(self.controls[STATUS_V2].parts())

    def read_status(self, fields):
        self.status = int.from_bytes(fields[0].body, "big")
        self.body_part = int.from_bytes(fields[1].inside(2).body, "big")
        self.text = fields[2].body.decode() if len(fields) > 2 else ""
        self.fail_info = int.from_bytes(fields[3].body, "big") if len(fields) > 3 else None
