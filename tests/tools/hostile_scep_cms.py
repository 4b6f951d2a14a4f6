"""Cases of hostile_scep.py about cryptography and CMS: algorithms of the past, oracles, shapes of messages (SP15, SP16,
S5 to S8)."""

import secrets
import statistics
import time

import scep_wire as wire
from hostile import der, need
from hostile_scep_world import ASKED, CHECK, Prepared, case, changed, enveloped, flipped, replaced
from scep_wire import (CIPHERS, DIGESTS, NULL, OID_DATA, OID_ENVELOPED, OID_RSA, OID_SIGNED, PKCS_REQ, RENEWAL_REQ, algorithm, attribute,
                       csr, enveloped_data, integer, issuer_and_serial, key_transport, octets, oid, pkcs1_block, printable,
                       public_der, signed_data, signer_info)


# SP15: times.
def at(when):
    return replaced("signingTime", attribute("signingTime", when))


changed("SP15-long-ago", at(der(23, b"200101000000Z")), "badTime")
changed("SP15-far-ahead", at(der(23, b"490101000000Z")), "badTime")
changed("SP15-far-far-ahead", at(der(24, b"99991231235959Z")), "badTime")
changed("SP15-no-time", at(der(23, b"garbage")), CHECK, "badTime")
changed("SP15-no-such-day", at(der(23, b"260230000000Z")), CHECK, "badTime")
changed("SP15-local-time", at(der(23, b"2601010000+0100")), CHECK, "badTime")
changed("SP15-empty", replaced("signingTime", attribute("signingTime")), "success", CHECK, "badTime", made=None)


# SP16, S8: algorithms of the past.
def weak(title, outcome, endpoint="gate", cipher="aes128", digest="sha256", made=0):
    def run(w):
        name = w.name()
        by = w.stranger(name)
        request = w.request(name, endpoint=endpoint)
        return w.ask(PKCS_REQ, request, by, endpoint, envelope=enveloped_data(request, w.ra(endpoint), cipher), digest=digest)
    case(title, *outcome, made=made)(run)


BAD = ("badAlg",)
for cipher in ("3des", "des"):
    weak("S8-" + cipher, BAD, cipher=cipher)
for digest in ("sha1", "md5", "sha224"):
    weak("S8-" + digest, BAD, digest=digest)
weak("S8-3des-and-sha1", BAD, cipher="3des", digest="sha1")
weak("S8-des-for-old-ones", BAD, "old", "des")
weak("S8-md5-for-old-ones", BAD, "old", digest="md5")
weak("S8-3des-for-old-ones", ("success",), "old", "3des", made=1)
weak("S8-sha1-for-old-ones", ("success",), "old", digest="sha1", made=1)
weak("S8-3des-and-sha1-for-old-ones", ("success",), "old", "3des", "sha1", made=1)
for cipher in ("aes192", "aes256"):
    weak("SP16-" + cipher, ("success",), cipher=cipher, made=1)
for digest in ("sha384", "sha512"):
    weak("SP16-" + digest, ("success",), digest=digest, made=1)



for title, other in (("unknown-cipher", algorithm(oid("1.2.3.4"), octets(b"0" * 16))),
                     ("rc2", algorithm(oid("1.2.840.113549.3.2"), octets(b"0" * 8))),
                     ("gcm", algorithm(oid("2.16.840.1.101.3.4.1.6"), der(0x30, octets(b"0" * 12))))):
    enveloped("S8-" + title, lambda w, r, ra, other=other: enveloped_data(r, ra, cipher_algorithm=other), "badAlg")
enveloped("S8-oaep", lambda w, r, ra: enveloped_data(r, ra, wrapping=algorithm(oid("1.2.840.113549.1.1.7"), der(0x30))), CHECK, "badAlg")


# S5: nobody learns why it could not be decrypted. Whoever wraps the envelope of another in a message of his own is told
# the same whatever he has changed in it, also when he has changed nothing (S4).
def block_of(ra, key, **more):
    return pkcs1_block(key, ra.public_key().key_size // 8, **more)


def envelopes(w):
    """By name: what cannot be decrypted, and what comes to nothing after that. All of one size."""
    ra, k = w.ra(), w.ra().public_key().key_size // 8
    n = ra.public_key().public_numbers().n
    request, key = csr(w.other_key, "victim.t.test", san=["victim.t.test"], challenge=w.challenge("victim.t.test")), secrets.token_bytes(16)
    size = len(request) // 16 * 16 + 16
    encrypted_key = wire.rsa_raw(ra.public_key(), block_of(ra, key))

    def block(data):
        return enveloped_data(request, ra, block=data, key=key)

    def padded(data):
        return enveloped_data(b"", ra, padded=data)
    junk = secrets.token_bytes(size - 1)
    return {
        "block type 1": block(block_of(ra, key, kind=1)),
        "block type 0": block(block_of(ra, key, kind=0)),
        "first octet not 0": block(b"\1" + block_of(ra, key)[1:]) if n >> (k * 8 - 8) > 1 else block(b"\0" + block_of(ra, key, kind=3)[1:]),
        "no separator": block(b"\0\2" + b"\1" * (k - 2)),
        "separator too early": block(b"\0\2" + b"\1" * 7 + b"\0" + b"\1" * (k - 10)),
        "no padding at all": block(b"\0\2\0" + b"\1" * (k - 3)),
        "no key": block(block_of(ra, b"")),
        "a key of 15 octets": block(block_of(ra, key[1:])),
        "a key of 17 octets": block(block_of(ra, key + b"1")),
        "a key of 32 octets": block(block_of(ra, key + key)),
        "another key": block(block_of(ra, secrets.token_bytes(16))),
        "random": enveloped_data(request, ra, key=key, encrypted=None, **{"block": b"\0" + secrets.token_bytes(k - 1)}),
        "zero": recoded(request, ra, key, bytes(k)),
        "one": recoded(request, ra, key, bytes(k - 1) + b"\1"),
        "the modulus": recoded(request, ra, key, n.to_bytes(k, "big")),
        "all ones": recoded(request, ra, key, b"\xff" * k),
        "one octet short": recoded(request, ra, key, encrypted_key[:-1]),
        "one octet more": recoded(request, ra, key, encrypted_key + b"\0"),
        "no octets": recoded(request, ra, key, b""),
        "another recipient": enveloped_data(request, w.stranger().certificate, key=key),
        "the CA as recipient": enveloped_data(request, ra, key=key, whom=issuer_and_serial(w.ca())),
        "the RA of another endpoint": enveloped_data(request, w.ra("once"), key=key),
        "padding 0": padded(junk + b"\0"),
        "padding 17": padded(junk + b"\x11"),
        "padding 255": padded(junk + b"\xff"),
        "padding not even": padded(junk[:-2] + b"\1\3\3"),
        "not whole blocks": enveloped_data(b"", ra, encrypted=secrets.token_bytes(size - 1)),
        "no blocks": enveloped_data(b"", ra, encrypted=b""),
        "nothing inside": enveloped_data(b"", ra),
        "junk": padded(junk + b"\1"),
        "no PKCS #10": enveloped_data(der(0x30, der(0x30)), ra),
        "a PKCS #10 and more": enveloped_data(request + b"\0", ra),
        "an octet of the name changed": enveloped_data(request.replace(b"victim", b"victin"), ra),
        "an octet of the signature changed": enveloped_data(flipped(request, len(request) - 9), ra),
    }


def recoded(request, ra, key, encrypted_key):
    return enveloped_data(request, ra, key=key, recipients=key_transport(ra, None, encrypted=encrypted_key))


def as_told(result):
    """All that a reply tells, but for what has to be new in each: nonces, time, signature."""
    need(result.reply is not None, "no reply: %s" % result.what)
    told = {name: value.body for name, value in result.reply.attributes.items()
            if name not in (wire.ATTRIBUTES["senderNonce"], wire.ATTRIBUTES["recipientNonce"], wire.OID_SIGNING_TIME)}
    certificates = [public_der(c) for c in result.reply.certificates]
    return told, result.reply.content, certificates, result.reply.signature_algorithm, len(result.answer.body)


@case("S5-one-answer")
def _(w):
    by, nonce, transaction = w.stranger("attacker.t.test"), secrets.token_bytes(16), secrets.token_hex(16)
    told = {}
    for title, envelope in envelopes(w).items():
        result = w.ask(PKCS_REQ, None, by, envelope=envelope, nonce=nonce, transaction=transaction)
        need(result.outcome == CHECK, "%s: %s" % (title, result.what))
        told[title] = as_told(result)
    usual = told["block type 1"]
    different = ["%s: %s instead of %s" % (title, found, usual) for title, found in told.items() if found != usual]
    need(not different, "\n".join(different))
    return "%d kinds" % len(told)


@case("S5-one-answer-to-renewals")
def _(w):
    told = {title: as_told(w.ask(RENEWAL_REQ, None, w.device, envelope=envelope, nonce=b"0" * 16, transaction="abc"))
            for title, envelope in envelopes(w).items()}
    need(all(found == told["block type 1"] for found in told.values()), "answers differ")


@case("S5-one-answer-to-each-changed-octet")
def _(w):
    """CBC lets who has caught a message change octets of what is in it. It is not told what came of that."""
    by, told = w.stranger("attacker.t.test"), []
    request = csr(w.other_key, "victim.t.test", san=["victim.t.test"], challenge=w.challenge("victim.t.test"))
    for at in range(0, len(request), 5):
        envelope = enveloped_data(flipped(request, at), w.ra())
        told.append(as_told(w.ask(PKCS_REQ, None, by, envelope=envelope, nonce=b"0" * 16, transaction="abc")))
        need(told[-1] == told[0], "octet %d: %s" % (at, told[-1]))
    return "%d octets" % len(told)


SAMPLES = 60


@case("S5-time")
def _(w):
    """In turns; an oracle at a distance needs microseconds, a test on a busy machine sees what is gross."""
    kinds = envelopes(w)
    chosen = ["block type 1", "a key of 15 octets", "another key", "padding 17", "junk", "another recipient",
              "an octet of the signature changed"]
    by = w.stranger("attacker.t.test")
    times = {title: [] for title in chosen}
    for _ in range(SAMPLES):
        for title in chosen:
            prepared = w.prepared(PKCS_REQ, None, by, envelope=kinds[title])
            start = time.perf_counter()
            w.send(prepared)
            times[title].append((time.perf_counter() - start) * 1e3)
    medians = {title: statistics.median(found) for title, found in times.items()}
    usual = min(medians.values())
    need(max(medians.values()) <= 5 * usual, "medians in ms: %s" % medians)
    return "; ".join("%s %.2f ms, U %.2f" % (t, medians[t], superiority(times[t], times["block type 1"])) for t in chosen)


def superiority(one, other):
    """Mann and Whitney: the part of the pairs in which the first is the larger; 0.5 where nothing can be told."""
    return sum((x > y) + (x == y) / 2 for x in one for y in other) / (len(one) * len(other))


# S6: shapes of EnvelopedData.
KARI = der(0xA1, integer(3), der(0xA0, der(0xA0, octets(b"0" * 20))), algorithm(oid("1.3.133.16.840.63.0.2")), der(0x30))
KEKRI = der(0xA2, integer(4), der(0x30, octets(b"key")), algorithm(oid("2.16.840.1.101.3.4.1.5")), octets(b"0" * 24))
PWRI = der(0xA3, integer(0), algorithm(oid("1.2.840.113549.1.9.16.3.9"), der(0x30)), octets(b"0" * 32))
OTHER = der(0xA4, oid("1.2.3.4"), NULL)


def recipients(title, make, *outcomes):
    enveloped("S6-" + title, lambda w, r, ra: enveloped_data(r, ra, recipients=make(ra)), *(outcomes or (CHECK,)))


recipients("no-recipient", lambda ra: b"")
recipients("1000-recipients", lambda ra: key_transport(ra, b"0" * 16) * 100, CHECK, 400, 413)
for title, one in (("key-agreement", KARI), ("key-encryption-key", KEKRI), ("password", PWRI), ("other", OTHER), ("tag-5", der(0xA5))):
    recipients(title, lambda ra, one=one: one)
recipients("recipient-by-key-identifier", lambda ra: key_transport(ra, b"0" * 16, version=2, whom=der(0x80, b"0" * 20)))
recipients("recipient-version-1", lambda ra: key_transport(ra, b"0" * 16, version=1))
recipients("recipient-is-a-sequence-of-nothing", lambda ra: der(0x30))
recipients("recipient-with-more", lambda ra: key_transport(ra, b"0" * 16, wrapping=algorithm(OID_RSA, NULL + NULL)))


def nested(request, ra, depth):
    data = request
    for _ in range(depth):
        data = enveloped_data(data, ra, kind=OID_ENVELOPED)
    return data


def deep(n):
    data = b""
    for _ in range(n):
        data = der(0x30, data)
    return data


def indefinite(data):
    """The outermost SEQUENCE with an indefinite length."""
    return b"\x30\x80" + wire.Tlv(data).body + b"\0\0"


enveloped("S6-nested-twice", lambda w, r, ra: nested(r, ra, 2))
enveloped("S6-nested-20", lambda w, r, ra: nested(r, ra, 20), CHECK, 400, 413)
enveloped("S6-deep", lambda w, r, ra: deep(2000))
enveloped("S6-indefinite", lambda w, r, ra: indefinite(enveloped_data(r, ra)))
enveloped("S6-trailing", lambda w, r, ra: enveloped_data(r, ra) + b"\0")
enveloped("S6-trailing-inside", lambda w, r, ra: enveloped_data(r, ra, after=NULL))
enveloped("S6-originator", lambda w, r, ra: enveloped_data(r, ra, before=der(0xA0)))
enveloped("S6-unprotected-attributes", lambda w, r, ra: enveloped_data(
    r, ra, after=der(0xA1, der(0x30, oid("1.2.3.4"), der(0x31, NULL)))))
enveloped("S6-version-2", lambda w, r, ra: enveloped_data(r, ra, version=2), "success", CHECK, made=None)
enveloped("S6-version-3", lambda w, r, ra: enveloped_data(r, ra, version=3))
enveloped("S6-says-signed", lambda w, r, ra: enveloped_data(r, ra, outer=OID_SIGNED))
enveloped("S6-content-is-signed", lambda w, r, ra: enveloped_data(r, ra, kind=OID_SIGNED))
enveloped("S6-not-encrypted", lambda w, r, ra: der(0x30, OID_DATA, der(0xA0, octets(r))))
enveloped("S6-the-request-itself", lambda w, r, ra: r)
enveloped("S6-nothing", lambda w, r, ra: b"")
enveloped("S6-half", lambda w, r, ra: enveloped_data(r, ra)[:400])
enveloped("S6-short-iv", lambda w, r, ra: enveloped_data(r, ra, cipher_algorithm=algorithm(CIPHERS["aes128"][0], octets(b"0" * 8))))
enveloped("S6-no-iv", lambda w, r, ra: enveloped_data(r, ra, cipher_algorithm=algorithm(CIPHERS["aes128"][0])), CHECK, "badAlg")
enveloped("S6-long-iv", lambda w, r, ra: enveloped_data(r, ra, cipher_algorithm=algorithm(CIPHERS["aes128"][0], octets(b"0" * 4000))))
enveloped("S6-random", lambda w, r, ra: secrets.token_bytes(2000))


# S7: shapes of SignedData.
def signed(title, make, *outcomes, made=0):
    """`make` gets the world, who signs, the content and its attributes' octets, and returns a message."""
    def run(w):
        name, transaction, nonce = w.name(), secrets.token_hex(16), secrets.token_bytes(16)
        by = w.stranger(name)
        content = enveloped_data(w.request(name), w.ra())
        attributes = wire.standard_attributes(PKCS_REQ, transaction, nonce, content)
        message = make(w, by, content, b"".join(sorted(attributes.values())))
        result = w.send(Prepared(message, transaction, nonce, "gate", by))
        if result.outcome == CHECK:
            result.transaction = result.nonce = None  # what was not read cannot be repeated
        return result
    case("S7-" + title, *(outcomes or (400, CHECK)), made=made)(run)


def written(by, content, infos, certificates=None, **more):
    return signed_data(content, public_der(by.certificate) if certificates is None else certificates, infos, **more)


def info_of(by, attributes, **more):
    return signer_info(by.key, by.certificate, attributes, **more)


SHA256 = DIGESTS["sha256"][0]
signed("good", lambda w, by, c, a: written(by, c, info_of(by, a)), "success", made=1)
signed("no-digest-algorithms", lambda w, by, c, a: written(by, c, info_of(by, a), digest_algorithms=b""))
signed("empty-digest-algorithm", lambda w, by, c, a: written(by, c, info_of(by, a), digest_algorithms=der(0x30)),
       "success", 400, CHECK, made=None)
signed("other-digest-algorithm", lambda w, by, c, a: written(
    by, c, info_of(by, a), digest_algorithms=algorithm(DIGESTS["sha512"][0], NULL)),
       "success", 400, CHECK, made=None)
signed("digest-of-the-signer-empty", lambda w, by, c, a: written(by, c, info_of(by, a, digest_algorithm=der(0x30))), 400, CHECK, "badAlg")
signed("digest-of-the-signer-unknown", lambda w, by, c, a: written(by, c, info_of(by, a, digest_algorithm=algorithm(oid("1.2.3.4")))),
       400, CHECK, "badAlg")
signed("no-attributes", lambda w, by, c, a: written(by, c, info_of(by, None)))
signed("empty-attributes", lambda w, by, c, a: written(by, c, info_of(by, b"")))
signed("attributes-not-in-order", lambda w, by, c, a: written(by, c, info_of(by, b"".join(reversed(parts(a))))))
signed("attribute-is-no-sequence", lambda w, by, c, a: written(by, c, info_of(by, a + der(0x31))))
signed("attribute-without-set", lambda w, by, c, a: written(by, c, info_of(by, a + der(0x30, oid("1.2.3.4")))))
signed("attribute-nobody-knows", lambda w, by, c, a: written(
    by, c, info_of(by, b"".join(sorted(parts(a) + [attribute(oid("1.2.3.4"), NULL)])))),
       "success", made=1)
signed("no-signer", lambda w, by, c, a: written(by, c, b""))
signed("two-signers", lambda w, by, c, a: written(by, c, info_of(by, a) + info_of(w.stranger("x", w.other_key), a),
                                                  public_der(by.certificate) + public_der(w.stranger("x", w.other_key).certificate)))
signed("the-signer-twice", lambda w, by, c, a: written(by, c, info_of(by, a) * 2))
signed("no-certificates", lambda w, by, c, a: written(by, c, info_of(by, a), b""))
signed("certificate-of-another", lambda w, by, c, a: written(by, c, info_of(by, a), public_der(w.stranger("x", w.other_key).certificate)))
signed("certificate-is-garbage", lambda w, by, c, a: written(by, c, info_of(by, a), der(0x30, b"garbage")))
signed("certificate-is-an-attribute-certificate", lambda w, by, c, a: written(by, c, info_of(by, a), der(0xA2, NULL)))
signed("60-certificates", lambda w, by, c, a: written(by, c, info_of(by, a), public_der(by.certificate) * 60),
       "success", 400, CHECK, made=None)
signed("certificate-among-others", lambda w, by, c, a: written(by, c, info_of(by, a), b"".join(sorted(
    [public_der(w.stranger("x", w.other_key).certificate), public_der(by.certificate)]))), "success", made=1)
signed("signature-broken", lambda w, by, c, a: written(by, c, info_of(by, a, signature=flipped(wire.sign(by.key, der(0x31, a)), 9))))
signed("signature-empty", lambda w, by, c, a: written(by, c, info_of(by, a, signature=b"")))
signed("signature-long", lambda w, by, c, a: written(by, c, info_of(by, a, signature=b"1" * 5000)))
signed("signature-of-the-implicit-tag", lambda w, by, c, a: written(by, c, info_of(by, a, signature=wire.sign(by.key, der(0xA0, a)))))
signed("signature-of-the-content", lambda w, by, c, a: written(by, c, info_of(by, a, signature=wire.sign(by.key, c))))
signed("signature-by-another", lambda w, by, c, a: written(by, c, info_of(by, a, signed_by=w.other_key)))
signed("signature-pss", lambda w, by, c, a: written(by, c, info_of(by, a, pss=True)))
signed("signature-says-ecdsa", lambda w, by, c, a: written(by, c, info_of(by, a, signature_algorithm=algorithm(
    oid("1.2.840.10045.4.3.2")))), 400, CHECK, "badAlg")
signed("signature-says-sha1", lambda w, by, c, a: written(by, c, info_of(by, a, signature_algorithm=algorithm(
    oid("1.2.840.113549.1.1.5"), NULL))), 400, CHECK, "badAlg")
signed("signature-says-sha256", lambda w, by, c, a: written(by, c, info_of(by, a, signature_algorithm=algorithm(
    oid("1.2.840.113549.1.1.11"), NULL))), "success", made=1)
signed("by-key-identifier", lambda w, by, c, a: written(by, c, info_of(by, a, version=3, whom=der(0x80, b"0" * 20)), version=3))
signed("serial-of-another", lambda w, by, c, a: written(by, c, info_of(
    by, a, whom=der(0x30, by.certificate.issuer.public_bytes(), integer(1)))))
signed("signer-version-3", lambda w, by, c, a: written(by, c, info_of(by, a, version=3)))
signed("version-0", lambda w, by, c, a: written(by, c, info_of(by, a), version=0), "success", 400, CHECK, made=None)
signed("version-2-to-64", lambda w, by, c, a: written(by, c, info_of(by, a), version=1 << 64), "success", 400, CHECK, made=None)
signed("detached", lambda w, by, c, a: written(by, None, info_of(by, a)))
signed("empty-content", lambda w, by, c, a: written(by, b"", info_of(by, a)))
signed("other-content", lambda w, by, c, a: written(by, flipped(c, len(c) - 5), info_of(by, a)))
signed("content-type-enveloped", lambda w, by, c, a: written(by, c, info_of(by, a), kind=OID_ENVELOPED))
signed("content-in-pieces", lambda w, by, c, a: written(by, None, info_of(by, a), wrapped=der(
    0xA0, der(0x24, octets(c[:100]), octets(c[100:])))))
signed("content-not-octets", lambda w, by, c, a: written(by, None, info_of(by, a), wrapped=der(0xA0, c)))
signed("unsigned-attributes", lambda w, by, c, a: written(by, c, info_of(
    by, a, unsigned=der(0xA1, attribute("messageType", printable("17"))))),
       "success", 400, CHECK, made=None)
signed("trailing-octet", lambda w, by, c, a: written(by, c, info_of(by, a)) + b"\0")
signed("trailing-inside", lambda w, by, c, a: written(by, c, info_of(by, a), after=NULL))
signed("indefinite", lambda w, by, c, a: indefinite(written(by, c, info_of(by, a))))
signed("indefinite-deep", lambda w, by, c, a: b"\x30\x80" * 10000)
signed("says-enveloped", lambda w, by, c, a: written(by, c, info_of(by, a), outer=OID_ENVELOPED))
signed("envelope-alone", lambda w, by, c, a: c)
signed("signed-twice", lambda w, by, c, a: written(by, written(by, c, info_of(by, a)), info_of(by, a)))
signed("random", lambda w, by, c, a: secrets.token_bytes(3000))
signed("zeros", lambda w, by, c, a: bytes(30000))
signed("length-of-gigabytes", lambda w, by, c, a: b"\x30\x84\xff\xff\xff\xff" + c)
signed("truncated", lambda w, by, c, a: written(by, c, info_of(by, a))[:-1])
changed("S7-messageDigest-printable", replaced("messageDigest", attribute("messageDigest", printable("0" * 32))))
changed("S7-messageDigest-empty", replaced("messageDigest", attribute("messageDigest", octets(b""))))
changed("S7-messageDigest-wrong", replaced("messageDigest", attribute("messageDigest", octets(b"0" * 32))))
changed("S7-messageDigest-null", replaced("messageDigest", attribute("messageDigest", NULL)))
changed("S7-contentType-enveloped", replaced("contentType", attribute("contentType", OID_ENVELOPED)))
changed("S7-contentType-null", replaced("contentType", attribute("contentType", NULL)))
changed("S7-pkiStatus-in-a-request", replaced("pkiStatus", attribute("pkiStatus", printable("0"))), "success", ASKED, CHECK, made=None)


def parts(data):
    found = []
    while data:
        one = wire.Tlv(data, more=True)
        found.append(one.all)
        data = one.rest
    return found


@case("S7-our-own-reply", ASKED, 400, CHECK)
def _(w):
    """A CertRep, sent back."""
    return w.post(w.ask(PKCS_REQ, b"").answer.body)


