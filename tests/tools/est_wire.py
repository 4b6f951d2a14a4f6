"""EST on the wire, for programs that test it: TLS with or without a certificate, requests, answers."""

import base64
import http.client
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import AttributeOID, NameOID

END_S = 60  # nothing may take longer to be answered, on the busiest machine
WELL_KNOWN = "/.well-known/est"


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


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
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge)
    return builder.sign(key, digest).public_bytes(serialization.Encoding.DER)


def basic(user, password):
    pair = user + b":" + password if isinstance(user, bytes) else ("%s:%s" % (user, password)).encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def tls_context(roots, certificate=None, key=None, version=None, weak=False):
    """`certificate`, `key`: PEM files."""
    context = ssl.create_default_context(cafile=roots)
    if weak:
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


class Answer:
    def __init__(self, reply):
        self.status, self.headers, self.body = reply.status, reply.getheaders(), reply.read()

    def all(self, wanted):
        return [value for key, value in self.headers if key.lower() == wanted.lower()]

    def header(self, wanted):
        return next(iter(self.all(wanted)), None)

    def certificates(self):
        return pkcs7.load_der_pkcs7_certificates(base64.b64decode(self.body))

    def certificate(self):
        found = self.certificates()
        if len(found) != 1:
            raise ValueError("%d certificates instead of one" % len(found))
        return found[0]


class Door:
    """One connection."""

    def __init__(self, port, context):
        kind = http.client.HTTPConnection if context is None else http.client.HTTPSConnection
        more = {} if context is None else {"context": context}
        self.connection = kind("localhost", port, timeout=END_S, **more)
        self.connection.connect()
        self.sock = self.connection.sock

    def unique(self):
        """tls-unique (RFC 5929), as a challengePassword."""
        return base64.b64encode(self.sock.get_channel_binding("tls-unique"))

    def ask(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        return Answer(self.connection.getresponse())

    def post(self, path, der, headers=None, content_type="application/pkcs10"):
        """`der` in base64; text goes as it is."""
        body = base64.b64encode(der) if isinstance(der, bytes) else der.encode()
        given = {} if content_type is None else {"Content-Type": content_type}
        return self.ask("POST", path, body, dict(given, **(headers or {})))

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
