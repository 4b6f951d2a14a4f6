#!/usr/bin/env python3
"""A malicious SCEP client: one deviation from RFC 8894 or from what it may ask for per case, against a running server.

Every case is named after the row that it drives (SP4, S5, V26 ...), says what must come back, and must not have made a
certificate, but for those that it says. A refusal is a CertRep in the form of RFC 8894 section 3.2.1, or, where there is
no message to answer to, a line of text. Prints TAP.

  hostile_scep.py --http 8080 --chancery ./chancery --dir ./demo --all

The server has to have the profiles and the endpoints that --profiles and --endpoints print. With --http given more than
once, requests go to these nodes by turns.
"""

import argparse
import base64
import datetime
import http.client
import secrets
import sys
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import scep_wire as wire
from hostile import der, need, tap
from hostile_scep_world import (ASKED, CASES, CHECK, DAY, ENDPOINTS, PROFILES, Party, World, case, changed, check_form,
                                name_of, replaced, run, serial_of)
from scep_wire import (CERT_POLL, GET_CERT, GET_CRL, NULL, PKCS_REQ, RENEWAL_REQ, algorithm, attribute, csr, enveloped_data,
                       integer, issuer_and_serial, octets, oid, printable, self_signed)

import hostile_scep_cms  # noqa: F401  its cases come first

ALWAYS = (datetime.datetime(2020, 1, 1), datetime.datetime(2049, 12, 31))


# SP1, SP2, SP3, SP17: operations and their spelling.
def asks(title, query, *outcomes, method="GET", path=None):
    case(title, *(outcomes or (400,)))(lambda w: w.get(query, method=method, path=path))


asks("SP2-no-operation", "")
asks("SP2-empty-operation", "?operation=")
asks("SP2-unknown-operation", "?operation=GetCert")
asks("SP2-lower-case", "?operation=getcacert")
asks("SP2-operation-twice", "?operation=GetCACaps&operation=PKIOperation")
asks("SP2-other-parameter", "?Operation=GetCACert")
asks("SP2-operation-and-more", "?operation=GetCACertX")
asks("SP2-broken-escape", "?operation=%4")
asks("SP2-nul-escape", "?operation=GetCACert%00")
asks("SP2-no-message", "?operation=PKIOperation")
asks("SP2-empty-message", "?operation=PKIOperation&message=")
asks("SP2-not-base64", "?operation=PKIOperation&message=!!!!")
asks("SP2-one-letter", "?operation=PKIOperation&message=A")
asks("SP2-message-broken-escape", "?operation=PKIOperation&message=MIIB%2")
asks("SP2-message-wrong-escape", "?operation=PKIOperation&message=MIIB%zz")
asks("SP2-message-nul", "?operation=PKIOperation&message=MIIB%00")
asks("SP2-message-twice", "?operation=PKIOperation&message=MIIB&message=MIIB")
asks("SP2-padding-inside", "?operation=PKIOperation&message=MA%3D%3DMAAA")
asks("SP2-url-too-long", "?operation=PKIOperation&message=" + "A" * 200000, 400, 413, 414, 431)
for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
    asks("SP2-%s" % method.lower(), "?operation=GetCACert", 405, method=method)
asks("SP2-capabilities-by-post", "?operation=GetCACaps", 400, 405, method="POST")
for title, path in (("unknown-endpoint", "/scep/nowhere"), ("no-endpoint", "/scep/"), ("nothing", "/scep"), ("below", "/scep/gate/x"),
                    ("slash", "/scep//gate"), ("letters", "/SCEP/gate"), ("letters-of-the-endpoint", "/scep/GATE"),
                    ("dot", "/scep/./gate"), ("escaped-slash", "/scep%2fgate"), ("nul", "/scep/gate%00"),
                    ("trailing-slash", "/scep/gate/")):
    asks("SP2-" + title, "?operation=GetCACert", 400, 404, path=path)


@case("SP2-post-empty", 400)
def _(w):
    return w.post(b"")


@case("SP2-post-too-large", 413)
def _(w):
    return w.post(b"\x30\x83\x02\0\0" + b"\0" * 131072)


@case("SP2-base64-by-post", 400)
def _(w):
    return w.post(base64.b64encode(good_message(w).message))


def good_message(w, challenge=False):
    """With a name that nobody may have, unless with a challenge."""
    name = w.name()
    by = w.stranger(name)
    return w.prepared(PKCS_REQ, csr(by.key, name, san=[name], challenge=w.challenge(name) if challenge else None), by)


def got(title, write, *outcomes, made=0):
    """By GET; `write` makes the parameter of a good message's octets."""
    def run(w):
        prepared = good_message(w, challenge=True)
        return prepared.result(w.get("?operation=PKIOperation&message=" + write(base64.b64encode(prepared.message).decode())).answer)
    case(title, *outcomes, made=made)(run)


def quoted(text, safe=""):
    return urllib.parse.quote(text, safe)


got("SP2-get", quoted, "success", made=1)
got("SP2-get-plus-and-slash-as-they-are", lambda text: quoted(text, "+/="), "success", made=1)
got("SP2-get-plus-as-space", lambda text: quoted(text).replace("%2B", "%20"), "success", 400, made=None)
got("SP2-get-lower-case-escapes", lambda text: quoted(text).replace("%2B", "%2b").replace("%2F", "%2f"), "success", made=1)
got("SP2-get-url-alphabet", lambda text: text.replace("+", "-").replace("/", "_") + "-_", 400)
got("SP2-get-escaped-twice", lambda text: quoted(quoted(text) + "%25"), 400)
got("SP2-get-half", lambda text: quoted(text[:len(text) // 8 * 4]), 400, CHECK)


# SP4, V1: every messageType, each time with a request and a challenge that are good. None of it spends the challenge.
def typed(w, kinds, outcomes, change=None):
    name = w.name()
    by = w.stranger(name)
    request = csr(by.key, name, san=[name], challenge=w.challenge(name))
    for kind in kinds:
        result = w.ask(kind, request, by, change=change)
        need(result.outcome in outcomes, "messageType %r: %s" % (kind, result.what))
        check_form(w, result)
    w.received(w.ask(PKCS_REQ, request, by))
    return "%d messageTypes, and the challenge is still good" % len(kinds)


SERVED = (PKCS_REQ, RENEWAL_REQ)
for first in range(0, 256, 32):
    kinds = [str(n) for n in range(first, first + 32) if str(n) not in SERVED]
    case("V1-messageType-%d-to-%d" % (first, first + 31))(lambda w, kinds=kinds: typed(w, kinds, (ASKED, CHECK, "badCertId")))
for title, kind in (("empty", ""), ("word", "PKCSReq"), ("zero-before", "019"), ("plus", "+19"), ("minus", "-19"), ("blank-after", "19 "),
                    ("blank-before", " 19"), ("fraction", "19.0"), ("hex", "0x13"), ("modulo-256", "275"), ("modulo-2-to-32", "4294967315"),
                    ("modulo-2-to-64", "18446744073709551635"), ("nul", b"19\0"), ("list", "19,17"), ("long", "19" * 2000)):
    case("SP4-messageType-" + title)(lambda w, kind=kind: typed(w, [kind], (ASKED, CHECK, 400)))


def without(name):
    return lambda attributes: attributes.pop(name)


def twice(name):
    def change(attributes):
        attributes[name + " again"] = attributes[name]
    return change


for title, tag in (("utf8", 12), ("ia5", 22), ("octets", 4), ("integer", 2)):
    changed("SP4-messageType-" + title, replaced("messageType", attribute("messageType", der(tag, b"19"))))
for name in ("messageType", "transactionID", "senderNonce", "messageDigest", "contentType"):
    changed("SP4-%s-missing" % name, without(name))
    changed("SP4-%s-twice" % name, twice(name))
    changed("SP4-%s-no-value" % name, replaced(name, attribute(name)))
    changed("SP4-%s-sequence" % name, replaced(name, attribute(name, der(0x30))))
changed("SP4-two-messageTypes", replaced("messageType", attribute("messageType", printable("17"), printable("19"))))
changed("SP4-two-kinds-of-messageType", replaced("messageType again", attribute("messageType", printable("17"))))

# SP5: transactionIDs are names of the client's, not more.
changed("SP5-empty", replaced("transactionID", attribute("transactionID", printable(""))))
changed("SP5-utf8", replaced("transactionID", attribute("transactionID", der(12, b"abc"))))
changed("SP5-not-printable", replaced("transactionID", attribute("transactionID", printable("a@b*"))))
changed("SP5-nul", replaced("transactionID", attribute("transactionID", printable(b"abc\0"))))
changed("SP5-two", replaced("transactionID", attribute("transactionID", printable("a"), printable("b"))))
changed("SP5-1000", replaced("transactionID", attribute("transactionID", printable("a" * 1000))))
changed("SP5-50000", replaced("transactionID", attribute("transactionID", printable("a" * 50000))), 400, 413, ASKED, CHECK)


@case("SP5-of-somebody-else", "success", made=2)
def _(w):
    """Two devices call their transactions the same, and each gets its own certificate."""
    transaction = secrets.token_hex(16)
    for key in (w.key, w.other_key):
        name = w.name()
        by = w.stranger(name, key)
        result = w.ask(PKCS_REQ, w.request(name, key), by, transaction=transaction)
        need(name_of(result.certificate()) == name, "the certificate of another")
    return result


# SP6: nonces.
changed("SP6-empty", replaced("senderNonce", attribute("senderNonce", octets(b""))))
changed("SP6-one-octet", replaced("senderNonce", attribute("senderNonce", octets(b"a"))))
changed("SP6-printable", replaced("senderNonce", attribute("senderNonce", printable("0123456789abcdef"))))
changed("SP6-1000", replaced("senderNonce", attribute("senderNonce", octets(b"a" * 1000))))
changed("SP6-two", replaced("senderNonce", attribute("senderNonce", octets(b"a" * 16), octets(b"b" * 16))))


@case("SP6-ours-is-new")
def _(w):
    nonce = secrets.token_bytes(16)
    ours = [w.ask(PKCS_REQ, b"", nonce=nonce).reply.octets("senderNonce") for _ in range(8)]
    need(len(set(ours + [nonce])) == 9, "a senderNonce came twice")


# SP9, S1, V44: challenges.
def challenged(title, change, *outcomes, endpoint="gate"):
    """`change` makes the challengePassword of a good one."""
    def run(w):
        name = w.name()
        given = change(w.challenge(name))
        return w.ask(PKCS_REQ, csr(w.key, name, san=[name], challenge=given), w.stranger(name), endpoint)
    case(title, *(outcomes or (ASKED,)))(run)


def other_beginning(good):
    return ("y" if good[0] == "x" else "x") + good[1:]


challenged("V44-absent", lambda good: None)
challenged("V44-empty", lambda good: "")
challenged("V44-wrong", other_beginning)
challenged("V44-other-letters", lambda good: good.swapcase())
challenged("V44-shortened", lambda good: good[:-1])
challenged("V44-lengthened", lambda good: good + "a")
challenged("V44-blank-after", lambda good: good + " ")
challenged("V44-newline-after", lambda good: good + "\n", ASKED, CHECK)
challenged("V44-nul-after", lambda good: good + "\0", ASKED, CHECK)
challenged("V44-twice", lambda good: good + good)
challenged("V44-long", lambda good: "a" * 10000, ASKED, CHECK)
challenged("V44-wildcard", lambda good: "%")
challenged("V44-quote", lambda good: "' OR '1'='1")
challenged("S1-at-another-endpoint", lambda good: good, endpoint="rooted")
challenged("S1-at-one-with-approval", lambda good: good, endpoint="both")
challenged("S1-at-one-with-a-static-one", lambda good: good, endpoint="static")
challenged("V44-absent-at-static", lambda good: None, endpoint="static")
challenged("V44-empty-at-static", lambda good: "", endpoint="static")
challenged("V44-wrong-where-none-is-needed", other_beginning, endpoint="desk")
challenged("V44-absent-where-approval-is-too", lambda good: None, endpoint="both")
OID_CHALLENGE = oid("1.2.840.113549.1.9.7")


def handmade(w, name, attributes, key=None, signer=None, spki=None, version=0, digest="sha256"):
    """A PKCS #10 part by part."""
    key = key or w.key
    if spki is None:
        spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    info = der(0x30, integer(version), wire.name(name).public_bytes(), spki, der(0xA0, attributes))
    return der(0x30, info, algorithm(oid("1.2.840.113549.1.1.%d" % wire.SIGNATURES[digest]), NULL),
               der(3, b"\0" + wire.sign(signer or key, info, digest)))


def challenge_attribute(*values):
    return der(0x30, OID_CHALLENGE, der(0x31, *values))


def extensions_attribute(name):
    names = der(0x30, der(0x82, name.encode()))
    return der(0x30, oid("1.2.840.113549.1.9.14"), der(0x31, der(0x30, der(0x30, oid("2.5.29.17"), octets(names)))))


def by_hand(title, attributes, *outcomes, made=0):
    """`attributes` makes them of a good challenge, another one, and the name."""
    def run(w):
        name = w.name()
        request = handmade(w, name, attributes(w.challenge(name).encode(), b"other", name))
        return w.ask(PKCS_REQ, request, w.stranger(name))
    case(title, *(outcomes or (ASKED, CHECK)), made=made)(run)


by_hand("V44-two-values", lambda good, other, name: challenge_attribute(der(19, good), der(19, other)) + extensions_attribute(name))
by_hand("V44-two-attributes", lambda good, other, name: challenge_attribute(der(19, other)) + challenge_attribute(der(19, good)) +
        extensions_attribute(name))
by_hand("V44-no-value", lambda good, other, name: challenge_attribute() + extensions_attribute(name))
by_hand("V44-octets", lambda good, other, name: challenge_attribute(der(4, good)) + extensions_attribute(name))
by_hand("V44-utf8", lambda good, other, name: challenge_attribute(der(12, good)) + extensions_attribute(name), "success", made=1)


def bound(title, *subject, san):
    """A challenge for one name, and a request for another, or for more; {} is that name."""
    def run(w):
        name = w.name()
        given = [(a[0], a[1].replace("{}", name)) if isinstance(a, tuple) else a.replace("{}", name) for a in subject]
        request = csr(w.key, *given, san=[text.replace("{}", name) for text in san], challenge=w.challenge(name))
        return w.ask(PKCS_REQ, request, w.stranger(name))
    case(title, ASKED)(run)


bound("S1-other-name", "dev-x.t.test", san=["dev-x.t.test"])
bound("S1-other-common-name", "dev-x.t.test", san=["{}"])
bound("S1-other-alternative-name", "{}", san=["dev-x.t.test"])
bound("S1-one-more-name", "{}", san=["{}", "dev-x.t.test"])
bound("S1-name-below", "{}", san=["www.{}"])
bound("S1-wildcard", "{}", san=["*.{}"])
bound("S1-two-common-names", "{}", "dev-x.t.test", san=["{}"])
bound("S1-more-subject", "{}", (NameOID.ORGANIZATION_NAME, "Test Corp"), san=["{}"])
bound("S1-administrator", "Administrator", san=["{}"])


@case("S1-twice", ASKED, made=1)
def _(w):
    """The second asks with another key, as who has overheard it would."""
    name = w.name()
    challenge = w.challenge(name)
    first = w.ask(PKCS_REQ, csr(w.key, name, san=[name], challenge=challenge), w.stranger(name))
    need(first.outcome == "success", first.what)
    return w.ask(PKCS_REQ, csr(w.other_key, name, san=[name], challenge=challenge), w.stranger(name, w.other_key))


@case("S1-twice-by-the-same", ASKED, made=1)
def _(w):
    name = w.name()
    request, by = w.request(name), w.stranger(name)
    need(w.ask(PKCS_REQ, request, by).outcome == "success", "an honest request was refused")
    return w.ask(PKCS_REQ, request, by)


@case("S1-parallel", made=1)
def _(w):
    """One challenge, many keys, at once; on all nodes."""
    name = w.name()
    challenge = w.challenge(name)
    parties = [w.stranger(name, key) for key in w.once("keys", lambda: [wire.new_key() for _ in range(6)])] * 2
    outcomes = w.at_once([w.prepared(PKCS_REQ, csr(by.key, name, san=[name], challenge=challenge), by) for by in parties])
    outcomes = [result.outcome for result in outcomes]
    need(outcomes.count("success") == 1 and outcomes.count(ASKED) == len(parties) - 1, "%s" % outcomes)


@case("S1-ended", ASKED)
def _(w):
    name = w.name()
    challenge = w.challenge(name, "--ttl", "1s")
    time.sleep(2.1)
    return w.ask(PKCS_REQ, csr(w.key, name, san=[name], challenge=challenge), w.stranger(name))


@case("S1-static-other-name", ASKED)
def _(w):
    return w.ask(PKCS_REQ, csr(w.key, "a.t.test", san=["a.t.test"], challenge=w.options.static), w.stranger("a.t.test"), "static")


@case("S1-static-listed-name", "success", made=1)
def _(w):
    name = "a.static.test"
    return w.ask(PKCS_REQ, csr(w.key, name, san=[name], challenge=w.options.static), w.stranger(name), "static")


@case("S1-static-elsewhere", ASKED)
def _(w):
    return w.ask(PKCS_REQ, csr(w.key, "a.static.test", san=["a.static.test"], challenge=w.options.static), w.stranger("a.static.test"))


# SP10, S4: who signs a first request.
def first(title, signer, *outcomes, made=0):
    def run(w):
        name = w.name()
        return w.ask(PKCS_REQ, w.request(name), signer(w, name))
    case(title, *(outcomes or (ASKED, CHECK)), made=made)(run)


def issued_by(w, key, name, issuer, issuer_key, serial=None, valid=ALWAYS, like=None):
    """A certificate of somebody else's CA; `like`: with the extensions of that one."""
    builder = (x509.CertificateBuilder().subject_name(wire.name(name) if isinstance(name, str) else name).issuer_name(issuer)
               .public_key(key.public_key()).serial_number(serial or x509.random_serial_number())
               .not_valid_before(valid[0]).not_valid_after(valid[1]))
    for extension in like.extensions if like else ():
        builder = builder.add_extension(extension.value, extension.critical)
    return Party(key, builder.sign(issuer_key, hashes.SHA256()))


first("S4-other-key", lambda w, name: w.stranger(name, w.other_key))
first("S4-certificate-of-the-key-signed-by-another", lambda w, name: Party(w.other_key, w.stranger(name).certificate))
first("SP10-signer-of-another-ca", lambda w, name: issued_by(w, w.key, name, wire.name("Somebody"), w.other_key))
first("SP10-signer-says-our-ca", lambda w, name: issued_by(w, w.key, name, w.ca().subject, w.other_key))
first("SP10-signer-is-the-ra", lambda w, name: Party(w.key, w.ra()))
first("SP10-signer-is-the-ca", lambda w, name: Party(w.key, w.ca()))
first("SP10-signer-ended", lambda w, name: w.stranger(name, valid=(ALWAYS[0], ALWAYS[0] + DAY)), "success", ASKED, CHECK, made=None)
first("SP10-signer-by-ec", lambda w, name: w.stranger(name, ec.generate_private_key(ec.SECP256R1())), ASKED, CHECK, "badAlg")
first("SP10-signer-by-1024-bits", lambda w, name: w.stranger(name, wire.new_key(1024)), ASKED, CHECK, "badAlg")


@case("SP10-request-not-by-its-key", ASKED, CHECK)
def _(w):
    """The PKCS #10 is signed by another key than the one in it, and so is the message."""
    name = w.name()
    attributes = challenge_attribute(printable(w.challenge(name))) + extensions_attribute(name)
    return w.ask(PKCS_REQ, handmade(w, name, attributes, signer=w.other_key), w.stranger(name))


def old_request(title, digest, endpoint, *outcomes, made=0):
    """The message is as good as can be, and the PKCS #10 in it is of the past."""
    def run(w):
        name = w.name()
        attributes = challenge_attribute(printable(w.challenge(name, endpoint=endpoint))) + extensions_attribute(name)
        return w.ask(PKCS_REQ, handmade(w, name, attributes, digest=digest), w.stranger(name), endpoint)
    case(title, *outcomes, made=made)(run)


old_request("S8-request-sha1", "sha1", "gate", ASKED, CHECK, "badAlg")
old_request("S8-request-md5", "md5", "gate", ASKED, CHECK, "badAlg")
old_request("S8-request-sha1-for-old-ones", "sha1", "old", "success", made=1)
old_request("S8-request-md5-for-old-ones", "md5", "old", ASKED, CHECK, "badAlg")


@case("SP10-weak-key", ASKED, CHECK, "badAlg")
def _(w):
    key = wire.new_key(1024)
    name = w.name()
    return w.ask(PKCS_REQ, w.request(name, key), w.stranger(name, key))


# S3, V10, V11, V26: renewal.
def renewal(title, by, *subject, san=(), kind=RENEWAL_REQ, endpoint="gate", outcomes=(ASKED, CHECK), made=0, challenge=None):
    """`by` makes the signer; {} in names is the device's. The new key is another one."""
    def run(w):
        signer = by(w)
        mine = name_of(w.device.certificate)
        names = [s.replace("{}", mine) if isinstance(s, str) else s for s in subject or ("{}",)]
        request = csr(w.other_key, *names, san=[s.replace("{}", mine) for s in san or ["{}"]], challenge=challenge)
        result = w.ask(kind, request, signer, endpoint)
        result.csr_key = w.other_key
        return result
    case(title, *outcomes, made=made)(run)


def device(w):
    return w.device


def once(w):
    """Of the endpoint that gives nothing but first certificates."""
    return w.once("once", lambda: w.enrolled(endpoint="once"))


def look_alike(w, key=None, issuer_key=None, serial=None):
    """All that our device's certificate says, its issuer and its serial number too, signed by somebody else."""
    ours = w.device.certificate
    return issued_by(w, key or w.other_key, ours.subject, ours.issuer, issuer_key or w.other_key, serial or ours.serial_number, like=ours)


renewal("S3-good", device, outcomes=("success",), made=1)
renewal("S3-other-name", device, "dev-x.t.test", san=["dev-x.t.test"])
renewal("S3-other-common-name", device, "dev-x.t.test")
renewal("S3-other-alternative-name", device, san=["dev-x.t.test"])
renewal("S3-one-more-name", device, san=["{}", "dev-x.t.test"])
renewal("S3-more-subject", device, "{}", (NameOID.ORGANIZATION_NAME, "Test Corp"))
renewal("S3-no-subject", device, (NameOID.SERIAL_NUMBER, "1"))
renewal("S3-letters", device, "DEV-X.T.TEST")
renewal("V26-same-names-other-key", look_alike)
renewal("V26-same-names-same-key", lambda w: look_alike(w, w.device.key))
renewal("V26-other-serial", lambda w: look_alike(w, serial=4711))
renewal("V26-self-signed", lambda w: Party(w.key, self_signed(w.key, name_of(w.device.certificate))))
renewal("V26-self-signed-with-the-key", lambda w: Party(w.device.key, self_signed(w.device.key, name_of(w.device.certificate))))
renewal("V26-our-device-as-ca", lambda w: issued_by(
    w, w.other_key, name_of(w.device.certificate), w.device.certificate.subject, w.device.key))
renewal("S3-not-by-its-key", lambda w: Party(w.other_key, w.device.certificate))
renewal("S3-by-the-ra", lambda w: Party(w.other_key, w.ra()))
renewal("V11-of-another-ca", lambda w: w.once("rooted", lambda: w.enrolled(endpoint="rooted")))
renewal("V11-at-another-ca", device, endpoint="rooted")
renewal("V11-of-another-profile", device, endpoint="brief")
renewal("S3-where-there-is-none", lambda w: once(w), endpoint="once")
renewal("S3-by-a-PKCSReq", device, kind=PKCS_REQ, outcomes=("success",), made=1)  # as before there was RenewalReq
renewal("S3-by-a-PKCSReq-other-name", device, "dev-x.t.test", kind=PKCS_REQ, san=["dev-x.t.test"])


@case("S3-by-nobody-with-a-challenge", ASKED, CHECK)
def _(w):
    """What is good for a first request renews nothing."""
    name = w.name()
    return w.ask(RENEWAL_REQ, w.request(name), w.stranger(name))


@case("V10-revoked", ASKED, CHECK)
def _(w):
    device = w.enrolled()
    w.chancery("cert", "revoke", serial_of(device.certificate))
    name = name_of(device.certificate)
    return w.ask(RENEWAL_REQ, csr(w.key, name, san=[name]), device)


@case("S3-names-left-out", ASKED, CHECK)
def _(w):
    device = w.enrolled(san=["more.t.test"])
    name = name_of(device.certificate)
    return w.ask(RENEWAL_REQ, csr(w.key, name, san=[name]), device)


@case("S3-in-parallel", made=1)
def _(w):
    """One renewal, sent twelve times at once."""
    device = w.enrolled()
    name = name_of(device.certificate)
    one_certificate(w, [w.prepared(RENEWAL_REQ, csr(w.other_key, name, san=[name]), device)] * 12)


# S2, SP12: transactions.
def one_certificate(w, prepared):
    """Sent at once, to all nodes; what waits for another is asked again. All get the same."""
    results = w.at_once(prepared)
    need(all(result.outcome == "success" for result in results), "%s" % [result.what for result in results])
    found = {result.content()[0][0].serial_number for result in results}
    need(len(found) == 1, "%d certificates" % len(found))


@case("S2-replayed", made=1)
def _(w):
    prepared = good_message(w, challenge=True)
    answers = [w.send(prepared) for _ in range(3)]
    need(len({a.certificate().serial_number for a in answers}) == 1, "another certificate")


@case("S2-parallel", made=1)
def _(w):
    one_certificate(w, [good_message(w, challenge=True)] * 12)


@case("SP12-same-request-new-nonce", "success", made=1)
def _(w):
    name, transaction = w.name(), secrets.token_hex(16)
    request, by = w.request(name), w.stranger(name)
    one, two = (w.ask(PKCS_REQ, request, by, transaction=transaction) for _ in range(2))
    need(one.certificate() == two.certificate(), "another certificate")
    return two


@case("SP12-other-request", ASKED, made=1)
def _(w):
    transaction = secrets.token_hex(16)
    name = w.name()
    need(w.ask(PKCS_REQ, w.request(name), w.stranger(name), transaction=transaction).outcome == "success", "an honest request was refused")
    return w.ask(PKCS_REQ, w.request(w.name()), w.stranger(name), transaction=transaction)


@case("S2-replayed-in-another-envelope", ASKED, CHECK, made=1)
def _(w):
    """What somebody else sent to the RA, in a message of one's own (S4)."""
    name = w.name()
    envelope = enveloped_data(w.request(name), w.ra())
    need(w.ask(PKCS_REQ, None, w.stranger(name), envelope=envelope).outcome == "success", "an honest request was refused")
    return w.ask(PKCS_REQ, None, w.stranger(name, w.other_key), envelope=envelope)


@case("S2-replayed-at-another-endpoint", ASKED, CHECK, 400, made=1)
def _(w):
    prepared = good_message(w, challenge=True)
    need(w.send(prepared).outcome == "success", "an honest request was refused")
    prepared.endpoint = "rooted"
    return w.send(prepared)


# SP11: polling.
def issuer_and_subject(issuer, subject):
    return der(0x30, issuer.public_bytes(), wire.name(subject).public_bytes())


class Waiting:
    """A request that waits for an operator."""

    def __init__(self, w):
        self.w, self.name, self.transaction = w, w.name(), secrets.token_hex(16)
        self.by = w.stranger(self.name)
        self.request = csr(w.key, self.name, san=[self.name])
        result = self.ask()
        need(result.outcome == "pending", "an honest request does not wait: %s" % result.what)
        self.id = w.waiting(self.name)[0]["id"]

    def ask(self):
        return self.w.ask(PKCS_REQ, self.request, self.by, "desk", self.transaction)

    def poll(self, issuer=None, subject=None, by=None, transaction=None, endpoint="desk"):
        content = issuer_and_subject(issuer or self.w.ca("desk").subject, subject or self.name)
        return self.w.ask(CERT_POLL, content, by or self.by, endpoint, transaction or self.transaction)

    def approve(self):
        self.w.chancery("request", "approve", self.id)


UNKNOWN = (ASKED, "badCertId", CHECK)


def polled(title, *outcomes, **other):
    """By somebody who is not quite the one who waits; approved it is by then."""
    def run(w):
        request = Waiting(w)
        request.approve()
        result = request.poll(**{key: value(w) for key, value in other.items()})
        need(result.outcome in outcomes, result.what)
        need(w.arrived(request.poll).outcome == "success", "who waits gets nothing")
        return result
    case(title, *outcomes, made=1)(run)


polled("SP11-other-key", *UNKNOWN, by=lambda w: w.stranger(key=w.other_key))
polled("SP11-other-subject", *UNKNOWN, subject=lambda w: "dev-x.t.test")
polled("SP11-other-issuer", *UNKNOWN, issuer=lambda w: wire.name("Somebody"))
polled("SP11-other-transaction", *UNKNOWN, transaction=lambda w: secrets.token_hex(16))
polled("SP11-other-endpoint", *UNKNOWN, endpoint=lambda w: "gate")
polled("SP11-by-a-device", *UNKNOWN, by=device)


@case("SP11-waits", "pending")
def _(w):
    request = Waiting(w)
    need(request.ask().outcome == "pending", "the second time it does not wait")
    need(len(w.waiting(request.name)) == 1, "it is two requests")
    return request.poll()


@case("SP11-approved", "success", made=1)
def _(w):
    request = Waiting(w)
    request.approve()
    result = w.arrived(request.poll)
    need(result.certificate() == request.ask().certificate() == request.poll().certificate(), "another certificate")
    return result


@case("SP11-approved-in-parallel", made=1)
def _(w):
    request = Waiting(w)
    request.approve()
    poll = w.prepared(CERT_POLL, issuer_and_subject(w.ca("desk").subject, request.name), request.by, "desk", request.transaction)
    again = w.prepared(PKCS_REQ, request.request, request.by, "desk", request.transaction)
    one_certificate(w, [poll, again] * 6)


@case("SP11-rejected", ASKED)
def _(w):
    request = Waiting(w)
    w.chancery("request", "reject", request.id, "--reason", "no such device")
    need(request.ask().outcome == ASKED, "the request itself is not refused")
    return request.poll()


@case("SP11-other-request-while-it-waits", ASKED)
def _(w):
    request = Waiting(w)
    other = w.name()
    return w.ask(PKCS_REQ, csr(w.key, other, san=[other]), request.by, "desk", request.transaction)


@case("SP11-behind-a-challenge", "pending")
def _(w):
    """A good challenge, and an operator besides; the challenge is spent meanwhile."""
    name = w.name()
    request = w.request(name, endpoint="both")
    result = w.ask(PKCS_REQ, request, w.stranger(name), "both")
    other = csr(w.other_key, name, san=[name], challenge=w.secrets[-1])
    need(w.ask(PKCS_REQ, other, w.stranger(name, w.other_key), "both").outcome == ASKED, "the challenge is good for two")
    return result


for title, content in (("garbage", b"garbage"), ("empty", b""), ("a-request", None), ("sequence", der(0x30)), ("one-name", None)):
    case("SP11-content-" + title, ASKED, CHECK, "badCertId")(
        lambda w, content=content: w.ask(CERT_POLL, w.request() if content is None else content))


# SP13: certificates and CRLs.
def fetched(title, kind, content, by, *outcomes, endpoint="gate"):
    case(title, *(outcomes or (ASKED, CHECK, "badCertId")))(lambda w: w.ask(kind, content(w), by(w), endpoint))


def of_device(w):
    return issuer_and_serial(w.device.certificate)


def missing_serial(w):
    return der(0x30, w.device.certificate.issuer.public_bytes(), integer(4711))


@case("SP13-certificate", "success")
def _(w):
    result = w.ask(GET_CERT, of_device(w), w.device)
    need(result.content()[0][0] == w.device.certificate, "another certificate")
    return result


@case("SP13-crl", "success")
def _(w):
    result = w.ask(GET_CRL, of_device(w), w.device)
    certificates, crls = result.content()
    need(len(crls) == 1 and not certificates, "%d CRLs, %d certificates" % (len(crls), len(certificates)))
    need(x509.load_der_x509_crl(crls[0]).issuer == w.device.certificate.issuer, "of another CA")
    return result


fetched("SP13-certificate-by-nobody", GET_CERT, of_device, lambda w: w.stranger())
fetched("SP13-certificate-by-a-look-alike", GET_CERT, of_device, look_alike)
fetched("SP13-certificate-that-is-not", GET_CERT, missing_serial, device)
fetched("SP13-certificate-of-another-ca", GET_CERT, lambda w: issuer_and_serial(w.stranger().certificate), device)
for title, kind in (("certificate", GET_CERT), ("crl", GET_CRL)):
    fetched("SP13-%s-switched-off" % title, kind, lambda w: issuer_and_serial(once(w).certificate), lambda w: once(w), endpoint="once")
fetched("SP13-crl-of-another-ca", GET_CRL, lambda w: issuer_and_serial(w.stranger().certificate), device)
for kind, title in ((GET_CERT, "certificate"), (GET_CRL, "crl")):
    for what, content in (("garbage", b"garbage"), ("empty", b""), ("negative-serial", der(0x30, der(0x30), der(2, b"\xff"))),
                          ("long-serial", der(0x30, der(0x30), der(2, b"\x7f" * 4000)))):
        fetched("SP13-%s-%s" % (title, what), kind, lambda w, content=content: content, device)


@case("SP2-slow-bodies", "success", made=1)
def _(w):
    """Forty that never end their bodies, and one that does."""
    slow = []
    try:
        for _ in range(40):
            connection = http.client.HTTPConnection("127.0.0.1", w.options.http[0], timeout=wire.END_S)
            connection.putrequest("POST", "/scep/gate?operation=PKIOperation")
            connection.putheader("Content-Length", "4000")
            connection.endheaders(b"\x30\x82")
            slow.append(connection)
        name = w.name()
        return w.ask(PKCS_REQ, w.request(name), w.stranger(name))
    finally:
        for connection in slow:
            connection.close()


# Last, since they wait for the end of certificates that live a minute.
def ended(w, endpoint):
    device = w.once(endpoint, lambda: w.enrolled(endpoint=endpoint))
    until = time.monotonic() + 120
    end = device.certificate.not_valid_after.replace(tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=1)
    while datetime.datetime.now(datetime.timezone.utc) <= end:
        need(time.monotonic() < until, "it does not end")
        time.sleep(0.2)
    name = name_of(device.certificate)
    return w.ask(RENEWAL_REQ, csr(w.key, name, san=[name]), device, endpoint)


case("V10-expired", ASKED, CHECK)(lambda w: ended(w, "brief"))
case("SP10-expired-a-moment-ago-where-that-is-allowed", "success", made=1)(lambda w: ended(w, "grace"))


# --- Running -----------------------------------------------------------------------------------

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--http", type=int, action="append", help="port of it on 127.0.0.1; may be repeated, for nodes")
    parser.add_argument("--chancery", help="the chancery program, for challenges and to count certificates")
    parser.add_argument("--dir", help="the CA's folder")
    parser.add_argument("--static", default="static-challenge-of-the-test", help="what is in the file scep-static there")
    parser.add_argument("--secrets", help="file for the challenges that were made, a line each")
    parser.add_argument("--case", action="append", default=[], help="run this one; may be repeated; a prefix runs all with it")
    parser.add_argument("--all", action="store_true", help="run all")
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--profiles", action="store_true", help="print the profiles that the server has to have")
    parser.add_argument("--endpoints", action="store_true", help="print the endpoints that the server has to have")
    options = parser.parse_args()
    if options.profiles or options.endpoints:
        print(PROFILES if options.profiles else ENDPOINTS, end="")
        return 0
    if options.list:
        for title, outcomes, _, _ in CASES:
            print("%-48s %s" % (title, "/".join(map(str, outcomes))))
        return 0
    rows = [row for row in CASES if options.all or any(row[0].startswith(prefix) for prefix in options.case)]
    if not rows or None in (options.http, options.chancery, options.dir):
        parser.print_usage(sys.stderr)
        return 2
    w = World(options)
    if options.all:
        for endpoint in ("brief", "grace"):
            w.once(endpoint, lambda endpoint=endpoint: w.enrolled(endpoint=endpoint))
    print("1..%d" % len(rows))
    failed = sum([not tap(i + 1, row[0], lambda row=row: run(w, row)) for i, row in enumerate(rows)])
    if options.secrets:
        with open(options.secrets, "w", encoding="ascii") as file:
            file.writelines(line + "\n" for line in w.secrets)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
