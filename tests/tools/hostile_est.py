#!/usr/bin/env python3
"""A malicious EST client: one deviation from RFC 7030, 8951 or from what it may ask for per case, against a running server.

Every case is named after the row that it drives (E5, S9, V21 ...), says which status must come back, and must not have
made a certificate, but for those that it says. A refusal is one line of text. Prints TAP.

  hostile_est.py --https 8443 --mutual 8444 --http 8080 --cacert roots.pem --chancery ./chancery --dir ./demo \\
      --manufacturer maker --all

--manufacturer names a CA certificate with its key, maker.pem and maker.key. The server has to have the labels
that --labels prints, maker.pem being among their anchors. Users and tokens are made by the chancery program.
"""

import argparse
import base64
import datetime
import hashlib
import itertools
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

import hostile_est_cmc
import hostile_est_keys
from est_wire import END_S, WELL_KNOWN, Answer, Door, basic, csr, name, new_key, tls_context
from hostile import Failed, Skipped, count_certificates, der, in_parallel, need, tap
from scep_wire import Tlv

PROFILES = """\
  - name: gate
    ca: issuing
    usages: [client_auth]
    subject: [common_name]
  - name: rooted
    ca: root
    usages: [client_auth]
    subject: [common_name]
  - name: brief
    ca: issuing
    validity: 1m
    backdate: 0s
    usages: [client_auth]
    subject: [common_name]
  - name: agent
    ca: issuing
    usages: [client_auth, registrar]
    subject: [common_name]
  - name: agent-rooted
    ca: root
    usages: [client_auth, registrar]
    subject: [common_name]
"""
LABELS = """\
  - label: gate
    profile: gate
    authentication: [user]
  - label: rooted
    profile: rooted
    authentication: [user]
  - label: brief
    profile: brief
    authentication: [user]
  - label: agents
    profile: agent
    authentication: [token]
  - label: agents-rooted
    profile: agent-rooted
    authentication: [token]
  - label: fleet
    profile: device
    authentication: [certificate]
    registrars: true
  - label: bound
    profile: device
    authentication: [user]
    channel_binding: required
  - label: factory
    profile: device
    authentication: [certificate]
    anchors: [%(manufacturer)s.pem]
  - label: both
    profile: device
    authentication: [certificate+user]
    anchors: [%(manufacturer)s.pem]
    anchored_names: any
  - label: desk
    profile: device
    authentication: [user]
    approval: manual
  - label: keys
    profile: device
    authentication: [certificate, user, token]
    server_keys: tls
  - label: sealed
    profile: device
    authentication: [certificate, user]
    anchors: [%(manufacturer)s.pem]
    server_keys: encrypted
  - label: keys-desk
    profile: device
    authentication: [user]
    approval: manual
    server_keys: tls
"""
ENROLL, REENROLL = "/simpleenroll", "/simplereenroll"
DAY = datetime.timedelta(days=1)
ALWAYS = (datetime.datetime(2020, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59))


def sha1_signed(signed, key):
    """The same certificate or request by ECDSA with SHA-1, with which newer versions of the library sign no more."""
    to_be_signed = Tlv(signed).parts()[0].body.replace(bytes.fromhex("300a06082a8648ce3d040302"), SHA1_ECDSA, 1)
    to_be_signed = der(0x30, to_be_signed)
    signature = key.sign(hashlib.sha1(to_be_signed).digest(), ec.ECDSA(utils.Prehashed(hashes.SHA1())))
    return der(0x30, to_be_signed, SHA1_ECDSA, der(3, b"\0", signature))


SHA1_ECDSA = bytes.fromhex("300906072a8648ce3d0401")


class Device:
    """A key and the certificate that it got, or was born with; PEM files, as ssl wants them."""

    def __init__(self, folder, key, *chain):
        self.key, self.certificate = key, chain[0]
        stem = os.path.join(folder, secrets.token_hex(8))
        self.pem, self.key_pem = stem + ".pem", stem + ".key"
        with open(self.pem, "wb") as file:
            file.write(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain))
        with open(self.key_pem, "wb") as file:
            file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))


class World:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.numbers = itertools.count(1)
        self.made = {}
        self.secrets = []
        self.keys = []  # that the server made
        self.plain = tls_context(options.cacert)
        with open(options.manufacturer + ".pem", "rb") as file:
            self.maker = x509.load_pem_x509_certificate(file.read())
        with open(options.manufacturer + ".key", "rb") as file:
            self.maker_key = serialization.load_pem_private_key(file.read(), None)
        self.expected = self.count()

    def once(self, what, make):
        if what not in self.made:
            self.made[what] = make()
        return self.made[what]

    def count(self):
        return count_certificates(self.options.chancery, self.options.dir)

    def chancery(self, *words, given=None):
        out = subprocess.run([self.options.chancery, *words, "--dir", self.options.dir], capture_output=True, input=given)
        need(out.returncode == 0, out.stderr.decode())
        return out.stdout.decode()

    def secret(self, *words):
        """What a command prints alone on its last line."""
        self.secrets.append(self.chancery(*words).splitlines()[-1])
        return self.secrets[-1]

    def user(self, *options, prefix="user"):
        """(name, password) of a new one."""
        user = "%s-%d" % (prefix, next(self.numbers))
        return user, self.secret("est", "user", "add", user, *options)

    def token(self, *names, label="default"):
        words = [word for text in names for word in ("--name", text)]
        return self.secret("est", "token", "create", "--label", label, *words)

    @property
    def alice(self):
        return self.once("alice", lambda: self.user(prefix="alice"))

    @property
    def desk(self):
        return self.once("desk", lambda: self.user("--registrar", prefix="desk"))

    def door(self, device=None, mutual=False, version=None, weak=False):
        port = self.options.mutual if mutual or device else self.options.https
        if device is None and version is None:
            return Door(port, self.plain)
        files = (device.pem, device.key_pem) if device else (None, None)
        return Door(port, tls_context(self.options.cacert, *files, version=version, weak=weak))

    def post(self, der_or_text, headers=None, path=ENROLL, label="/default", device=None, mutual=False, **more):
        """503 says that there is no room just now, and is no answer to what was asked: it is asked again."""
        until = time.monotonic() + END_S
        while True:
            with self.door(device, mutual) as door:
                answer = door.post(WELL_KNOWN + label + path, der_or_text, headers, **more)
            if answer.status != 503 or time.monotonic() > until:
                return answer
            need(answer.header("Retry-After"), "503 without Retry-After")
            time.sleep(0.5)

    def get(self, path, method="GET", headers=None):
        with self.door() as door:
            return door.ask(method, path, None, headers)

    def raw(self, data, tls=True, more=b""):
        """Bytes as they are; what comes back, or nothing."""
        with socket.create_connection(("localhost", self.options.https if tls else self.options.http), END_S) as plain:
            sock = self.plain.wrap_socket(plain, server_hostname="localhost") if tls else plain
            try:
                sock.sendall(data)
                reply = http_reply(sock)
                return Answer(reply) if reply else None
            finally:
                sock.close()

    def enrolled(self, device_name, label="default", user=None, path=ENROLL, device=None):
        """An honest certificate."""
        key = new_key()
        headers = basic(*(user or self.desk)) if device is None else None
        answer = self.post(csr(key, device_name), headers, path, "/" + label, device)
        need(answer.status == 200, "an honest request was refused: %d %r" % (answer.status, answer.body))
        self.expected += 1
        return Device(self.folder, key, answer.certificate())

    def waiting(self, who):
        """That user's requests."""
        rows = json.loads(self.chancery("request", "list", "--json"))
        return [row for row in rows if row["requester"] == "est-user:" + who[0]]

    @property
    def device(self):
        return self.once("device", lambda: self.enrolled("dev-1"))

    def born(self, *subject, key=None, issuer=None, issuer_key=None, valid=ALWAYS, usages=None, serial=None, is_ca=False,
             is_sha1=False, chain=None):
        """A certificate as manufacturers put them into devices."""
        key, issuer = key or new_key(), issuer or self.maker
        builder = (x509.CertificateBuilder().subject_name(name(*subject)).issuer_name(issuer.subject).public_key(key.public_key())
                   .serial_number(serial or x509.random_serial_number()).not_valid_before(valid[0]).not_valid_after(valid[1])
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False))
        if is_ca:
            builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
        issuer_key = issuer_key or self.maker_key
        certificate = builder.sign(issuer_key, hashes.SHA256())
        if is_sha1:
            certificate = x509.load_der_x509_certificate(sha1_signed(certificate.public_bytes(serialization.Encoding.DER), issuer_key))
        return Device(self.folder, key, certificate, *(chain if chain is not None else [issuer]))


def http_reply(sock):
    import http.client
    reply = http.client.HTTPResponse(sock)
    try:
        reply.begin()
    except http.client.BadStatusLine:
        return None
    return reply


# --- The cases ---------------------------------------------------------------------------------

CASES = []


def case(title, *statuses, made=0):
    """The function makes the deviation and returns the server's answer; None: it closed without one."""
    def add(function):
        CASES.append((title, statuses, made, function))
        return function
    return add


REFUSED = (400, 403)  # what the profile gives to nobody is a mistake of the request, what it gives to others is not


def alice_asks(title, *subject, **more):
    """alice, who may ask for her own name, asks for something else; {} is her name."""
    def run(w):
        given = [(a[0], a[1].replace("{}", w.alice[0])) if isinstance(a, tuple) else a.replace("{}", w.alice[0]) for a in subject]
        return w.post(csr(new_key(), *given, **more), basic(*w.alice))
    case(title, *REFUSED)(run)


def good(w, **more):
    """A request that alice may make."""
    return csr(new_key(), w.alice[0], **more)


# E1: labels and operations.
for title, path in (("unknown-label", "/nowhere/cacerts"), ("operation-as-label", "/cacerts/cacerts"), ("no-operation", "/default"),
                    ("nothing", ""), ("slash", "/default/"), ("unknown-operation", "/default/simpleenrol"),
                    ("label-twice", "/default/default/cacerts"), ("below", "/default/cacerts/x")):
    case("E1-" + title, 404)(lambda w, path=path: w.get(WELL_KNOWN + path))


# E2: TLS, and never without.
def closed(w, **settings):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(settings.get("ciphers", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"))
    context.maximum_version = settings.get("version", ssl.TLSVersion.TLSv1_2)
    for port in (w.options.https, w.options.mutual):
        try:
            Door(port, context).close()
        except (ssl.SSLError, ConnectionError):
            continue
        raise Failed("the handshake came through at port %d" % port)


case("E2-tls-1.1")(lambda w: closed(w, version=ssl.TLSVersion.TLSv1_1))
case("E2-anonymous")(lambda w: closed(w, ciphers="aNULL:@SECLEVEL=0"))
case("E2-unencrypted")(lambda w: closed(w, ciphers="eNULL:@SECLEVEL=0"))


@case("E2-clear-text-at-the-port-of-tls")
def _(w):
    with socket.create_connection(("localhost", w.options.https), END_S) as sock:
        sock.sendall(b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            need(not sock.recv(64).startswith(b"HTTP/1.1 2"), "it was answered")
        except ConnectionError:
            pass


# E4: who asks comes first.
case("E4-nobody", 401)(lambda w: w.post(good(w)))
case("E4-nobody-without-label", 401)(lambda w: w.post(good(w), label=""))
case("E4-nobody-with-garbage", 401)(lambda w: w.post("!"))
case("E4-nobody-serverkeygen", 401, 403, 501)(lambda w: w.post(good(w), path="/serverkeygen"))
case("E4-nobody-fullcmc", 400, 401, 403, 501)(lambda w: w.post("AAAA", path="/fullcmc", content_type="application/pkcs7-mime"))


# E5, S9: the tie to the connection.
def tied(title, challenge, *statuses, label="/bound", mutual=True, version=ssl.TLSVersion.TLSv1_2):
    """`challenge` makes a challengePassword of two doors, of which the first is asked."""
    def run(w):
        with w.door(mutual=mutual, version=version) as one, w.door(mutual=True, version=version) as other:
            return one.post(WELL_KNOWN + label + ENROLL, good(w, challenge=challenge(one, other)), basic(*w.alice))
    case(title, *(statuses or (403,)))(run)


tied("E5-absent", lambda one, other: None)
tied("E5-empty", lambda one, other: b"", 400, 403)
tied("E5-random", lambda one, other: base64.b64encode(secrets.token_bytes(12)))
tied("E5-random-where-optional", lambda one, other: base64.b64encode(secrets.token_bytes(12)), label="/default")
tied("E5-at-the-port-without-ties", lambda one, other: one.unique(), label="/default", mutual=False)
tied("E5-shortened", lambda one, other: one.unique()[:-4])
tied("E5-lengthened", lambda one, other: one.unique() + b"AAAA")
tied("E5-newline", lambda one, other: one.unique() + b"\n", 400, 403)
tied("E5-in-hex", lambda one, other: base64.b64decode(one.unique()).hex().encode())
tied("E5-base64-twice", lambda one, other: base64.b64encode(one.unique()))
tied("S9-other-connection", lambda one, other: other.unique())
tied("S9-tls-1.3", lambda one, other: one.unique(), version=ssl.TLSVersion.TLSv1_3)


@case("E5-two-of-them", 400)
def _(w):
    challenge = der(0x30, OID_CHALLENGE, der(0x31, der(0x13, b"abc")))
    return w.post(handmade(w, attributes=challenge + challenge), basic(*w.alice))


@case("E5-two-values", 400)
def _(w):
    return w.post(handmade(w, attributes=der(0x30, OID_CHALLENGE, der(0x31, der(0x13, b"abc"), der(0x13, b"abd")))), basic(*w.alice))


# E6: re-enrolment is for the same names.
def renewal(title, *subject, **more):
    case(title, *REFUSED)(lambda w: w.post(csr(new_key(), *subject, **more), path=REENROLL, device=w.device))


renewal("E6-other-name", "dev-2")
renewal("E6-letters", "DEV-1")
renewal("E6-more-subject", "dev-1", (NameOID.SERIAL_NUMBER, "1"))
renewal("E6-more-names", "dev-1", san=["dev-2.t.test"])
renewal("E6-names-for-subject", san=["dev-1"])
case("E6-nothing-shown", 403)(lambda w: w.post(csr(new_key(), "dev-1"), path=REENROLL, mutual=True))
case("E6-at-the-ordinary-port", 403)(lambda w: w.post(csr(new_key(), "dev-1"), path=REENROLL))
case("E6-by-password", 403)(lambda w: w.post(good(w), basic(*w.alice), path=REENROLL, mutual=True))


@case("E6-fewer-names", 403)
def _(w):
    key = new_key()
    answer = w.post(csr(key, "dev-3", san=["dev-3.t.test"]), basic(*w.desk))
    need(answer.status == 200, "an honest request was refused: %r" % answer.body)
    w.expected += 1
    return w.post(csr(new_key(), "dev-3"), path=REENROLL, device=Device(w.folder, key, answer.certificate()))


# V10, V11: certificates that were good once, or are good elsewhere.
@case("V10-revoked", 403)
def _(w):
    w.once("revoked", lambda: revoked(w))
    return w.post(csr(new_key(), "dev-4"), path=REENROLL, device=w.made["revoked"])


def revoked(w):
    device = w.enrolled("dev-4")
    w.chancery("cert", "revoke", "%032x" % device.certificate.serial_number)
    return device


@case("V10-revoked-at-simpleenroll", 401)
def _(w):
    return w.post(csr(new_key(), "dev-4"), device=w.once("revoked", lambda: revoked(w)))


@case("V10-revoked-on-a-kept-connection", 403)
def _(w):
    device = w.enrolled("dev-5")
    with w.door(device) as door:
        need(door.post(WELL_KNOWN + REENROLL, csr(new_key(), "dev-5")).status == 200, "an honest renewal was refused")
        w.expected += 1
        w.chancery("cert", "revoke", "%032x" % device.certificate.serial_number)
        return door.post(WELL_KNOWN + REENROLL, csr(new_key(), "dev-5"))


case("V11-other-ca", 403)(lambda w: w.post(csr(new_key(), "dev-6"), path=REENROLL,
                                           device=w.once("rooted", lambda: w.enrolled("dev-6", "rooted"))))
case("V11-other-ca-at-simpleenroll", 403)(lambda w: w.post(
    csr(new_key(), "dev-6"), device=w.once("rooted", lambda: w.enrolled("dev-6", "rooted"))))
case("V11-our-device-at-the-other-ca", 403)(lambda w: w.post(csr(new_key(), "dev-1"), path=REENROLL, label="/rooted", device=w.device))
case("V11-other-profile", 403)(lambda w: w.post(csr(new_key(), "dev-1"), path=REENROLL, label="/gate", device=w.device))
case("V11-registrar-of-the-other-ca", 403)(lambda w: w.post(csr(new_key(), "dev-7"), label="/fleet", device=registrar(w, "agents-rooted")))


@case("V10-key-of-another-certificate-is-blocked", 403)
def _(w):
    """A key that was compromised proves nothing with any of its certificates."""
    first = w.enrolled("dev-18")
    second = w.post(csr(first.key, "dev-18"), path=REENROLL, device=first)
    need(second.status == 200, "an honest renewal was refused: %r" % second.body)
    w.expected += 1
    w.chancery("cert", "revoke", "%032x" % first.certificate.serial_number, "--reason", "keyCompromise")
    return w.post(csr(new_key(), "dev-18"), path=REENROLL, device=Device(w.folder, first.key, second.certificate()))


# E13: registrars, where they count, and only there.
def registrar(w, label="agents"):
    def make():
        key, token = new_key(), w.token("cn:agent", label=label)
        answer = w.post(csr(key, "agent"), bearer(token), label="/" + label)
        need(answer.status == 200, "a registrar got no certificate: %d %r" % (answer.status, answer.body))
        w.expected += 1
        return Device(w.folder, key, answer.certificate())
    return w.once(label, make)


def bearer(token):
    return {"Authorization": "Bearer " + token}


case("E13-registrar-where-none-counts", 403)(lambda w: w.post(csr(new_key(), "dev-7"), device=registrar(w)))
case("E13-registrar-where-one-counts", 200, made=1)(lambda w: w.post(csr(new_key(), "dev-7"), label="/fleet", device=registrar(w)))
case("E13-registrar-beyond-the-profile", 403, 400)(lambda w: w.post(
    csr(new_key(), (NameOID.ORGANIZATION_NAME, "Test Corp"), "dev-7"), label="/fleet", device=registrar(w)))
case("E13-registrar-renews-another", 403)(lambda w: w.post(csr(new_key(), "dev-7"), path=REENROLL, label="/fleet", device=registrar(w)))
case("E13-registrar-renews-another-at-its-own-label", 403)(lambda w: w.post(
    csr(new_key(), "dev-7"), path=REENROLL, label="/agents", device=registrar(w)))
case("E13-registrar-renews-itself", 200, made=1)(lambda w: w.post(csr(new_key(), "agent"), path=REENROLL, label="/agents", device=registrar(w)))
case("E13-no-registrar", 403)(lambda w: w.post(csr(new_key(), "dev-7"), label="/fleet", device=w.device))
case("E13-foreign-registrar", 401, 403)(lambda w: w.post(csr(new_key(), "dev-7"), label="/fleet", device=w.born(
    "agent", usages=[ObjectIdentifier("1.3.6.1.5.5.7.3.28")])))


# Certificates of others.
def shown(title, make, *statuses, label="/factory", path=ENROLL, subject=("unit-1",), headers=None, weak=False):
    def run(w):
        device = make(w)
        with w.door(device, weak=weak) as door:
            return door.post(WELL_KNOWN + label + path, csr(new_key(), *subject), headers(w) if headers else None)
    case(title, *(statuses or (403,)))(run)


def stranger(w, *subject):
    def make():
        key = new_key()
        return w.born("Somebody Else", key=key, issuer_key=key, is_ca=True, chain=[])
    root = w.once("stranger", make)
    return w.born(*subject, issuer=root.certificate, issuer_key=root.key)


def self_signed(w, *subject):
    key = new_key()
    builder = (x509.CertificateBuilder().subject_name(name(*subject)).issuer_name(name(*subject)).public_key(key.public_key())
               .serial_number(1).not_valid_before(ALWAYS[0]).not_valid_after(ALWAYS[1]))
    return Device(w.folder, key, builder.sign(key, hashes.SHA256()))


def pretender(w, key=None):
    """All that the certificate of our device says, its issuer and its serial number too, signed by somebody else."""
    ours = w.device.certificate
    issuer = new_key()
    builder = (x509.CertificateBuilder().subject_name(ours.subject).issuer_name(ours.issuer).serial_number(ours.serial_number)
               .public_key((key or new_key()).public_key()).not_valid_before(ours.not_valid_before)
               .not_valid_after(ours.not_valid_after))
    for extension in ours.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(issuer, hashes.SHA256())


def same_serial(w):
    key = new_key()
    return Device(w.folder, key, pretender(w, key))


def leaf_as_issuer(w):
    """Our device signs for another one."""
    return w.born("unit-1", issuer=w.device.certificate, issuer_key=w.device.key)


YEAR_2100 = (datetime.datetime(2100, 1, 1), ALWAYS[1])
shown("V10-manufacturer-expired", lambda w: w.born("unit-1", valid=(ALWAYS[0], ALWAYS[0] + DAY)))
shown("V10-manufacturer-not-yet-valid", lambda w: w.born("unit-1", valid=YEAR_2100))
shown("V11-other-manufacturer", lambda w: stranger(w, "unit-1"))
shown("V11-self-signed", lambda w: self_signed(w, "unit-1"))
shown("V11-manufacturer-where-none-counts", lambda w: w.born("unit-1"), 401, label="/default")
shown("V11-manufacturer-renews", lambda w: w.born("unit-1"), path=REENROLL)
shown("V11-our-serial-other-key", same_serial, label="/default", path=REENROLL, subject=("dev-1",))
shown("V11-our-serial-our-key", lambda w: Device(w.folder, w.device.key, pretender(w, w.device.key)), label="/default", path=REENROLL,
      subject=("dev-1",))
shown("V11-our-serial-at-simpleenroll", same_serial, 401, label="/default", subject=("dev-1",))
shown("V11-our-device-as-ca", leaf_as_issuer, label="/default", path=REENROLL)
shown("V11-our-device-as-ca-at-a-factory", leaf_as_issuer)
shown("V11-manufacturer-device-as-ca", lambda w: (lambda unit: w.born(
    "unit-1", issuer=unit.certificate, issuer_key=unit.key, chain=[unit.certificate, w.maker]))(w.born("unit-2")))
shown("E2-ca-as-client", lambda w: Device(w.folder, w.maker_key, w.maker))
shown("E2-for-servers-only", lambda w: w.born("unit-1", usages=[ExtendedKeyUsageOID.SERVER_AUTH]))
shown("E2-weak-key", lambda w: w.born("unit-1", key=rsa.generate_private_key(65537, 1024)), None, 403, weak=True)
shown("E2-sha-1", lambda w: w.born("unit-1", is_sha1=True), None, 403, weak=True)
shown("E2-chain-too-long", lambda w: long_chain(w, 9), None, 403)
shown("V21-device-asks-for-another", lambda w: w.born("unit-1"), subject=("unit-2",))
shown("V21-device-asks-for-more", lambda w: w.born("unit-1"), subject=("unit-1", (NameOID.SERIAL_NUMBER, "7")))
shown("E2-certificate-without-the-password", lambda w: w.born("unit-1"), 401, label="/both")
shown("E2-password-without-the-certificate", lambda w: stranger(w, "unit-1"), 401, 403, label="/both", headers=lambda w: basic(*w.alice))
case("E2-password-and-no-certificate", 401, 403)(lambda w: w.post(good(w), basic(*w.alice), label="/both", mutual=True))
case("E2-both-gives-what-both-may", 403)(lambda w: w.post(
    csr(new_key(), "unit-1"), basic(*w.alice), label="/both", device=w.born("unit-1")))


def long_chain(w, n):
    issuer, key, chain = w.maker, w.maker_key, [w.maker]
    for i in range(n):
        link = w.born("Issuing %d" % i, issuer=issuer, issuer_key=key, is_ca=True, chain=[])
        issuer, key = link.certificate, link.key
        chain.insert(0, issuer)
    return w.born("unit-1", issuer=issuer, issuer_key=key, chain=chain)


# E8: a request that waits is one.
@case("E8-in-parallel", 202)
def _(w):
    who, request = w.user("--registrar", "--label", "desk"), csr(new_key(), "wait-1")
    answers = in_parallel([lambda: w.post(request, basic(*who), label="/desk")] * 12)
    need(all(a.status == 202 and a.header("Retry-After") for a in answers), "not all of them wait: %r" % [a.status for a in answers])
    need(len(w.waiting(who)) == 1, "there are %d requests" % len(w.waiting(who)))
    return answers[0]


@case("E8-request-of-another", 202)
def _(w):
    """Who sends the request of another does not get into what that one has."""
    one, two, request = w.user("--registrar"), w.user("--registrar"), csr(new_key(), "wait-2")
    need(w.post(request, basic(*one), label="/desk").status == 202, "an honest request does not wait")
    answer = w.post(request, basic(*two), label="/desk")
    need(len(w.waiting(one)) == 1 and len(w.waiting(two)) == 1, "the second is not a request of its own")
    w.chancery("request", "reject", w.waiting(one)[0]["id"])
    need(w.post(request, basic(*one), label="/desk").status == 403, "the first was not rejected")
    need(w.post(request, basic(*two), label="/desk").status == 202, "the second was rejected with the first")
    return answer


@case("E8-asks-for-another-name-while-it-waits", 202)
def _(w):
    who, key = w.user("--registrar"), new_key()
    need(w.post(csr(key, "wait-3"), basic(*who), label="/desk").status == 202, "an honest request does not wait")
    first = w.waiting(who)[0]["id"]
    w.chancery("request", "approve", first)
    return w.post(csr(key, "wait-4"), basic(*who), label="/desk")


@case("E8-rights-gone-while-it-waits", 401)
def _(w):
    who, request = w.user("--registrar"), csr(new_key(), "wait-5")
    need(w.post(request, basic(*who), label="/desk").status == 202, "an honest request does not wait")
    w.chancery("est", "user", "disable", who[0])
    w.chancery("request", "approve", w.waiting(who)[0]["id"])
    return w.post(request, basic(*who), label="/desk")


# E9: what is switched off.
def no_key(answer):
    need(b"PRIVATE" not in answer.body and b"multipart" not in (answer.header("Content-Type") or "").encode(), "a key came back")
    return answer


case("E9-serverkeygen-off", 403, 404, 501)(lambda w: no_key(w.post(good(w), basic(*w.alice), path="/serverkeygen")))
for title, body in (("garbage", "AAAA"), ("empty", ""), ("pkcs10", None), ("not-base64", "!!!!"), ("truncated", "MIIB")):
    case("E9-fullcmc-" + title, 400, 403, 404, 501)(lambda w, body=body: w.post(
        good(w) if body is None else body, basic(*w.alice), path="/fullcmc", content_type="application/pkcs7-mime"))
case("E9-fullcmc-content-type", 415)(lambda w: w.post(good(w), basic(*w.alice), path="/fullcmc"))

hostile_est_cmc.add(case)
hostile_est_keys.add(case)

# E10, E15: methods, media types, sizes.
for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
    case("E15-%s-simpleenroll" % method.lower(), 405)(lambda w, method=method: w.get(WELL_KNOWN + ENROLL, method))
for path in ("/cacerts", "/csrattrs"):
    case("E10-post%s" % path.replace("/", "-"), 405)(lambda w, path=path: w.post(good(w), path=path))
for title, kind in (("absent", None), ("json", "application/json"), ("pkcs7", "application/pkcs7-mime"), ("x", "application/x-pkcs10"),
                    ("prefix", "application/pkcs10x"), ("form", "application/x-www-form-urlencoded"), ("pem", "application/x-pem-file")):
    case("E15-content-type-" + title, 415)(lambda w, kind=kind: w.post(good(w), basic(*w.alice), content_type=kind))
case("E15-too-large", 413)(lambda w: w.post("A" * 70000, basic(*w.alice)))
case("E15-says-too-large", 413)(lambda w: w.raw(request_head(w, "Content-Length: 99999999999\r\n")))
case("E15-chunked-and-length", 400)(lambda w: w.raw(request_head(w, "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n"))


def request_head(w, more, path=ENROLL, version="HTTP/1.1", host="localhost"):
    return ("POST %s%s %s\r\nHost: %s\r\nContent-Type: application/pkcs10\r\nAuthorization: %s\r\n%s\r\n" %
            (WELL_KNOWN, path, version, host, basic(*w.alice)["Authorization"], more)).encode()


@case("E15-slow-bodies", 200, made=1)
def _(w):
    """Forty that never end their bodies, and one that does."""
    slow = []
    try:
        for _ in range(40):
            door = w.door()
            door.sock.sendall(request_head(w, "Content-Length: 400\r\n") + b"MIIB")
            slow.append(door)
        return w.post(good(w), basic(*w.alice))
    finally:
        for door in slow:
            door.close()


# E11: bodies.
def body_case(title, change, *statuses, made=0):
    case("E11-" + title, *(statuses or (400,)), made=made)(lambda w: w.post(change(good(w)), basic(*w.alice)))


def text_of(request):
    return base64.b64encode(request).decode()


def pem_of(request):
    return "-----BEGIN CERTIFICATE REQUEST-----\n%s-----END CERTIFICATE REQUEST-----\n" % base64.encodebytes(request).decode()


body_case("empty", lambda r: "")
body_case("blanks", lambda r: " \r\n\t\n")
body_case("pem", pem_of)
body_case("url-alphabet", lambda r: base64.urlsafe_b64encode(r + b"\xfb\xff\xfe").decode())
body_case("no-padding", lambda r: text_of(r + b"\0" * (1 + (-len(r)) % 3)).rstrip("="))
body_case("padding-inside", lambda r: text_of(r[:10]) + text_of(r[10:]))
body_case("padding-more", lambda r: text_of(r) + "====")
body_case("stray-bits", lambda r: text_of(r[:-1] + b"\0" * ((1 - len(r)) % 3))[:-2] + "B=")
body_case("one-character", lambda r: text_of(r) + "A")
body_case("nul", lambda r: text_of(r) + "\0")
body_case("bom", lambda r: "\ufeff" + text_of(r))
body_case("twice", lambda r: r + r)
body_case("trailing-octet", lambda r: r + b"\0")
body_case("trailing-sequence", lambda r: r + der(0x30))
body_case("truncated", lambda r: r[:-1])
body_case("half", lambda r: r[:len(r) // 2])
body_case("indefinite", lambda r: b"\x30\x80" + contents(r) + b"\0\0")
body_case("long-length", lambda r: b"\x30\x83\0" + len(contents(r)).to_bytes(2, "big") + contents(r))
body_case("length-beyond", lambda r: b"\x30\x82\xff\xff" + contents(r))
body_case("length-of-gigabytes", lambda r: b"\x30\x84\xff\xff\xff\xff" + contents(r))
body_case("other-tag", lambda r: b"\x31" + r[1:])
body_case("zeros", lambda r: b"\0" * 30000)
body_case("deep", lambda r: b"\x30\x80" * 10000)
body_case("random", lambda r: secrets.token_bytes(3000))
body_case("a-certificate", lambda r: self_made())
body_case("lines", lambda r: base64.encodebytes(r).decode(), 200, made=1)
body_case("crlf-lines", lambda r: base64.encodebytes(r).decode().replace("\n", "\r\n"), 200, made=1)
body_case("lines-of-one", lambda r: "\n".join(text_of(r)), 200, made=1)
case("E11-raw-der", 400)(lambda w: (lambda request: w.raw(request_head(w, "Content-Length: %d\r\n" % len(request)) + request))(good(w)))
case("E11-transfer-encoding-is-ignored", 200, made=1)(lambda w: w.post(
    good(w), dict(basic(*w.alice), **{"Content-Transfer-Encoding": "8bit"})))


def contents(request):
    need(request[1] in (0x81, 0x82), "a request has an odd size")
    return request[(3 if request[1] == 0x81 else 4):]


def self_made():
    key = new_key()
    builder = (x509.CertificateBuilder().subject_name(name("x")).issuer_name(name("x")).public_key(key.public_key())
               .serial_number(1).not_valid_before(ALWAYS[0]).not_valid_after(ALWAYS[1]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


# S9: possession of the key; and requests that no library makes.
OID_CHALLENGE = bytes.fromhex("06092a864886f70d010907")
OID_COMMON_NAME = bytes.fromhex("0603550403")
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def handmade(w, attributes=b"", subject=None, key=None, signer=None, version=0, algorithm=ECDSA_SHA256, spki=None, signature=None):
    """A request part by part; each argument takes the place of something honest."""
    key = key or new_key()
    if subject is None:
        subject = rdn(w.alice[0])
    if spki is None:
        spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    info = der(0x30, der(2, bytes([version])), der(0x30, subject), spki, der(0xA0, attributes))
    if signature is None:
        signature = (signer or key).sign(info, ec.ECDSA(hashes.SHA256()))
    return der(0x30, info, algorithm, der(3, b"\0" + signature))


def rdn(*names, tag=0x0C):
    """One RelativeDistinguishedName of common names; the text as octets where it is no text."""
    return der(0x31, *[der(0x30, OID_COMMON_NAME, der(tag, n if isinstance(n, bytes) else n.encode())) for n in names])


def handmade_case(title, *statuses, **more):
    case(title, *statuses)(lambda w: w.post(handmade(w, **{k: v(w) if callable(v) else v for k, v in more.items()}), basic(*w.alice)))


handmade_case("S9-signed-by-another-key", 400, signer=lambda w: new_key())
handmade_case("S9-no-signature", 400, signature=b"")
handmade_case("S9-zero-signature", 400, signature=bytes.fromhex("3006020100020100"))
handmade_case("S9-other-algorithm", 400, algorithm=bytes.fromhex("300d06092a864886f70d01010b0500"))
handmade_case("S9-version-1", 400, version=1)
handmade_case("S9-key-garbage", 400, 403, spki=der(0x30, der(0x30), der(3, b"\0")))
handmade_case("S9-point-off-the-curve", 400, 403, spki=bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") +
              b"\x04" + b"\1" * 64)
case("S9-flipped-bit", 400)(lambda w: w.post(flipped(good(w)), basic(*w.alice)))
case("S9-name-changed", 400)(lambda w: w.post(csr(new_key(), "alice-0").replace(b"alice-0", w.alice[0].encode()[:7]), basic(*w.alice)))
case("S9-sha-1", 400, 403)(lambda w: (lambda key: w.post(sha1_signed(csr(key, w.alice[0]), key), basic(*w.alice)))(new_key()))
case("S9-rsa-1024", 400, 403)(lambda w: w.post(csr(rsa.generate_private_key(65537, 1024), w.alice[0]), basic(*w.alice)))
case("S9-rsa-exponent-3", 400, 403)(lambda w: w.post(csr(rsa.generate_private_key(3, 2048), w.alice[0]), basic(*w.alice)))
case("S9-p-521", 400, 403)(lambda w: w.post(csr(ec.generate_private_key(ec.SECP521R1()), w.alice[0]), basic(*w.alice)))
case("S9-token-kept-after-a-bad-signature", 200, made=1)(lambda w: (lambda token: (
    w.post(flipped(csr(new_key(), "dev-8")), bearer(token)), w.post(csr(new_key(), "dev-8"), bearer(token)))[1])(w.token("cn:dev-8")))


def flipped(request):
    return request[:-1] + bytes([request[-1] ^ 1])


# V21: names of others.
alice_asks("V21-bob", "bob")
alice_asks("V21-letters", "ALICE-x")
alice_asks("V21-two-names", "{}", "bob")
alice_asks("V21-prefix", "{}.evil.test")
alice_asks("V21-homoglyph", "\u0430lice")
alice_asks("V21-san-of-bob", "{}", san=["bob"])
alice_asks("V21-mailbox", "{}", san=[x509.RFC822Name("alice@t.test")])
alice_asks("V21-address", "{}", san=[x509.DNSName("bob.t.test")])
alice_asks("V21-organization", (NameOID.ORGANIZATION_NAME, "Test Corp"), "{}")
alice_asks("V21-serial-number", "{}", (NameOID.SERIAL_NUMBER, "root"))
alice_asks("V21-user-id", "{}", (NameOID.USER_ID, "bob"))
alice_asks("V21-mail-in-the-subject", "{}", (NameOID.EMAIL_ADDRESS, "bob@t.test"))
alice_asks("V21-nothing")
alice_asks("V21-principal-name", "{}", san=[x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x03bob")])


@case("V21-blanks-at-the-end", 200, made=1)
def _(w):
    """They are no part of a name (RFC 4518 section 2.6.1), neither when it is compared nor when it is given."""
    answer = w.post(csr(new_key(), w.alice[0] + "  "), basic(*w.alice))
    need(answer.status != 200 or answer.certificate().subject == name(w.alice[0]), "the name has them")
    return answer


handmade_case("V21-two-in-one-rdn", *REFUSED, subject=lambda w: rdn(w.alice[0], "bob"))
handmade_case("V21-nul", *REFUSED, subject=lambda w: rdn(w.alice[0].encode() + b"\0.evil"))
handmade_case("V21-control", *REFUSED, subject=lambda w: rdn(w.alice[0].encode() + b"\x1b"))
handmade_case("V21-bmp", *REFUSED, subject=rdn("bob".encode("utf-16-be"), tag=0x1E))
handmade_case("V21-wrong-utf-8", *REFUSED, subject=rdn(b"alice\xc0\x80"))
handmade_case("V21-too-long", *REFUSED, subject=rdn("a" * 65))


def fleet(w):
    return w.once("fleet-user", lambda: w.user("--name", "dns:*.fleet.t.test", prefix="fleet"))


for title, host in (("star", "*.fleet.t.test"), ("apex", "fleet.t.test"), ("similar", "evilfleet.t.test"), ("other", "a.t.test"),
                    ("behind", "a.fleet.t.test.evil.test"), ("dot", ".fleet.t.test"), ("root", "a.fleet.t.test.")):
    case("V21-pattern-" + title, *REFUSED)(lambda w, host=host: w.post(csr(new_key(), san=[host]), basic(*fleet(w))))
case("V21-pattern-and-another", 403)(lambda w: w.post(csr(new_key(), san=["a.fleet.t.test", "a.t.test"]), basic(*fleet(w))))


# Tokens: once, for exactly these names, at this label.
def spends(title, names, *statuses, **more):
    """A request that the token does not give; it is good afterwards."""
    def run(w):
        token = w.token("cn:dev-9", "dns:dev-9.t.test")
        refusal = w.post(csr(new_key(), *names, **more), bearer(token))
        need(w.post(csr(new_key(), "dev-9", san=["dev-9.t.test"]), bearer(token)).status == 200, "the token was spent")
        return refusal
    case(title, *(statuses or (403,)), made=1)(run)


spends("E4-token-for-other-names", ["dev-10"], san=["dev-10.t.test"])
spends("E4-token-for-fewer-names", ["dev-9"])
spends("E4-token-for-more-names", ["dev-9"], san=["dev-9.t.test", "dev-10.t.test"])


@case("E4-token-twice", 403, made=1)
def _(w):
    token = w.token("cn:dev-11")
    need(w.post(csr(new_key(), "dev-11"), bearer(token)).status == 200, "an honest request was refused")
    return w.post(csr(new_key(), "dev-11"), bearer(token))


@case("E4-token-in-parallel", 403, made=1)
def _(w):
    token = w.token("cn:dev-12")
    requests = [csr(new_key(), "dev-12") for _ in range(w.options.connections)]
    answers = in_parallel([lambda r=r: w.post(r, bearer(token)) for r in requests])
    need(sorted(a.status for a in answers) == [200] + [403] * (len(answers) - 1), "%r" % [a.status for a in answers])
    return next(a for a in answers if a.status == 403)


@case("E14-same-request-in-parallel", 200, made=1)
def _(w):
    token, request = w.token("cn:dev-13"), csr(new_key(), "dev-13")
    answers = in_parallel([lambda: w.post(request, bearer(token))] * w.options.connections)
    need(all(a.status in (200, 202) for a in answers), "%r" % [a.status for a in answers])
    last = w.post(request, bearer(token))
    need({a.certificate().serial_number for a in answers if a.status == 200} <= {last.certificate().serial_number},
         "they have different certificates")
    return last


@case("E14-gone-before-the-answer", 200, made=1)
def _(w):
    token, request = w.token("cn:dev-14"), csr(new_key(), "dev-14")
    body = base64.b64encode(request)
    head = ("POST %s%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\nAuthorization: Bearer %s\r\n"
            "Content-Length: %d\r\n\r\n" % (WELL_KNOWN, ENROLL, token, len(body))).encode()
    with w.door() as door:
        door.sock.sendall(head + body)
    until = time.monotonic() + END_S
    answer = w.post(request, bearer(token))
    while answer.status == 202 and time.monotonic() < until:
        time.sleep(0.1)
        answer = w.post(request, bearer(token))
    return answer


case("E4-token-at-another-label", 401)(lambda w: w.post(csr(new_key(), "dev-15"), bearer(w.token("cn:dev-15", label="agents"))))
case("E4-token-made-up", 401)(lambda w: w.post(csr(new_key(), "dev-15"), bearer(secrets.token_urlsafe(24))))
case("E4-token-empty", 400, 401)(lambda w: w.post(good(w), {"Authorization": "Bearer "}))
case("E4-token-in-two", 400)(lambda w: w.post(good(w), bearer(w.token("cn:dev-15")[:10] + " x")))
case("E4-token-at-a-label-of-users", 401)(lambda w: w.post(csr(new_key(), "dev-15"), bearer(w.token("cn:dev-15")), label="/gate"))
case("E4-token-as-the-password-of-a-user", 401)(lambda w: w.post(good(w), basic(w.alice[0], w.token("cn:" + w.alice[0]))))
case("E4-password-as-a-token", 401)(lambda w: w.post(good(w), bearer(w.alice[1])))


@case("E4-token-expired", 401)
def _(w):
    token = w.secret("est", "token", "create", "--name", "cn:dev-16", "--ttl", "1s")
    time.sleep(2.1)
    return w.post(csr(new_key(), "dev-16"), bearer(token))


# E17: passwords.
def authorization(title, value, *statuses):
    case(title, *(statuses or (400,)))(lambda w: w.post(good(w), {"Authorization": value(w) if callable(value) else value}))


def encoded(data):
    return "Basic " + base64.b64encode(data).decode()


authorization("E17-empty-header", "")
authorization("E17-unknown-scheme", "Negotiate AAAA")
authorization("E17-no-credentials", "Basic")
authorization("E17-not-base64", "Basic !!!!")
authorization("E17-no-colon", encoded(b"alice"))
authorization("E17-blank-inside", lambda w: basic(*w.alice)["Authorization"].replace("Basic ", "Basic YWxp "))
authorization("E17-two-in-one", lambda w: basic(*w.alice)["Authorization"] + ", " + basic(*w.alice)["Authorization"])
authorization("E17-long-password", encoded(b"alice:" + b"x" * 300))
authorization("E17-long-header", encoded(b"alice:" + b"x" * 3000))
authorization("E17-empty-password", lambda w: encoded(w.alice[0].encode() + b":"), 401)
authorization("E17-empty-user", lambda w: encoded(b":" + w.alice[1].encode()), 401)
authorization("E17-nul-behind-the-user", lambda w: encoded(w.alice[0].encode() + b"\0:" + w.alice[1].encode()), 400, 401)
authorization("E17-nul-behind-the-password", lambda w: encoded(("%s:%s" % w.alice).encode() + b"\0"), 401)
authorization("E17-prefix-of-the-password", lambda w: encoded(("%s:%s" % w.alice).encode()[:-1]), 401)
authorization("E17-letters-of-the-user", lambda w: encoded(("%s:%s" % w.alice).replace("alice", "Alice").encode()), 401)
authorization("E17-sql", encoded(b"x' OR '1'='1:x"), 401)
case("E17-user-of-another-label", 401)(lambda w: w.post(good(w), basic(*w.once("gate-user", lambda: w.user("--label", "gate")))))
case("E17-two-headers", 400)(lambda w: two_headers(w))


def two_headers(w):
    body = base64.b64encode(good(w))
    return w.raw(request_head(w, "Authorization: %s\r\nContent-Length: %d\r\n" % (encoded(b"bob:x"), len(body))) + body)


@case("E17-disabled", 401)
def _(w):
    who = w.user()
    w.chancery("est", "user", "disable", who[0])
    return w.post(csr(new_key(), who[0]), basic(*who))


@case("E17-no-such-user-looks-the-same", 401)
def _(w):
    wrong = w.post(good(w), basic(w.once("known", w.user)[0], "wrong"))
    missing = w.post(good(w), basic("nobody-%s" % secrets.token_hex(4), "wrong"))
    need(wrong.body == missing.body, "%r is not %r" % (wrong.body, missing.body))
    need({k for k, _ in wrong.headers} == {k for k, _ in missing.headers}, "the headers differ")
    return missing


@case("E17-locked", 401)
def _(w):
    who = w.user()
    for _ in range(10):
        need(w.post(csr(new_key(), who[0]), basic(who[0], "wrong")).status == 401, "a wrong password was not refused")
    return w.post(csr(new_key(), who[0]), basic(*who))


@case("E17-locked-in-parallel", 401)
def _(w):
    """Not one more guess by asking at the same time: the lock holds when all have been answered."""
    who = w.user()
    in_parallel([lambda i=i: w.post(csr(new_key(), who[0]), basic(who[0], "wrong-%d" % i)) for i in range(20)])
    return w.post(csr(new_key(), who[0]), basic(*who))


@case("E17-lock-is-of-one-user", 200, made=1)
def _(w):
    who = w.user()
    for _ in range(10):
        w.post(csr(new_key(), who[0]), basic(who[0], "wrong"))
    return w.post(good(w), basic(*w.alice))


# Digest (RFC 7616).
def digest_user(w):
    return w.once("digest", lambda: w.user("--digest", "--label", "default", prefix="digest"))


def challenge(w):
    digest_user(w)
    offered = next(h for h in w.post(good(w)).all("WWW-Authenticate") if h.startswith("Digest "))
    return offered.split('nonce="')[1].split('"')[0], offered.split('realm="')[1].split('"')[0]


def digest(w, user=None, method="POST", uri=WELL_KNOWN + "/default" + ENROLL, drop=(), **changes):
    """Authorization by Digest; what the hash is of can be changed apart from what is said."""
    nonce, realm = challenge(w)
    who, password = user or digest_user(w)
    said = {"username": '"%s"' % who, "realm": '"%s"' % realm, "nonce": '"%s"' % nonce, "uri": '"%s"' % uri, "algorithm": "SHA-256",
            "qop": "auth", "nc": "00000001", "cnonce": '"abc"'}
    said.update(changes)
    h = hashlib.md5 if "MD5" in said["algorithm"] else hashlib.sha256
    value = {key: text.strip('"') for key, text in said.items()}
    a1 = h(("%s:%s:%s" % (value["username"], value["realm"], password)).encode()).hexdigest()
    a2 = h(("%s:%s" % (method, value["uri"])).encode()).hexdigest()
    whole = ":".join((a1, value["nonce"], value["nc"], value["cnonce"], value["qop"], a2))
    said.setdefault("response", '"%s"' % h(whole.encode()).hexdigest())
    return {"Authorization": "Digest " + ", ".join("%s=%s" % pair for pair in said.items() if pair[0] not in drop)}


def digest_case(title, *statuses, **changes):
    case("E17-digest-" + title, *(statuses or (401,)))(lambda w: w.post(csr(new_key(), digest_user(w)[0]), digest(w, **changes)))


case("E17-digest-as-it-should-be", 200, made=1)(lambda w: w.post(csr(new_key(), digest_user(w)[0]), digest(w)))
digest_case("other-realm", realm='"est gate"')
digest_case("other-uri", uri=WELL_KNOWN + ENROLL)
digest_case("absolute-uri", uri="https://localhost" + WELL_KNOWN + "/default" + ENROLL)
digest_case("other-method", method="GET")
digest_case("other-nonce", nonce='"AAAA"')
digest_case("empty-nonce", 400, 401, nonce='""')
digest_case("wrong-response", response='"%s"' % ("0" * 64))
digest_case("empty-response", 400, 401, response='""')
digest_case("md5", 400, algorithm="MD5")
digest_case("session", 400, algorithm="SHA-256-sess")
digest_case("auth-int", 400, qop="auth-int")
digest_case("nc-not-hex", 400, nc="0000000g")
digest_case("nc-short", 400, nc="1")
digest_case("unended-text", 400, cnonce='"abc')
for field in ("username", "realm", "nonce", "uri", "nc", "cnonce", "qop", "response", "algorithm"):
    digest_case("without-" + field, 400, drop=(field,))
digest_case("userhash", 400, userhash="true")
case("E17-digest-of-a-user-without", 401)(lambda w: w.post(good(w), digest(w, user=w.alice)))
case("E17-digest-field-twice", 400)(lambda w: w.post(good(w), {
    "Authorization": digest(w)["Authorization"] + ', username="bob"'}))


@case("E17-digest-nonce-changed", 401)
def _(w):
    nonce = bytearray(challenge(w)[0].encode())
    nonce[len(nonce) // 2] = ord("A") if nonce[len(nonce) // 2] != ord("A") else ord("B")
    return w.post(csr(new_key(), digest_user(w)[0]), digest(w, nonce='"%s"' % nonce.decode()))


# S10: nothing over clear HTTP.
def in_clear(w, path, headers=None):
    with Door(w.options.http, None) as door:
        return door.post(path, good(w), headers)


for path in ("/.well-known/est/simpleenroll", "/.well-known/est/default/simpleenroll", "/.well-known/est/default/simplereenroll"):
    case("S10-basic-in-clear-%s" % path.split("est/")[1].replace("/", "-"), 404)(
        lambda w, path=path: no_redirect(in_clear(w, path, basic(*w.alice))))
case("S10-cacerts-in-clear", 404)(lambda w: w.raw(b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n\r\n", tls=False))
case("S10-forwarded-proto", 404)(lambda w: in_clear(w, WELL_KNOWN + ENROLL, dict(basic(*w.alice), **{"X-Forwarded-Proto": "https"})))


def no_redirect(answer):
    need(answer.header("Location") is None and answer.header("WWW-Authenticate") is None, "it leads somewhere")
    return answer


# V12: other spellings. What is not there stays so, and what is closed stays closed.
VARIANTS = (("double-slash", "//.well-known/est/%s"), ("double-slash-inside", "/.well-known/est//%s"), ("escaped-slash", "/.well-known%%2fest/%s"),
            ("escaped-letter", "/.well-known/%%65st/%s"), ("semicolon", "/.well-known/est;x/%s"), ("semicolon-behind", "/.well-known/est/%s;x"),
            ("capitals", "/.WELL-KNOWN/EST/%s"), ("dot", "/.well-known/est/./%s"), ("dots", "/.well-known/x/../est/%s"),
            ("slash-behind", "/.well-known/est/%s/"), ("dot-behind", "/.well-known/est/%s."), ("backslash", "/.well-known\\est\\%s"),
            ("nul", "/.well-known/est/%s%%00"), ("blank", "/.well-known/est/%s%%20"), ("fragment", "/.well-known/est/%s#x"),
            ("other-prefix", "/x/.well-known/est/%s"), ("overlong", "/.well-known/est%%c0%%af%s"))


def spelled(w, target, version="HTTP/1.1", tls=True):
    body = base64.b64encode(good(w))
    head = "POST %s %s\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n" % (
        target, version, basic(*w.alice)["Authorization"], len(body))
    return w.raw(head.encode() + body, tls)


for title, pattern in VARIANTS:
    case("V12-" + title, 400, 404, 405)(lambda w, pattern=pattern: spelled(w, pattern % "default/simpleenroll"))
    case("V12-in-clear-" + title, 400, 404, 405)(lambda w, pattern=pattern: spelled(w, pattern % "default/simpleenroll", tls=False))
for title, version, target in (("absolute", "HTTP/1.1", "http://localhost/.well-known/est/simpleenroll"),
                               ("absolute-https", "HTTP/1.1", "https://localhost/.well-known/est/simpleenroll"),
                               ("http-1.0", "HTTP/1.0", "/.well-known/est/simpleenroll"), ("http-0.9", "", "/.well-known/est/simpleenroll"),
                               ("http-2", "HTTP/2.0", "/.well-known/est/simpleenroll")):
    case("V12-in-clear-" + title, None, 400, 404, 505)(lambda w, version=version, target=target: spelled(w, target, version, tls=False))
case("V12-label-that-is-not-there-absolute", 400, 404)(
    lambda w: spelled(w, "https://localhost/.well-known/est/nowhere/simpleenroll"))


# Last, since it waits for the end of a certificate that lives a minute.
def brief(w):
    return w.once("brief", lambda: w.enrolled("dev-17", "brief"))


def ended(w):
    device = brief(w)
    until = time.monotonic() + 120
    while datetime.datetime.utcnow() <= device.certificate.not_valid_after + datetime.timedelta(seconds=1):
        need(time.monotonic() < until, "it does not end")
        time.sleep(0.2)
    return device


case("V10-expired", 403)(lambda w: w.post(csr(new_key(), "dev-17"), path=REENROLL, label="/brief", device=ended(w)))
case("E9-cmc-V10-expired", 403)(lambda w: hostile_est_cmc.expired(w, ended(w)))


# --- Running -----------------------------------------------------------------------------------

def judge(w, statuses, answer):
    if answer is None:
        need(not statuses or None in statuses, "no answer came, expected %s" % (statuses,))
        return "closed"
    need(answer.status in statuses, "expected status %s, got %d: %r" % (statuses, answer.status, answer.body[:300]))
    if answer.status >= 400:
        check_form(answer)
    return str(answer.status)


def count(w, made):
    found, expected = w.count(), w.expected + made
    w.expected = found
    need(found == expected, "%+d certificates" % (found - expected))


def check_form(answer):
    """RFC 8951 section 5: text for people."""
    need(answer.status in (501, 505) or answer.status < 500, "the server failed")
    need(answer.header("Location") is None, "a refusal leads somewhere")
    need(answer.status != 401 or any(h.startswith("Basic realm=") for h in answer.all("WWW-Authenticate")), "401 without a challenge")
    need(answer.status != 405 or answer.header("Allow"), "405 without Allow")
    if answer.header("Content-Length") not in (None, "0") and answer.body:
        kind = answer.header("Content-Type") or ""
        if kind == "application/pkcs7-mime; smime-type=CMC-response":  # RFC 7030 section 4.3.2
            return
        need(kind.startswith("text/plain"), "not text: %s" % kind)
        need(all(32 <= c < 127 or c == 10 for c in answer.body), "not printable: %r" % answer.body)


def run(w, row):
    _, statuses, made, function = row
    try:
        answer = function(w)
    except (ssl.SSLError, ConnectionError):
        if None not in statuses:
            raise
        answer = None
    finally:
        count(w, made)
    return judge(w, statuses, answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for port in ("https", "mutual", "http"):
        parser.add_argument("--" + port, type=int, help="port of it on localhost")
    parser.add_argument("--cacert", help="PEM file with the root of the server's TLS certificate")
    parser.add_argument("--chancery", help="the chancery program, for users and to count certificates")
    parser.add_argument("--dir", help="the CA's folder")
    parser.add_argument("--manufacturer", default="maker", help="certificate and key of a CA of devices, without .pem and .key (maker)")
    parser.add_argument("--secrets", help="file for the passwords and tokens that were made, a line each")
    parser.add_argument("--keys", help="file for the keys that the server made, a line each: their secret number in hex")
    parser.add_argument("--connections", type=int, default=20, help="of what is done in parallel (20)")
    parser.add_argument("--case", action="append", default=[], help="run this one; may be repeated; a prefix runs all with it")
    parser.add_argument("--all", action="store_true", help="run all")
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--profiles", action="store_true", help="print the profiles that the server has to have")
    parser.add_argument("--labels", action="store_true", help="print the labels that the server has to have")
    options = parser.parse_args()
    if options.profiles or options.labels:
        print(PROFILES if options.profiles else LABELS % {"manufacturer": os.path.basename(options.manufacturer)}, end="")
        return 0
    if options.list:
        for title, statuses, _, _ in CASES:
            print("%-44s %s" % (title, "/".join(str(s) if s else "closed" for s in statuses) or "closed"))
        return 0
    rows = [row for row in CASES if options.all or any(row[0].startswith(prefix) for prefix in options.case)]
    if not rows or None in (options.https, options.mutual, options.http, options.cacert, options.chancery, options.dir):
        parser.print_usage(sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        w = World(options, folder)
        if options.all:
            brief(w)
        w.post("", basic(*w.alice), path="/fullcmc", content_type="application/pkcs7-mime")
        w.expected = w.count()  # with that of whom answers of CMC are signed by
        print("1..%d" % len(rows))
        failed = sum([not tap(i + 1, row[0], lambda row=row: run(w, row)) for i, row in enumerate(rows)])
    if options.secrets:
        with open(options.secrets, "w", encoding="ascii") as file:
            file.writelines(line + "\n" for line in w.secrets)
    if options.keys:
        with open(options.keys, "w", encoding="ascii") as file:
            file.writelines("%064x\n" % key.private_numbers().private_value for key in w.keys)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
