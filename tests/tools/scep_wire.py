#!/usr/bin/env python3
"""SCEP on the wire (RFC 8894), for programs that test it: pkiMessages written and read octet by octet, and HTTP.

Nothing here asks a CMS library for anything, so that each field of a message can be other than it should be: what is
written has a parameter for all that a test may want to be wrong, and what is read is held to the letter.

Shell tests use it for what the openssl program cannot do, which is the signed attributes:

  scep_wire.py sign --type 21 --key k.pem --cert c.pem --content enveloped.der [--transaction ID] [--ber] > message.der
  scep_wire.py show reply.der          messageType, pkiStatus, failInfo and the rest, a line each
  scep_wire.py name --issuer ca.pem (--subject csr.der | --serial HEX) > content.der     what CertPoll and GetCert enclose
"""

import argparse
import base64
import datetime
import hashlib
import http.client
import secrets
import sys
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import AttributeOID, NameOID

from hostile import der

END_S = 60  # nothing may take longer to be answered, on the busiest machine
CERT_REP, RENEWAL_REQ, PKCS_REQ, CERT_POLL, GET_CERT, GET_CRL = "3", "17", "19", "20", "21", "22"
SUCCESS, FAILURE, PENDING = "0", "2", "3"
BAD_ALG, BAD_MESSAGE_CHECK, BAD_REQUEST, BAD_TIME, BAD_CERT_ID = "0", "1", "2", "3", "4"
MESSAGE_TYPE = "application/x-pki-message"


# --- DER ---------------------------------------------------------------------------------------

def oid(text):
    first, second, *rest = [int(arc) for arc in text.split(".")]
    body = b""
    for arc in [first * 40 + second] + rest:
        groups = [arc & 127]
        while arc > 127:
            arc >>= 7
            groups.append(0x80 | arc & 127)
        body += bytes(reversed(groups))
    return der(6, body)


def integer(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


NULL = der(5)


class Tlv:
    """One element, and nothing after it unless `more`."""

    def __init__(self, data, more=False):
        size, start = data[1], 2
        if size > 128:
            start += size - 128
            size = int.from_bytes(data[2:start], "big")
        elif size == 128:
            raise ValueError("an indefinite length")
        self.tag, self.body, self.all, self.rest = data[0], data[start:start + size], data[:start + size], data[start + size:]
        if len(self.body) != size or self.rest and not more:
            raise ValueError("%d octets too many or too few" % abs(len(data) - start - size))

    def parts(self):
        found, data = [], self.body
        while data:
            found.append(Tlv(data, more=True))
            data = found[-1].rest
        return found

    def inside(self, tag=None):
        """The only element within."""
        one = Tlv(self.body)
        if tag is not None and one.tag != tag:
            raise ValueError("tag %#x instead of %#x" % (one.tag, tag))
        return one


OID_DATA = oid("1.2.840.113549.1.7.1")
OID_SIGNED = oid("1.2.840.113549.1.7.2")
OID_ENVELOPED = oid("1.2.840.113549.1.7.3")
OID_RSA = oid("1.2.840.113549.1.1.1")
OID_CONTENT_TYPE = oid("1.2.840.113549.1.9.3")
OID_MESSAGE_DIGEST = oid("1.2.840.113549.1.9.4")
OID_SIGNING_TIME = oid("1.2.840.113549.1.9.5")
SCEP_ATTRIBUTES = {"messageType": 2, "pkiStatus": 3, "failInfo": 4, "senderNonce": 5, "recipientNonce": 6, "transactionID": 7}
ATTRIBUTES = dict({name: oid("2.16.840.1.113733.1.9.%d" % arc) for name, arc in SCEP_ATTRIBUTES.items()},
                  failInfoText=oid("1.3.6.1.5.5.7.24.1"), contentType=OID_CONTENT_TYPE, messageDigest=OID_MESSAGE_DIGEST,
                  signingTime=OID_SIGNING_TIME)
DIGESTS = {"sha256": (oid("2.16.840.1.101.3.4.2.1"), hashes.SHA256()), "sha384": (oid("2.16.840.1.101.3.4.2.2"), hashes.SHA384()),
           "sha512": (oid("2.16.840.1.101.3.4.2.3"), hashes.SHA512()), "sha224": (oid("2.16.840.1.101.3.4.2.4"), hashes.SHA224()),
           "sha1": (oid("1.3.14.3.2.26"), hashes.SHA1()), "md5": (oid("1.2.840.113549.2.5"), hashes.MD5())}
SIGNATURES = {"sha256": 11, "sha384": 12, "sha512": 13, "sha224": 14, "sha1": 5, "md5": 4}  # below 1.2.840.113549.1.1
CIPHERS = {"aes128": (oid("2.16.840.1.101.3.4.1.2"), 16, 16), "aes192": (oid("2.16.840.1.101.3.4.1.22"), 24, 16),
           "aes256": (oid("2.16.840.1.101.3.4.1.42"), 32, 16), "3des": (oid("1.2.840.113549.3.7"), 24, 8),
           "des": (oid("1.3.14.3.2.7"), 8, 8)}  # OID, octets of the key, octets of a block


def algorithm(name, parameters=b""):
    return der(0x30, name, parameters)


def printable(text):
    return der(0x13, text if isinstance(text, bytes) else text.encode())


def octets(data):
    return der(4, data)


def ber(data, piece=1000):
    """The same in BER: open lengths wherever there may be one, long OCTET STRINGs in pieces."""
    written = b""
    while data:
        one = Tlv(data, more=True)
        data = one.rest
        if one.tag & 0x20:
            written += bytes([one.tag]) + b"\x80" + ber(one.body) + b"\0\0"
        elif one.tag == 4 and len(one.body) > piece:
            pieces = [octets(one.body[at:at + piece]) for at in range(0, len(one.body), piece)]
            written += b"\x24\x80" + b"".join(pieces) + b"\0\0"
        else:
            written += one.all
    return written


def attribute(name, *values):
    return der(0x30, ATTRIBUTES.get(name, name), der(0x31, *values))


def public_der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def issuer_and_serial(certificate):
    return der(0x30, certificate.issuer.public_bytes(), integer(certificate.serial_number))


# --- Keys, requests, certificates ---------------------------------------------------------------

def new_key(bits=2048):
    return rsa.generate_private_key(65537, bits)


def name(*attributes):
    """Of (OID, text), or of one text for a common name."""
    return x509.Name([x509.NameAttribute(*a) if isinstance(a, tuple) else x509.NameAttribute(NameOID.COMMON_NAME, a)
                      for a in attributes])


def csr(key, *subject, san=(), challenge=None, digest=hashes.SHA256()):
    """DER; `san` of general names, or of texts for DNS names."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(*subject))
    if san:
        names = [x509.DNSName(entry) if isinstance(entry, str) else entry for entry in san]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    if challenge is not None:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge.encode() if isinstance(challenge, str) else challenge)
    return builder.sign(key, digest).public_bytes(serialization.Encoding.DER)


def self_signed(key, *subject, valid=None, serial=None, digest=hashes.SHA256()):
    """The certificate by which a client signs its first request (RFC 8894 section 2.3)."""
    now = datetime.datetime.now(datetime.timezone.utc)
    first, last = valid or (now - datetime.timedelta(hours=1), now + datetime.timedelta(days=7))
    builder = (x509.CertificateBuilder().subject_name(name(*subject)).issuer_name(name(*subject)).public_key(key.public_key())
               .serial_number(serial or x509.random_serial_number()).not_valid_before(first).not_valid_after(last)
               .add_extension(x509.KeyUsage(True, False, True, False, False, False, False, False, False), True))
    return builder.sign(key, digest)


def transaction_of(key):
    """As most clients make it: the digest of their key."""
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


# --- EnvelopedData (RFC 5652 section 6) ---------------------------------------------------------

def pkcs1_block(data, size, kind=2, zero=b"\0"):
    """What RSAES-PKCS1-v1_5 raises to the power (RFC 8017 section 7.2.1)."""
    filling = bytes(secrets.randbelow(255) + 1 for _ in range(size - 3 - len(data)))
    return bytes([0, kind]) + filling + zero + data


def rsa_raw(public, block):
    numbers = public.public_numbers()
    return pow(int.from_bytes(block, "big"), numbers.e, numbers.n).to_bytes((numbers.n.bit_length() + 7) // 8, "big")


def key_transport(certificate, key, version=0, whom=None, wrapping=None, encrypted=None, block=None):
    """KeyTransRecipientInfo for that certificate."""
    public = certificate.public_key()
    if encrypted is None:
        encrypted = rsa_raw(public, block or pkcs1_block(key, (public.key_size + 7) // 8))
    return der(0x30, integer(version), issuer_and_serial(certificate) if whom is None else whom,
               algorithm(OID_RSA, NULL) if wrapping is None else wrapping, octets(encrypted))


def block_cipher(cipher, key, iv):
    """Single DES is triple DES with three times the same key."""
    kind = algorithms.AES(key) if cipher.startswith("aes") else algorithms.TripleDES(key * (3 if cipher == "des" else 1))
    return Cipher(kind, modes.CBC(iv))


def enveloped_data(plain, recipient, cipher="aes128", key=None, iv=None, recipients=None, padded=None, encrypted=None,
                   version=0, kind=OID_DATA, cipher_algorithm=None, before=b"", after=b"", outer=OID_ENVELOPED, **transport):
    """ContentInfo with EnvelopedData. `padded`: what is encrypted, without a padding of our own; `encrypted`: what is
    there instead of it. `recipients`: all RecipientInfos."""
    name_of_cipher, key_size, block_size = CIPHERS[cipher]
    key = secrets.token_bytes(key_size) if key is None else key
    iv = secrets.token_bytes(block_size) if iv is None else iv
    if padded is None:
        missing = block_size - len(plain) % block_size
        padded = plain + bytes([missing]) * missing
    if encrypted is None:
        encryptor = block_cipher(cipher, key, iv).encryptor()
        encrypted = encryptor.update(padded) + encryptor.finalize()
    if recipients is None:
        recipients = key_transport(recipient, key, **transport)
    content = der(0x30, kind, cipher_algorithm or algorithm(name_of_cipher, octets(iv)), der(0x80, encrypted))
    return der(0x30, outer, der(0xA0, der(0x30, integer(version), before, der(0x31, recipients), content, after)))


def open_envelope(data, key, certificate):
    """What is in it, and the cipher's name; held to what RFC 8894 section 3.2 and RFC 5652 demand."""
    kind, wrapped = Tlv(data).parts()
    version, recipients, content = wrapped.inside(0x30).parts()
    if kind.all != OID_ENVELOPED or version.all != integer(0):
        raise ValueError("not EnvelopedData of version 0")
    recipient_version, whom, wrapping, encrypted_key = recipients.inside(0x30).parts()
    if recipient_version.all != integer(0) or whom.all != issuer_and_serial(certificate) or wrapping.all != algorithm(OID_RSA, NULL):
        raise ValueError("not for us, or not by RSA")
    content_type, cipher, encrypted = content.parts()
    cipher_oid, iv = cipher.parts()
    cipher_name = next(n for n in CIPHERS if CIPHERS[n][0] == cipher_oid.all)
    if content_type.all != OID_DATA or encrypted.tag != 0x80:
        raise ValueError("not data")
    decryptor = block_cipher(cipher_name, key.decrypt(encrypted_key.body, padding.PKCS1v15()), iv.body).decryptor()
    padded = decryptor.update(encrypted.body) + decryptor.finalize()
    if not 1 <= padded[-1] <= CIPHERS[cipher_name][2] or padded[-padded[-1]:] != padded[-1:] * padded[-1]:
        raise ValueError("a wrong padding")
    return padded[:-padded[-1]], cipher_name


# --- SignedData (RFC 5652 section 5) ------------------------------------------------------------

def standard_attributes(kind, transaction, nonce, content, digest="sha256", content_type=OID_DATA):
    """By name, those of RFC 8894 section 3.2.1 that a request has; a test takes, adds and changes what it likes."""
    return {"contentType": attribute("contentType", content_type),
            "messageDigest": attribute("messageDigest", octets(digest_of(digest, content))),
            "messageType": attribute("messageType", printable(kind)),
            "transactionID": attribute("transactionID", printable(transaction)),
            "senderNonce": attribute("senderNonce", octets(nonce))}


def digest_of(digest, data):
    context = hashes.Hash(DIGESTS[digest][1])
    context.update(data)
    return context.finalize()


def signer_info(key, certificate, attributes, digest="sha256", version=1, whom=None, digest_algorithm=None,
                signature_algorithm=None, signature=None, pss=False, signed_by=None, unsigned=b""):
    """`attributes`: the content of the SET, in its order; None: there is none."""
    if signature is None:
        signed = der(0x31, attributes) if attributes is not None else b""
        signature = sign(signed_by or key, signed, digest, pss)
    if signature_algorithm is None:
        is_rsa = isinstance(key, rsa.RSAPrivateKey)
        signature_algorithm = algorithm(OID_RSA, NULL) if is_rsa else algorithm(oid("1.2.840.10045.4.3.2"))
    return der(0x30, integer(version), issuer_and_serial(certificate) if whom is None else whom,
               digest_algorithm or algorithm(DIGESTS[digest][0], NULL), b"" if attributes is None else der(0xA0, attributes),
               signature_algorithm, octets(signature), unsigned)


def sign(key, data, digest="sha256", pss=False):
    kind = DIGESTS[digest][1]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(kind))
    return key.sign(data, padding.PSS(padding.MGF1(kind), 32) if pss else padding.PKCS1v15(), kind)


def signed_data(content, certificates, signer_infos, digest_algorithms=None, version=1, kind=OID_DATA, wrapped=None, crls=b"",
                outer=OID_SIGNED, after=b""):
    """ContentInfo with SignedData; `content` None: detached."""
    if wrapped is None:
        wrapped = b"" if content is None else der(0xA0, octets(content))
    if digest_algorithms is None:
        digest_algorithms = algorithm(DIGESTS["sha256"][0], NULL)
    return der(0x30, outer, der(0xA0, der(0x30, integer(version), der(0x31, digest_algorithms), der(0x30, kind, wrapped),
                                          der(0xA0, certificates) if certificates else b"", crls, der(0x31, signer_infos), after)))


def pki_message(key, certificate, kind, content, transaction=None, nonce=None, change=None, digest="sha256", is_sorted=True,
                certificates=None, infos=None, hashed=None, **more):
    """A whole message. `change` gets the attributes by name and may change them; `hashed` is what their digest is of;
    `infos` makes all SignerInfos of the attributes' octets; what is left goes to signed_data()."""
    attributes = standard_attributes(kind, transaction_of(key) if transaction is None else transaction,
                                     secrets.token_bytes(16) if nonce is None else nonce,
                                     (content or b"") if hashed is None else hashed, digest)
    if change:
        change(attributes)
    written = list(attributes.values())
    body = b"".join(sorted(written) if is_sorted else written)
    signers = infos(body) if infos else signer_info(key, certificate, body, digest)
    if certificates is None:
        certificates = public_der(certificate)
    return signed_data(content, certificates, signers, more.pop("digest_algorithms", algorithm(DIGESTS[digest][0], NULL)), **more)


class CertRep:
    """A reply, read strictly: one signer whose certificate is in it, signed attributes in the order of DER, each once,
    a good signature. RFC 8894 sections 3.2.1 and 3.3.2."""

    def __init__(self, data):
        self.data = data
        kind, wrapped = Tlv(data).parts()
        parts = wrapped.inside(0x30).parts()
        if kind.all != OID_SIGNED or parts[0].all != integer(1):
            raise ValueError("not SignedData of version 1")
        content = parts[2].parts()
        self.content = content[1].inside(4).body if len(content) > 1 else b""
        by_tag = {part.tag: part for part in parts[3:]}
        self.certificates = [x509.load_der_x509_certificate(part.all) for part in by_tag[0xA0].parts()]
        self.read_signer(by_tag[0x31].inside(0x30).parts())

    def read_signer(self, info):
        version, whom, digest, attributes, signature_algorithm, signature = info
        self.signer = next(c for c in self.certificates if issuer_and_serial(c) == whom.all)
        self.digest = next(n for n in DIGESTS if DIGESTS[n][0] == digest.parts()[0].all)
        self.signature_algorithm = signature_algorithm.all
        if version.all != integer(1) or attributes.tag != 0xA0:
            raise ValueError("no signed attributes")
        written = [part.all for part in attributes.parts()]
        if written != sorted(written):
            raise ValueError("attributes not in the order of DER")
        self.signer.public_key().verify(signature.body, der(0x31, attributes.body), padding.PKCS1v15(), DIGESTS[self.digest][1])
        self.attributes = {}
        for part in attributes.parts():
            key, values = part.parts()
            if key.all in self.attributes:
                raise ValueError("an attribute twice")
            self.attributes[key.all] = values.inside()
        if self.octets("messageDigest") != digest_of(self.digest, self.content):
            raise ValueError("the digest is not that of the content")

    def value(self, wanted, tag):
        found = self.attributes.get(ATTRIBUTES[wanted])
        if found is not None and found.tag != tag:
            raise ValueError("%s has tag %#x" % (wanted, found.tag))
        return found.body if found is not None else None

    def octets(self, wanted):
        return self.value(wanted, 4)

    def text(self, wanted):
        value = self.value(wanted, 0x0C if wanted == "failInfoText" else 0x13)
        return None if value is None else value.decode()

    @property
    def status(self):
        return self.text("pkiStatus")

    @property
    def fail(self):
        return self.text("failInfo")

    @property
    def why(self):
        return self.text("failInfoText")

    def check(self, transaction, nonce):
        """SP5, SP6, SP7: what each reply has to say, whatever else it does."""
        if self.text("messageType") != CERT_REP:
            raise ValueError("messageType %s" % self.text("messageType"))
        if self.text("transactionID") != transaction:
            raise ValueError("transactionID %r" % self.text("transactionID"))
        if nonce is not None and self.octets("recipientNonce") != nonce:
            raise ValueError("the recipientNonce is another one")
        if len(self.octets("senderNonce") or b"") != 16:
            raise ValueError("senderNonce has not 16 octets")
        if self.status not in (SUCCESS, FAILURE, PENDING) or (self.fail is not None) != (self.status == FAILURE):
            raise ValueError("pkiStatus %r with failInfo %r" % (self.status, self.fail))
        if bool(self.content) != (self.status == SUCCESS):
            raise ValueError("content with pkiStatus %s" % self.status)

    def opened(self, key, certificate):
        return open_envelope(self.content, key, certificate)[0]


def degenerate(data):
    """The certificates and the CRLs (DER) of a SignedData that nobody signed (RFC 8894 section 3.4)."""
    kind, wrapped = Tlv(data).parts()
    parts = wrapped.inside(0x30).parts()
    if kind.all != OID_SIGNED or parts[-1].all != der(0x31):
        raise ValueError("it is signed")
    lists = {part.tag: part.parts() for part in parts[3:]}
    return ([x509.load_der_x509_certificate(part.all) for part in lists.get(0xA0, [])], [part.all for part in lists.get(0xA1, [])])


# --- HTTP (RFC 8894 section 4) ------------------------------------------------------------------

class Answer:
    def __init__(self, reply):
        self.status, self.headers, self.body = reply.status, reply.getheaders(), reply.read()

    def header(self, wanted):
        return next((value for key, value in self.headers if key.lower() == wanted.lower()), None)


class Client:
    """Of one server at a URL path; each request is a connection of its own, but for those within `with`."""

    def __init__(self, port, path, host="127.0.0.1"):
        self.host, self.port, self.path, self.kept = host, port, path, None

    def __enter__(self):
        self.kept = self.connect()
        return self

    def __exit__(self, *_):
        self.kept.close()
        self.kept = None

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=END_S)

    def ask(self, method, target, body=None, headers=None):
        connection = self.kept or self.connect()
        try:
            connection.request(method, target, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            if connection is not self.kept:
                connection.close()

    def operation(self, operation, message=None, method="GET", body=None, headers=None):
        target = self.path + "?operation=" + operation
        if message is not None:
            target += "&message=" + message
        return self.ask(method, target, body, headers)

    def post(self, message, headers=None):
        return self.operation("PKIOperation", None, "POST", message, headers)

    def get(self, message, safe=""):
        """`safe`: what is not escaped though it should be."""
        return self.operation("PKIOperation", urllib.parse.quote(base64.b64encode(message).decode(), safe))

    def ca_certificates(self):
        return ca_certificates(self.operation("GetCACert"))


def ca_certificates(answer):
    """Those of GetCACert, the first of which is the RA's, or the CA's own."""
    if answer.status != 200:
        raise ValueError("status %d: %r" % (answer.status, answer.body[:200]))
    if answer.header("Content-Type") == "application/x-x509-ca-cert":
        return [x509.load_der_x509_certificate(answer.body)]
    return degenerate(answer.body)[0]


# --- For shells ---------------------------------------------------------------------------------

def load(path, loader):
    with open(path, "rb") as file:
        data = file.read()
    return loader(data)


def run_sign(options):
    key = load(options.key, lambda data: serialization.load_pem_private_key(data, None))
    certificate = load(options.cert, x509.load_pem_x509_certificate)
    content = load(options.content, bytes)
    message = pki_message(key, certificate, options.type, content, options.transaction)
    sys.stdout.buffer.write(ber(message) if options.ber else message)


def run_show(options):
    reply = load(options.reply, CertRep)
    for wanted in ("messageType", "pkiStatus", "failInfo", "failInfoText", "transactionID"):
        if reply.text(wanted) is not None:
            print("%s: %s" % (wanted, reply.text(wanted)))
    for wanted in ("senderNonce", "recipientNonce"):
        print("%s: %s" % (wanted, (reply.octets(wanted) or b"").hex()))


def run_name(options):
    issuer = load(options.issuer, x509.load_pem_x509_certificate).subject.public_bytes()
    if options.serial:
        second = integer(int(options.serial, 16))
    else:
        second = load(options.subject, x509.load_der_x509_csr).subject.public_bytes()
    sys.stdout.buffer.write(der(0x30, issuer, second))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("sign")
    for option in ("type", "key", "cert", "content"):
        command.add_argument("--" + option, required=True)
    command.add_argument("--transaction")
    command.add_argument("--ber", action="store_true")
    command.set_defaults(run=run_sign)
    command = commands.add_parser("show")
    command.add_argument("reply")
    command.set_defaults(run=run_show)
    command = commands.add_parser("name")
    command.add_argument("--issuer", required=True)
    command.add_argument("--subject")
    command.add_argument("--serial")
    command.set_defaults(run=run_name)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
