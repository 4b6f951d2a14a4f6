"""Cases of hostile_est.py for keys that the server makes (E9, S11; RFC 7030 section 4.4) and for what csrattrs says and
enrolment then takes (E10, E12; RFC 9908). Keys that came back are kept, so that logs and store can be looked through for them."""

import base64
import email.parser
import email.policy
import secrets
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from est_wire import WELL_KNOWN, basic, csr, name, new_key
from hostile import der, in_parallel, need
from scep_wire import Tlv, octets, oid

SERVERKEYGEN = "/serverkeygen"
DECRYPT_KEY_ID = ObjectIdentifier("1.2.840.113549.1.9.16.2.37")
ASYMMETRIC_KEY_ID = ObjectIdentifier("1.2.840.113549.1.9.16.2.54")
CAPABILITIES = ObjectIdentifier("1.2.840.113549.1.9.15")
AES256_CBC, AES128_CBC = oid("2.16.840.1.101.3.4.1.42"), oid("2.16.840.1.101.3.4.1.2")
SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def public(key):
    return key.public_bytes(*SPKI)


def request(subject, *attributes, key=None):
    """A CSR with attributes of (OID, value in DER), which no library would write as we want them: each is a SET of `value`s."""
    key = key or new_key()
    written = b"".join(sorted(der(0x30, oid(kind.dotted_string), der(0x31, *values)) for kind, *values in attributes))
    info = der(0x30, der(2, b"\0"), name(subject).public_bytes(), public(key.public_key()), der(0xA0, written))
    return der(0x30, info, der(0x30, oid("1.2.840.10045.4.3.2")), der(3, b"\0" + key.sign(info, ec.ECDSA(hashes.SHA256()))))


def key_id_of(device):
    return device.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def capabilities(*kinds):
    return (CAPABILITIES, der(0x30, *[der(0x30, kind) for kind in kinds]))


def parts(answer):
    """(media type, octets) of both parts."""
    need(answer.header("Cache-Control") == "no-store", "a cache may keep it")
    head = ("Content-Type: %s\r\n\r\n" % answer.header("Content-Type")).encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + answer.body)
    need(message.get_content_type() == "multipart/mixed", "no parts: %r" % answer.body[:200])
    found = [(part.get_content_type(), base64.b64decode(part.get_payload().strip(), validate=True)) for part in message.iter_parts()]
    need(len(found) == 2, "%d parts" % len(found))
    return found


def made(w, answer):
    """The key in clear and its certificate, of a label that gives it so."""
    (kind, pkcs8), (_, certificates) = parts(answer)
    need(kind == "application/pkcs8", "the key is %s" % kind)
    key = serialization.load_der_private_key(pkcs8, None)
    certificate = pkcs7.load_der_pkcs7_certificates(certificates)[0]
    need(public(key.public_key()) == public(certificate.public_key()), "the certificate is of another key")
    w.keys.append(key)
    return key, certificate


def opened(w, answer, device):
    """The same of a sealed one, with the openssl command and the key of that device."""
    (kind, sealed), (_, certificates) = parts(answer)
    need(kind == "application/pkcs7-mime", "the key is %s" % kind)
    signed = subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", device.key_pem, "-recip", device.pem],
                            input=sealed, capture_output=True, check=True).stdout
    package = Tlv(signed).parts()[2].parts()[1].inside(4).body
    key = serialization.load_der_private_key(Tlv(package).inside().all, None)
    certificate = pkcs7.load_der_pkcs7_certificates(certificates)[0]
    need(public(key.public_key()) == public(certificate.public_key()), "the certificate is of another key")
    w.keys.append(key)
    return key


def no_key(answer):
    need("multipart" not in (answer.header("Content-Type") or "") and b"pkcs8" not in answer.body and b"pkcs7" not in answer.body,
         "a key came back")
    return answer


def bearer(token):
    return {"Authorization": "Bearer " + token}


def ask(w, body, label="/keys", headers=None, device=None):
    return w.post(body, headers if headers or device else basic(*w.alice), SERVERKEYGEN, label, device)


def add(case):
    """`case` as in hostile_est.py."""
    permissions(case)
    recipients(case)
    once(case)
    attributes(case)


# --- Who gets a key, and whose names ------------------------------------------------------------

def permissions(case):
    case("E9-keys-nobody", 401)(lambda w: no_key(w.post(request("bob"), path=SERVERKEYGEN, label="/keys")))
    case("E9-keys-of-another", 400, 403)(lambda w: no_key(ask(w, request("bob"))))
    case("E9-keys-token-of-another-label", 401)(lambda w: no_key(ask(w, request("dev-30"), headers=bearer(w.token("cn:dev-30")))))
    case("E9-keys-by-a-revoked-certificate", 401)(lambda w: no_key(ask(w, request("dev-31"), device=revoked(w))))
    case("E9-keys-by-a-certificate-of-the-other-ca", 403)(lambda w: no_key(ask(w, request("dev-6"), device=w.once(
        "rooted", lambda: w.enrolled("dev-6", "rooted")))))
    case("E9-keys-device-asks-for-another", 403)(lambda w: no_key(ask(w, request("dev-2"), device=w.device)))
    case("E9-keys-garbage", 400)(lambda w: no_key(ask(w, "AAAA")))
    case("S9-keys-signature-broken", 200, made=1)(lambda w: certifies_its_own(w, request(w.alice[0])))
    case("E9-keys-get", 405)(lambda w: w.get(WELL_KNOWN + "/keys" + SERVERKEYGEN))
    case("E9-keys-content-type", 415)(lambda w: no_key(w.post(request(w.alice[0]), basic(*w.alice), SERVERKEYGEN, "/keys",
                                                             content_type="application/pkcs8")))


def certifies_its_own(w, body):
    """Key and signature of the request are passed over (RFC 7030 section 4.4.1): whatever they are, the server's key is certified."""
    answer = ask(w, body[:-1] + bytes([body[-1] ^ 1]))
    need(answer.status == 200, "it was refused: %r" % answer.body)
    key, _ = made(w, answer)
    need(public(key.public_key()) not in body, "the key of the request was certified")
    return answer


def revoked(w):
    def make():
        device = w.enrolled("dev-31")
        w.chancery("cert", "revoke", "%032x" % device.certificate.serial_number)
        return device
    return w.once("keys-revoked", make)


# --- For whom it is encrypted -------------------------------------------------------------------

def recipients(case):
    def refused(title, attribute):
        """Nothing comes in clear where a protection was asked for that is not there, at neither label."""
        def run(w, label):
            given = attribute(w)
            return no_key(ask(w, request("dev-1", *(given if isinstance(given, list) else [given])), label, device=w.device))
        case("E9-keys-" + title, 400)(lambda w: run(w, "/sealed"))
        case("E9-keys-%s-where-clear-ones-go" % title, 400)(lambda w: run(w, "/keys"))

    def other(w):
        return w.once("dev-32", lambda: w.enrolled("dev-32"))

    case("E9-keys-no-identifier-where-one-is-needed", 400)(lambda w: no_key(ask(w, request("dev-1"), "/sealed", device=w.device)))
    refused("identifier-of-another-device", lambda w: (ASYMMETRIC_KEY_ID, octets(key_id_of(other(w)))))
    refused("identifier-of-the-request-s-own-key", lambda w: (ASYMMETRIC_KEY_ID, octets(
        x509.SubjectKeyIdentifier.from_public_key(new_key().public_key()).digest)))
    refused("identifier-of-the-ca", lambda w: (ASYMMETRIC_KEY_ID, octets(w.device.certificate.extensions.get_extension_for_class(
        x509.AuthorityKeyIdentifier).value.key_identifier)))
    refused("identifier-unknown", lambda w: (ASYMMETRIC_KEY_ID, octets(secrets.token_bytes(20))))
    refused("identifier-shortened", lambda w: (ASYMMETRIC_KEY_ID, octets(key_id_of(w.device)[:-1])))
    refused("identifier-empty", lambda w: (ASYMMETRIC_KEY_ID, octets(b"")))
    refused("identifier-long", lambda w: (ASYMMETRIC_KEY_ID, octets(b"x" * 9000)))
    refused("identifier-is-a-number", lambda w: (ASYMMETRIC_KEY_ID, der(2, b"\1")))
    refused("identifier-garbage", lambda w: (ASYMMETRIC_KEY_ID, b"\x04\x14x"))
    refused("two-identifiers-in-one", lambda w: (ASYMMETRIC_KEY_ID, *sorted((octets(key_id_of(w.device)), octets(key_id_of(other(w)))))))
    refused("identifier-twice", lambda w: [(ASYMMETRIC_KEY_ID, octets(key_id_of(w.device)))] * 2)
    refused("shared-secret", lambda w: (DECRYPT_KEY_ID, octets(b"secret")))
    refused("shared-secret-empty", lambda w: (DECRYPT_KEY_ID, octets(b"")))
    refused("capabilities-alone", lambda w: capabilities(AES256_CBC))
    refused("capabilities-without-ours", lambda w: [(ASYMMETRIC_KEY_ID, octets(key_id_of(w.device))), capabilities(AES128_CBC)])
    refused("capabilities-none", lambda w: [(ASYMMETRIC_KEY_ID, octets(key_id_of(w.device))), capabilities()])
    refused("capabilities-garbage", lambda w: [(ASYMMETRIC_KEY_ID, octets(key_id_of(w.device))), (CAPABILITIES, octets(b"x"))])

    @case("E9-keys-identifier-of-a-certificate-not-shown", 400)
    def _(w):
        """dev-1's identifier, from who shows no certificate: alice, who may ask for her name."""
        return no_key(ask(w, request(w.alice[0], (ASYMMETRIC_KEY_ID, octets(key_id_of(w.device))))))

    @case("E9-keys-to-a-key-that-only-signs", 400)
    def _(w):
        unit = w.born("unit-9", key=ed25519.Ed25519PrivateKey.generate())
        return no_key(ask(w, request("unit-9", (ASYMMETRIC_KEY_ID, octets(key_id_of(unit)))), "/sealed", device=unit))

    @case("E9-keys-sealed-as-it-should-be", 200, made=1)
    def _(w):
        answer = ask(w, request("dev-1", (ASYMMETRIC_KEY_ID, octets(key_id_of(w.device)))), "/sealed", device=w.device)
        need(answer.status == 200, "an honest request was refused: %r" % answer.body)
        opened(w, answer, w.device)
        return answer

    @case("E9-keys-sealed-for-rsa", 200, made=1)
    def _(w):
        unit = w.born("unit-8", key=rsa.generate_private_key(65537, 2048))
        answer = ask(w, request("unit-8", (ASYMMETRIC_KEY_ID, octets(key_id_of(unit)))), "/sealed", device=unit)
        need(answer.status == 200, "an honest request was refused: %r" % answer.body)
        opened(w, answer, unit)
        return answer


# --- Each key once (S11) ------------------------------------------------------------------------

def all_different(keys):
    need(len({public(key.public_key()) for key in keys}) == len(keys), "two answers have the same key")


def once(case):
    @case("S11-keys-again-is-another-key", 200, made=3)
    def _(w):
        key = new_key()
        body = request(w.alice[0], key=key)
        answers = [ask(w, body) for _ in range(3)]
        keys = [made(w, answer)[0] for answer in answers]
        all_different(keys + [key])
        return answers[0]

    @case("S11-keys-in-parallel", 200)
    def _(w):
        """Requests that came while another one was made have to come again; nobody gets a key of somebody else's."""
        body = request(w.alice[0])
        answers = in_parallel([lambda: ask(w, body)] * 8)
        need(all(a.status == 200 or a.status == 202 and a.header("Retry-After") for a in answers), "%r" % [a.status for a in answers])
        keys = [made(w, answer) for answer in answers if answer.status == 200]
        w.expected += len(keys)
        all_different([key for key, _ in keys])
        need(len({c.serial_number for _, c in keys}) == len(keys), "two answers have the same certificate")
        return next(a for a in answers if a.status == 200)

    @case("S11-keys-from-several-connections", 200, made=6)
    def _(w):
        """Six workers at once, after whatever forks there were."""
        bodies = [request(w.alice[0]) for _ in range(6)]
        answers = in_parallel([lambda b=b: ask(w, b) for b in bodies])
        need([a.status for a in answers] == [200] * 6, "%r" % [a.status for a in answers])
        all_different([made(w, answer)[0] for answer in answers])
        return answers[0]

    @case("E9-keys-token-is-spent", 403, made=1)
    def _(w):
        token, body = bearer(w.token("cn:dev-33", label="keys")), request("dev-33")
        answer = ask(w, body, headers=token)
        need(answer.status == 200, "an honest request was refused: %r" % answer.body)
        made(w, answer)
        need(no_key(ask(w, body, headers=token)).status == 403, "the same request got a second key")
        need(w.post(body, token, label="/keys").status == 403, "the token was good for another certificate")
        return no_key(ask(w, request("dev-33"), headers=token))

    @case("E9-keys-token-kept-after-a-refusal", 200, made=1)
    def _(w):
        token = bearer(w.token("cn:dev-34", label="keys"))
        no_key(ask(w, request("dev-34", (ASYMMETRIC_KEY_ID, octets(b"x" * 20))), headers=token))
        answer = ask(w, request("dev-34"), headers=token)
        made(w, answer)
        return answer

    @case("E8-keys-approved-once", 202, made=1)
    def _(w):
        """An approval is for one key: who asks again waits again."""
        who = w.user("--label", "keys-desk", prefix="keys")
        body = request(who[0])
        first = ask(w, body, "/keys-desk", basic(*who))
        need(no_key(first).status == 202, "an honest request does not wait: %d %r" % (first.status, first.body))
        w.chancery("request", "approve", w.waiting(who)[0]["id"])
        made(w, ask(w, body, "/keys-desk", basic(*who)))
        return no_key(ask(w, body, "/keys-desk", basic(*who)))

    case("E14-keys-request-is-not-the-one-of-simpleenroll", 200, made=2)(lambda w: (lambda body: (
        made(w, ask(w, body)), w.post(body, basic(*w.alice), label="/keys"))[1])(request(w.alice[0])))


# --- csrattrs (E10, E12) ------------------------------------------------------------------------

CHALLENGE, SAN = oid("1.2.840.113549.1.9.7"), oid("2.5.29.17")
EXTENSION_REQUEST_TEMPLATE, TEMPLATE = oid("1.2.840.113549.1.9.16.2.62"), oid("1.2.840.113549.1.9.16.2.61")
EC_KEY, P256 = oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")


class Wishes:
    """What csrattrs asks for, in its two forms, each read strictly; they have to agree."""

    def __init__(self, answer):
        need(answer.header("Content-Type") == "application/csrattrs", "another type: %s" % answer.header("Content-Type"))
        data = base64.b64decode(answer.body, validate=False)
        listed, template = [], None
        for item in Tlv(data).parts():
            kind = item if item.tag == 6 else item.parts()[0]
            if kind.all == TEMPLATE:
                need(template is None, "two templates")
                template = item.parts()[1].inside(0x30)
            else:
                need(kind.all not in [k for k, _ in listed], "an OID twice")
                listed.append((kind.all, [part.all for part in item.parts()[1].parts()] if item.tag == 0x30 else []))
        need(template is not None, "no template")
        self.read_list(dict(listed))
        self.read_template(template.parts())

    def read_list(self, listed):
        self.key = next(k for k in listed if listed[k])
        self.curve = listed[self.key]
        self.subject = [k for k in listed if k.startswith(b"\x06\x03\x55\x04")]
        self.has_san, self.has_challenge = SAN in listed, CHALLENGE in listed

    def read_template(self, fields):
        need(fields[0].all == der(2, b"\0"), "a template of another version")
        subject = [rdn.inside(0x30).inside(6).all for rdn in fields[1].parts()] if fields[1].tag == 0x30 else []
        info = next(field for field in fields if field.tag == 0xA0)
        algorithm = info.parts()[0].parts()
        found = {}
        for field in (field for field in fields if field.tag == 0xA1):
            for one in field.parts():
                kind, values = one.parts()
                need(kind.all not in found, "an attribute twice")
                found[kind.all] = values
        extensions = found.get(EXTENSION_REQUEST_TEMPLATE)
        kinds = [part.parts()[0].all for part in extensions.inside(0x30).parts()] if extensions else []
        need(subject == self.subject, "the subjects differ")
        need(algorithm[0].all == self.key and [part.all for part in algorithm[1:]] == self.curve, "the keys differ")
        need((SAN in kinds) == self.has_san and len(kinds) == len(set(kinds)), "the names differ")
        need((CHALLENGE in found) == self.has_challenge, "the challengePasswords differ")


def wishes(w, label):
    return Wishes(w.get(WELL_KNOWN + label + "/csrattrs"))


def attributes(case):
    @case("E12-both-forms-agree", 200)
    def _(w):
        for label in ("/default", "/gate", "/bound", "/rooted", "/fleet"):
            said = wishes(w, label)
            need(said.key == EC_KEY and said.curve == [P256], "%s asks for another key" % label)
            need(said.has_challenge == (label == "/bound"), "%s: a challengePassword" % label)
            need(said.has_san, "%s asks for no names" % label)
        return w.get(WELL_KNOWN + "/csrattrs")

    @case("E12-what-is-asked-for-is-taken", 200, made=1)
    def _(w):
        said = wishes(w, "/gate")
        need(said.subject == [oid("2.5.4.3")], "another subject is asked for")
        return gate(w)

    def keeper(w):
        return w.once("gate-keeper", lambda: w.user("--registrar", "--label", "gate", prefix="keeper"))

    def gate(w, *more, key=None, change=None, san=()):
        who = keeper(w)
        if change is None:
            return w.post(csr(key or new_key(), "gate-1", *more, san=san), basic(*who), label="/gate")
        builder = change(x509.CertificateSigningRequestBuilder().subject_name(name("gate-1")))
        return w.post(builder.sign(new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER), basic(*who), label="/gate")

    def deviates(title, **more):
        case("E12-" + title, 400, 403)(lambda w: gate(w, **more))

    deviates("other-curve", key=ec.generate_private_key(ec.SECP521R1()))
    deviates("other-curve-of-the-same-size", key=ec.generate_private_key(ec.SECP256K1()))
    deviates("other-size", key=rsa.generate_private_key(65537, 1024))
    deviates("name-of-another-kind", san=[x509.RFC822Name("gate-1@t.test")])
    deviates("name-of-two-kinds", san=["gate-1.t.test", x509.UniformResourceIdentifier("https://gate-1.t.test/")])
    for title, kind in (("organization", NameOID.ORGANIZATION_NAME), ("unit", NameOID.ORGANIZATIONAL_UNIT_NAME),
                        ("serial-number", NameOID.SERIAL_NUMBER), ("title", NameOID.TITLE), ("component", NameOID.DOMAIN_COMPONENT)):
        case("E12-subject-with-" + title, 400, 403)(lambda w, kind=kind: gate(w, (kind, "x")))
    case("E12-subject-with-country", 400, 403)(lambda w: gate(w, (NameOID.COUNTRY_NAME, "DE")))
    case("E12-no-subject", 400, 403)(lambda w: w.post(csr(new_key()), basic(*keeper(w)), label="/gate"))
    case("E12-no-challenge-where-one-is-asked-for", 403)(lambda w: w.post(csr(new_key(), w.alice[0]), basic(*w.alice), label="/bound", mutual=True))

    def extension(title, value, critical):
        """What the profile alone decides has no effect: the certificate is as it would be without."""
        @case("E12-extension-" + title, 200, made=1)
        def _(w):
            answer = gate(w, change=lambda b: b.add_extension(value, critical))
            need(answer.status == 200, "it was refused: %r" % answer.body)
            given = answer.certificate()
            usages = given.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            need(list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH], "other usages: %r" % list(usages))
            need(not given.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign, "it may sign certificates")
            found = [e.value for e in given.extensions if isinstance(e.value, x509.BasicConstraints)]
            need(not any(c.ca for c in found), "it is a CA's")
            return answer

    extension("ca", x509.BasicConstraints(True, None), True)
    extension("usage", x509.KeyUsage(True, False, False, False, False, True, True, False, False), True)
    extension("extended-usage", x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False)
    extension("registrar", x509.ExtendedKeyUsage([ObjectIdentifier("1.3.6.1.5.5.7.3.28")]), False)
    extension("code-signing", x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), True)
