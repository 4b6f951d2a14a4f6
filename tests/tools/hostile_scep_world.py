"""What the malicious SCEP client stands on (hostile_scep.py): endpoints, devices, questions, and how answers are judged."""

import datetime
import itertools
import json
import secrets
import subprocess
import time

from cryptography import x509
from cryptography.x509.oid import NameOID

import scep_wire as wire
from hostile import count_certificates, in_parallel, need
from scep_wire import (MESSAGE_TYPE, NULL, OID_RSA, PKCS_REQ, algorithm, csr, degenerate, enveloped_data, pki_message, self_signed)

PROFILES = """\
  - name: gate
    ca: issuing
    key_types: [RSA-2048, RSA-3072]
    usages: [client_auth]
    names: [dns]
    subject: [common_name]
  - name: rooted
    ca: root
    key_types: [RSA-2048, RSA-3072]
    usages: [client_auth]
    names: [dns]
    subject: [common_name]
  - name: brief
    ca: issuing
    key_types: [RSA-2048, RSA-3072]
    validity: 1m
    backdate: 0s
    usages: [client_auth]
    names: [dns]
    subject: [common_name]
  - name: grace
    ca: issuing
    key_types: [RSA-2048, RSA-3072]
    validity: 1m
    backdate: 0s
    usages: [client_auth]
    names: [dns]
    subject: [common_name]
"""
ENDPOINTS = """\
  - name: gate
    profile: gate
    authentication: [challenge]
  - name: rooted
    profile: rooted
    authentication: [challenge]
  - name: brief
    profile: brief
    authentication: [challenge]
  - name: grace
    profile: grace
    authentication: [challenge]
    renewal_after_expiry: 1h
  - name: desk
    profile: gate
    authentication: [approval]
  - name: both
    profile: gate
    authentication: [challenge]
    approval: manual
  - name: static
    profile: gate
    authentication: [static]
    static_challenge_file: scep-static
    static_names: ["dns:*.static.test", "cn:*.static.test"]
  - name: once
    profile: gate
    authentication: [challenge]
    renewal: false
    get_cert: false
    get_crl: false
  - name: old
    profile: gate
    authentication: [challenge]
    compatibility: [3des, sha1]
"""
OUTCOMES = {"0": "success", "3": "pending"}
FAILURES = {"0": "badAlg", "1": "badMessageCheck", "2": "badRequest", "3": "badTime", "4": "badCertId"}
CHECK, ASKED = "badMessageCheck", "badRequest"
DAY = datetime.timedelta(days=1)


class Party:
    """Who signs a message: a key and a certificate for it."""

    def __init__(self, key, certificate):
        self.key, self.certificate = key, certificate


class Result:
    """What came back, and what it has to be an answer to; without `transaction` nobody can say."""

    def __init__(self, answer, transaction=None, nonce=None, endpoint="gate", by=None):
        self.answer, self.transaction, self.nonce, self.endpoint, self.by = answer, transaction, nonce, endpoint, by
        self.csr_key = None  # where it is not the signer's
        is_message = answer.status == 200 and answer.header("Content-Type") == MESSAGE_TYPE
        self.reply = wire.CertRep(answer.body) if is_message else None

    @property
    def outcome(self):
        if self.reply is None:
            return self.answer.status
        return OUTCOMES.get(self.reply.status) or FAILURES[self.reply.fail]

    @property
    def what(self):
        return "%s %s" % (self.outcome, repr(self.answer.body[:300]) if self.reply is None else self.reply.why or "")

    def content(self):
        """(certificates, CRLs) of a success (SP8)."""
        need(self.outcome == "success", "no success: %s" % self.what)
        plain, cipher = wire.open_envelope(self.reply.content, self.by.key, self.by.certificate)
        need(cipher.startswith("aes"), "encrypted with %s" % cipher)
        return degenerate(plain)

    def certificate(self):
        found, _ = self.content()
        key = self.csr_key or self.by.key
        need(found and found[0].public_key().public_numbers() == key.public_key().public_numbers(), "a certificate of another key")
        return found[0]


class Prepared:
    """A message, and what has to be said in answer to it."""

    def __init__(self, message, transaction, nonce, endpoint, by):
        self.message, self.transaction, self.nonce, self.endpoint, self.by = message, transaction, nonce, endpoint, by

    def result(self, answer):
        return Result(answer, self.transaction, self.nonce, self.endpoint, self.by)


class World:
    def __init__(self, options):
        self.options = options
        self.numbers = itertools.count(1)
        self.ports = itertools.cycle(options.http)
        self.made = {}
        self.secrets = []
        self.expected = self.count()

    def once(self, what, make):
        if what not in self.made:
            self.made[what] = make()
        return self.made[what]

    def count(self):
        return count_certificates(self.options.chancery, self.options.dir)

    def chancery(self, *words):
        out = subprocess.run([self.options.chancery, *words, "--dir", self.options.dir], capture_output=True)
        need(out.returncode == 0, out.stderr.decode())
        return out.stdout.decode()

    def challenge(self, name, *more, endpoint="gate"):
        """A new one, for that name."""
        words = ["scep", "challenge", "create", "--endpoint", endpoint, "--name", "dns:" + name, "--name", "cn:" + name]
        self.secrets.append(self.chancery(*words, *more).splitlines()[-1])
        return self.secrets[-1]

    def name(self, domain="t.test"):
        return "dev-%d.%s" % (next(self.numbers), domain)

    @property
    def key(self):
        """For what will be refused: to make an RSA key takes longer than all else here."""
        return self.once("key", wire.new_key)

    @property
    def other_key(self):
        return self.once("other key", wire.new_key)

    def stranger(self, name="stranger.t.test", key=None, **more):
        """Who signs a first request."""
        key = key or self.key
        return Party(key, self_signed(key, name, **more))

    def client(self, endpoint="gate"):
        return wire.Client(next(self.ports), "/scep/" + endpoint)

    def chain(self, endpoint="gate"):
        return self.once("chain " + endpoint, lambda: wire.ca_certificates(self.patiently(
            lambda: self.client(endpoint).operation("GetCACert"))))

    def ra(self, endpoint="gate"):
        return self.once("ra " + endpoint, lambda: next(c for c in self.chain(endpoint) if not is_ca(c)))

    def ca(self, endpoint="gate"):
        return next(c for c in self.chain(endpoint) if c.subject == self.ra(endpoint).issuer and is_ca(c))

    def patiently(self, call):
        """503 says that there is no room just now, and is no answer to what was asked: it is asked again."""
        until = time.monotonic() + wire.END_S
        while True:
            answer = call()
            if answer.status != 503 or time.monotonic() > until:
                return answer
            need(answer.header("Retry-After"), "503 without Retry-After")
            time.sleep(0.5)

    def post(self, message, endpoint="gate"):
        """Octets that are no message, perhaps."""
        return Result(self.patiently(lambda: self.client(endpoint).post(message)))

    def get(self, query, endpoint="gate", path=None, method="GET"):
        """`query` and `path` as they are."""
        client = wire.Client(next(self.ports), "")
        return Result(self.patiently(lambda: client.ask(method, (path or "/scep/" + endpoint) + query)))

    def prepared(self, kind, plain, by=None, endpoint="gate", transaction=None, nonce=None, envelope=None, **more):
        """A pkiMessage with `plain` for the RA, or with another envelope; `more` is for pki_message()."""
        by = by or self.stranger()
        transaction = secrets.token_hex(16) if transaction is None else transaction
        nonce = secrets.token_bytes(16) if nonce is None else nonce
        content = envelope if envelope is not None else enveloped_data(plain, self.ra(endpoint))
        return Prepared(pki_message(by.key, by.certificate, kind, content, transaction, nonce, **more), transaction, nonce, endpoint, by)

    def send(self, prepared):
        return prepared.result(self.patiently(lambda: self.client(prepared.endpoint).post(prepared.message)))

    def ask(self, kind, plain, by=None, endpoint="gate", transaction=None, **more):
        return self.send(self.prepared(kind, plain, by, endpoint, transaction, **more))

    def arrived(self, ask):
        """What waits for another request, or has been approved just now, is there a moment later."""
        until = time.monotonic() + wire.END_S
        while True:
            result = ask()
            if result.outcome != "pending" or time.monotonic() > until:
                return result
            time.sleep(0.1)

    def at_once(self, prepared):
        return in_parallel([lambda one=one: self.arrived(lambda: self.send(one)) for one in prepared])

    def request(self, name=None, key=None, endpoint="gate", san=()):
        """A PKCS #10 as good as can be, with a challenge of its own."""
        name = name or self.name()
        return csr(key or self.key, name, san=[name, *san], challenge=self.challenge(name, endpoint=endpoint))

    def enrolled(self, name=None, endpoint="gate", san=(), **more):
        """An honest certificate, and its key."""
        key, name = wire.new_key(), name or self.name()
        names = [word for text in san for word in ("--name", "dns:" + text)]
        request = csr(key, name, san=[name, *san], challenge=self.challenge(name, *names, endpoint=endpoint))
        return self.received(self.ask(PKCS_REQ, request, self.stranger(name, key), endpoint, **more))

    def received(self, result):
        need(result.outcome == "success", "an honest request was refused: %s" % result.what)
        self.expected += 1
        return Party(result.by.key, result.certificate())

    @property
    def device(self):
        return self.once("device", self.enrolled)

    def waiting(self, name):
        rows = json.loads(self.chancery("request", "list", "--json"))
        return [row for row in rows if name in json.dumps(row)]


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def is_ca(certificate):
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def name_of(certificate):
    return certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def serial_of(certificate):
    return "%032x" % certificate.serial_number


# --- The cases ---------------------------------------------------------------------------------

CASES = []


def case(title, *outcomes, made=0):
    """The function makes the deviation and returns what came back; a text for a remark where it has judged itself."""
    def add(function):
        CASES.append((title, outcomes, made, function))
        return function
    return add


def changed(title, change, *outcomes, made=0, **more):
    """A good request with a challenge of its own, but for its attributes; a reply to it may say nothing of them."""
    def run(w):
        message = w.ask(PKCS_REQ, w.request(), change=change, **more)
        message.transaction = message.nonce = None
        return message
    case(title, *(outcomes or (400, ASKED, CHECK)), made=made)(run)


def replaced(name, value):
    def change(attributes):
        attributes[name] = value
    return change


def enveloped(title, make, *outcomes, made=0):
    """`make` gets the world, a good request and the RA's certificate, and returns an envelope."""
    def run(w):
        name = w.name()
        return w.ask(PKCS_REQ, None, w.stranger(name), envelope=make(w, w.request(name), w.ra()))
    case(title, *(outcomes or (CHECK, 400)), made=made)(run)


# --- Judging -----------------------------------------------------------------------------------

def check_form(w, result):
    """SP5 to SP8, SP17: what every answer has to be."""
    if result.reply is None:
        kind = result.answer.header("Content-Type") or ""
        need(result.answer.status < 500 or result.answer.status == 501, "the server failed")
        need(kind.startswith("text/plain") or not result.answer.body, "not text: %s" % kind)
        need(all(32 <= c < 127 or c == 10 for c in result.answer.body), "not printable: %r" % result.answer.body[:300])
        return
    if result.transaction is not None:
        result.reply.check(result.transaction, result.nonce)
    need(result.reply.signer == w.ra(result.endpoint), "not signed by the RA")
    need(result.reply.signature_algorithm == algorithm(OID_RSA, NULL), "not plain rsaEncryption")
    need(result.reply.why is None or result.reply.why.isprintable(), "not printable: %r" % result.reply.why)


def judge(w, outcomes, result):
    need(result.outcome in outcomes, "expected %s, got %s" % ("/".join(map(str, outcomes)), result.what))
    check_form(w, result)
    return result.what.strip()


def count(w, made):
    """`made` None: one, if it says success."""
    found, expected = w.count(), w.expected + (made or 0)
    w.expected = found
    need(found == expected, "%+d certificates" % (found - expected))


def run(w, row):
    _, outcomes, made, function = row
    result = None
    try:
        result = function(w)
    finally:
        if made is None:
            made = int(result is not None and result.outcome == "success")
        count(w, made)
    return judge(w, outcomes, result) if isinstance(result, Result) else result
