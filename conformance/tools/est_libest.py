"""What Cisco's libest (3.2, estclient) says to an EST server, word for word, and how it reads the answers; for
conformance/est_libest.sh, since Debian does not have it. Written from what the library puts on the wire:

* each request on a connection of its own, TLS 1.2 at most, "Connection: close"; behind the body, and behind the header of
  a GET, there are two more octets, CR LF, that Content-Length does not count;
* the body is base64 in lines of 64 characters;
* no credentials at first; after a 401 the first WWW-Authenticate alone counts, and the whole exchange comes again on a new
  connection. Of Digest it knows MD5, which this server has not, so that it comes with Basic;
* csrattrs first: a challengePassword anywhere in it makes it put tls-unique into the request;
* names of header fields are compared letter by letter, there may be sixteen, Content-Length must be there, and be the number
  of octets up to the end of the connection, which has to be closed as TLS says;
* renewal is for the subject of the old certificate, with all of its extensions copied into the request;
* a part of serverkeygen counts only with Content-Type and Content-Transfer-Encoding: base64.

Prints "ok - NAME" and "not ok - NAME". Arguments: the mutual port, roots in PEM; on standard input USER:PASSWORD.
"""
import base64
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["CHANCERY_TOP"], "tests", "tools"))

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.serialization import pkcs7  # noqa: E402
from cryptography.x509.oid import AttributeOID  # noqa: E402

from est_wire import END_S, name, new_key  # noqa: E402
from scep_wire import Tlv  # noqa: E402

PORT, ROOTS = int(sys.argv[1]), sys.argv[2]
USER, _, PASSWORD = sys.stdin.readline().strip().partition(":")
TYPES = {"cacerts": "application/pkcs7-mime", "csrattrs": "application/csrattrs", "serverkeygen": "multipart/mixed",
         "simpleenroll": "application/pkcs7-mime; smime-type=certs-only",
         "simplereenroll": "application/pkcs7-mime; smime-type=certs-only"}
CHALLENGE_PASSWORD = bytes.fromhex("06092a864886f70d010907")


def check(name, holds, why=""):
    if not holds and why:
        print(str(why)[:600])
    print(("ok - " if holds else "not ok - ") + name, flush=True)


class Refused(Exception):
    pass


class Client:
    """The state that libest keeps from one connection to the next."""

    def __init__(self, label="", pair=None, credentials=True):
        self.segment = "/" + label if label else ""
        self.context = ssl.create_default_context(cafile=ROOTS)
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        if pair:
            self.context.load_cert_chain(*pair)
        self.credentials, self.authorization, self.is_tied = credentials, "", False
        self.statuses = []

    def connect(self):
        plain = socket.create_connection(("localhost", PORT), END_S)
        return self.context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)

    def operation(self, what, make_body=None):
        """One connection, and after a 401 one more. `make_body` gets the connection, for tls-unique."""
        for _ in range(2):
            with self.connect() as sock:
                body = make_body(sock) if make_body else None
                status, fields, payload = self.exchange(sock, what, body)
            self.statuses.append(status)
            if status != 401 or self.authorization or not self.credentials:
                break
            self.authorization = self.answer_challenge(fields)
        if status != 200:
            raise Refused(status, fields, payload)
        return self.check_payload(what, fields, payload)

    def exchange(self, sock, what, body):
        method = "GET" if body is None else "POST"
        head = ("%s /.well-known/est%s/%s HTTP/1.1\r\nUser-Agent: libest 3.2.0\r\nConnection: close\r\nHost: localhost:%d\r\n"
                "Accept: */*\r\n" % (method, self.segment, what, PORT))
        if body is not None:
            head += "Content-Type: application/pkcs10\r\nContent-Length: %d\r\n" % len(body)
        if what != "cacerts":
            head += self.authorization
        sock.sendall(head.encode() + b"\r\n" + (body or b"") + b"\r\n")
        answer = b""
        while True:
            some = sock.recv(16384)  # raises where the end is not TLS's own
            if not some:
                break
            answer += some
        top, _, payload = answer.partition(b"\r\n\r\n")
        lines = top.decode().split("\r\n")
        status = re.match(r"HTTP/1\.1 (\d{3}) ", lines[0])
        check("%s: a status line that libest knows" % what, status and int(status.group(1)) in (200, 202, 204, 400, 401, 403, 404), lines[0])
        fields = [line.split(": ", 1) for line in lines[1:]]
        check("%s: no more than sixteen fields" % what, len(fields) <= 16, fields)
        return int(status.group(1)), fields, payload

    @staticmethod
    def answer_challenge(fields):
        first = next(value for key, value in fields if key == "WWW-Authenticate")
        check("the first challenge is Basic", first.startswith("Basic "), first)
        return "Authorization: Basic %s\r\n" % base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode()

    @staticmethod
    def check_payload(what, fields, payload):
        given = dict(fields)
        check("%s: its Content-Type" % what, given.get("Content-Type", "").startswith(TYPES[what]), fields)
        check("%s: its Content-Length, and nothing behind" % what, given.get("Content-Length") == str(len(payload)), fields)
        return multipart(given["Content-Type"], payload) if what == "serverkeygen" else base64.b64decode(payload)


def multipart(kind, payload):
    """The octets of both parts, by their type."""
    boundary = kind.split("boundary=")[1].strip('"')
    check("serverkeygen: a boundary that libest takes", re.fullmatch(r"[-+'(),./:=?_ 0-9A-Za-z]{1,70}", boundary), boundary)
    found = {}
    for part in payload.decode().split("--" + boundary)[1:-1]:
        head, _, body = part.lstrip("\r\n").partition("\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.split("\r\n"))
        check("serverkeygen: a part that says what it is", fields.get("Content-Transfer-Encoding", "").startswith("base64"), head)
        found[fields["Content-Type"]] = base64.b64decode(body)
    check("serverkeygen: a key and a certificate",
          [t for t in found if t.startswith("application/pkcs8")] and [t for t in found if t.startswith(TYPES["simpleenroll"])], found.keys())
    return found


def wrapped(der):
    """As OpenSSL's base64 filter writes it."""
    return b"".join(base64.b64encode(der[i:i + 48]) + b"\n" for i in range(0, len(der), 48))


def unique(sock):
    return base64.b64encode(sock.get_channel_binding("tls-unique"))


def request(key, subject, tie=None, extensions=()):
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    if tie:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, tie)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def wants_tie(der):
    """libest walks over OIDs in SEQUENCEs and SETs, passes over all else, and takes at most 1024 octets, 1035 with this one in it."""
    def walk(element):
        if element.tag in (0x30, 0x31):
            return any([walk(part) for part in element.parts()])
        return element.all == CHALLENGE_PASSWORD
    found = walk(Tlv(der))
    check("csrattrs: short enough", len(der) <= (1035 if found else 1024), len(der))
    return found


def pem_files(folder, certificate, key):
    stem = os.path.join(folder, "%x" % certificate.serial_number)
    with open(stem + ".pem", "wb") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
    with open(stem + ".key", "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return stem + ".pem", stem + ".key"


def leaf(der, key=None):
    found = pkcs7.load_der_pkcs7_certificates(der)
    check("one certificate, for this key", len(found) == 1 and (
        key is None or found[0].public_key().public_numbers() == key.public_key().public_numbers()), found)
    return found[0]


def chain():
    """estclient -g: what comes has to have its own root in it, and each certificate a path to that."""
    found = pkcs7.load_der_pkcs7_certificates(Client().operation("cacerts"))
    roots = [c for c in found if c.issuer == c.subject]
    with tempfile.TemporaryDirectory() as folder:
        for file, some in (("roots", roots), ("all", found)):
            with open(os.path.join(folder, file), "wb") as out:
                out.write(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in some))
        verified = [subprocess.run(["openssl", "verify", "-CAfile", os.path.join(folder, "roots"), "-untrusted", os.path.join(folder, "all")],
                                   input=c.public_bytes(serialization.Encoding.PEM), capture_output=True) for c in found]
    check("cacerts has a root, and all of it verifies", roots and all(v.returncode == 0 for v in verified), [v.stderr for v in verified])


def provision(folder, label=""):
    """est_client_provision_cert: csrattrs, then simpleenroll."""
    client, key = Client(label), new_key()
    client.is_tied = wants_tie(client.operation("csrattrs"))
    certificate = leaf(client.operation("simpleenroll", lambda sock: wrapped(request(
        key, name(USER), unique(sock) if client.is_tied else None))), key)
    check("a request, a challenge, a request with a password", client.statuses == [200, 401, 200], client.statuses)
    return certificate, pem_files(folder, certificate, key), client


def renew(certificate, pair, subject_only=False):
    """estclient -r."""
    client = Client(pair=pair, credentials=False)
    with open(pair[1], "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)  # the same key: it makes no new one
    extensions = [] if subject_only else list(certificate.extensions)
    made = leaf(client.operation("simplereenroll", lambda sock: wrapped(request(key, certificate.subject, None, extensions))), key)
    check("estclient -r: another certificate for the same subject", made.subject == certificate.subject and
          made.serial_number != certificate.serial_number, made)


def forced_tie(certificate, pair):
    """estclient --pop, where nobody asks for it: one that is there is checked."""
    with open(pair[1], "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    client = Client(pair=pair, credentials=False)
    leaf(client.operation("simplereenroll", lambda sock: wrapped(request(key, certificate.subject, unique(sock)))))
    try:
        client.operation("simplereenroll", lambda sock: wrapped(request(key, certificate.subject, b"AAAAAAAAAAAAAAAA")))
        check("a tie to another connection is refused (S9)", False)
    except Refused as why:
        check("a tie to another connection is refused (S9)", why.args[0] == 403, why)


def server_key():
    """estclient -e --server-keygen-enroll."""
    client = Client("keys")
    found = client.operation("serverkeygen", lambda sock: wrapped(request(new_key(), name(USER))))
    key = serialization.load_der_private_key(next(found[t] for t in found if t.startswith("application/pkcs8")), None)
    leaf(next(found[t] for t in found if not t.startswith("application/pkcs8")), key)


def waiting():
    """Status 202: Retry-After in digits, at most ten of them."""
    client = Client("desk")
    try:
        client.operation("simpleenroll", lambda sock: wrapped(request(new_key(), name(USER))))
        check("a request waits", False)
    except Refused as why:
        status, fields, _ = why.args
        check("a request waits", status == 202 and re.fullmatch(r"\d{1,10}", dict(fields).get("Retry-After", "")), why)


with tempfile.TemporaryDirectory() as place:
    chain()
    first, files, _ = provision(place)
    renew(first, files)
    renew(first, files, subject_only=True)
    forced_tie(first, files)
    _, _, bound = provision(place, "bound")
    check("csrattrs made it tie the request (E5)", bound.is_tied)
    server_key()
    waiting()
