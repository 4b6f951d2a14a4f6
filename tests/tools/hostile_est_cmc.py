"""Cases of hostile_est.py for fullcmc (E9; RFC 7030 section 4.3, RFC 5272): messages by others, with other contents and
controls, twice. A refusal is a CMC answer with the failInfo that the case names, but for who is unknown to EST itself."""

import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from est_cmc_wire import (BAD_ALG, BAD_IDENTITY, BAD_MESSAGE_CHECK, BAD_REQUEST, DATA_RETURN, IDENTIFICATION, IDENTITY_PROOF,
                          IDENTITY_PROOF_V2, MEDIA_TYPE, POP_FAILED, RECIPIENT_NONCE, REVOKE_REQUEST, SENDER_NONCE,
                          TRANSACTION_ID, Response, control, key_id, message, pki_data, tagged, usual_controls)
from est_wire import basic, csr, new_key
from hostile import der, need
from scep_wire import OID_DATA, Tlv, algorithm, integer, octets, oid, signer_info


def post(w, body, who=None, device=None, label="/default", headers=None):
    return w.post(body, headers or basic(*(who or w.alice)), "/fullcmc", label, device, content_type=MEDIA_TYPE)


def good(w, key, user=None):
    return csr(key, (user or w.alice)[0])


def refused(answer, fail_info):
    response = Response(answer)
    need(response.status == 2 and response.fail_info == fail_info,
         "status %d, failInfo %s: %s" % (response.status, response.fail_info, response.text))
    return answer


def add(case):
    """`case` as in hostile_est.py."""

    def sent(title, make, fail_info, *statuses, **more):
        """`make` gets the world and a new key, and returns the message; alice sends it."""
        def run(w):
            given = {k: v(w) if callable(v) else v for k, v in more.items()}
            return refused(post(w, make(w, new_key()), **given), fail_info)
        case("E9-cmc-" + title, *(statuses or (400,)))(run)

    def content(title, change, fail_info=BAD_REQUEST, *statuses):
        """PKIData with parts of it changed, signed as it should be."""
        sent(title, lambda w, key: message(pki_data(good(w, key), **change(w, key)), key), fail_info, *statuses)

    def signed(title, fail_info=BAD_MESSAGE_CHECK, *statuses, **more):
        """An honest content, with something wrong in what is signed around it."""
        sent(title, lambda w, key: message(pki_data(good(w, key)), key, **{k: v(w, key) if callable(v) else v for k, v in more.items()}),
             fail_info, *statuses)

    honest(case)
    signers(case, sent)
    envelopes(signed, sent)
    controls(content)
    requests(case, sent, content)
    replays(case)


# --- What is right, so that the rest means something --------------------------------------------

def honest(case):
    @case("E9-cmc-as-it-should-be", 200, made=1)
    def _(w):
        key, nonce = new_key(), secrets.token_bytes(16)
        controls = usual_controls(nonce) + control(3, DATA_RETURN, octets(b"back")) + control(4, IDENTIFICATION, der(0x0C, b"alice"))
        answer = post(w, message(pki_data(good(w, key), controls), key))
        said = Response(answer)
        need(said.status == 0 and said.body_part == 9, "status %d of body part %d: %s" % (said.status, said.body_part, said.text))
        need(said.controls[TRANSACTION_ID].all == integer(300), "another transaction")
        need(said.controls[RECIPIENT_NONCE].body == nonce, "another recipientNonce")
        need(said.controls[DATA_RETURN].body == b"back", "other data came back")
        need(len(said.controls[SENDER_NONCE].body) == 16 and said.controls[SENDER_NONCE].body != nonce, "a bad senderNonce")
        public = [c.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
                  for c in said.certificates]
        own = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        need(public.count(own) == 1 and public[0] == own, "the certificate is not there, or not first")
        return answer

    @case("E9-cmc-signed-by-the-certificate-that-is-followed", 200, made=1)
    def _(w):
        key = new_key()
        return w.post(message(pki_data(csr(key, "dev-1")), w.device.key, w.device.certificate), None, "/fullcmc", "/default", w.device,
                      content_type=MEDIA_TYPE)


# --- Who signed ---------------------------------------------------------------------------------

def by(device, subject):
    """A request for that name, signed by a certificate."""
    return lambda w, key: message(pki_data(csr(key, subject)), device(w).key, device(w).certificate)


def self_made(w, key, of):
    """A certificate that says of itself what another one says, for a key that is not that one's."""
    builder = (x509.CertificateBuilder().subject_name(of.subject).issuer_name(of.issuer).serial_number(of.serial_number)
               .public_key(key.public_key()).not_valid_before(of.not_valid_before).not_valid_after(of.not_valid_after))
    return builder.sign(key, hashes.SHA256())


def revoked(w):
    def make():
        device = w.enrolled("dev-20")
        w.chancery("cert", "revoke", "%032x" % device.certificate.serial_number)
        return device
    return w.once("cmc-revoked", make)


def signers(case, sent):
    other_key = new_key()
    sent("signed-by-another-key", lambda w, key: message(pki_data(good(w, key)), other_key), BAD_MESSAGE_CHECK)
    sent("signed-by-another-key-in-the-name-of-the-own",
         lambda w, key: message(pki_data(good(w, key)), other_key, whom=der(0x80, key_id(key))), BAD_MESSAGE_CHECK)
    sent("certificate-of-nobody", lambda w, key: (lambda unit: message(pki_data(good(w, key)), unit.key, unit.certificate))(
        w.born("unit-1")), BAD_IDENTITY, 403)
    sent("certificate-that-claims-to-be-ours", lambda w, key: (lambda k: message(
        pki_data(good(w, key)), k, self_made(w, k, w.device.certificate)))(new_key()), BAD_IDENTITY, 403)
    sent("our-certificate-and-another-key", lambda w, key: message(pki_data(csr(key, "dev-1")), other_key, w.device.certificate),
         BAD_MESSAGE_CHECK, who=lambda w: w.desk)
    sent("V10-revoked", by(revoked, "dev-20"), BAD_IDENTITY, 403, who=lambda w: w.desk)
    sent("V11-other-ca", by(lambda w: w.once("rooted", lambda: w.enrolled("dev-6", "rooted")), "dev-6"), BAD_IDENTITY, 403,
         who=lambda w: w.desk)
    sent("V11-other-profile", by(lambda w: w.once("gated", lambda: w.enrolled("dev-21", "gate")), "dev-21"), BAD_IDENTITY, 403,
         who=lambda w: w.desk)
    sent("V21-certificate-of-another-name", by(lambda w: w.device, "dev-22"), BAD_REQUEST, 403, who=lambda w: w.desk)
    sent("V21-names-of-another-user", lambda w, key: message(pki_data(csr(key, "bob")), key), BAD_REQUEST, 403)
    sent("not-the-client-of-the-connection", by(lambda w: w.once("dev-23", lambda: w.enrolled("dev-23")), "dev-1"), BAD_IDENTITY, 403,
         device=lambda w: w.device, label="/fleet", headers={"Accept": "*/*"})
    sent("E5-without-the-tie", lambda w, key: message(pki_data(good(w, key)), key), BAD_REQUEST, 403, label="/bound")
    case("E9-cmc-E4-nobody", 401)(lambda w: (lambda key: w.post(message(pki_data(good(w, key)), key), path="/fullcmc",
                                                               content_type=MEDIA_TYPE))(new_key()))
    case("E9-cmc-E4-certificate-in-the-message-alone", 401)(lambda w: w.post(
        message(pki_data(csr(new_key(), "dev-1")), w.device.key, w.device.certificate), path="/fullcmc", content_type=MEDIA_TYPE))


# --- CMS around it ------------------------------------------------------------------------------

def two_signers(w, key):
    other = new_key()
    return lambda signed: b"".join(sorted(signer_info(k, None, signed, whom=der(0x80, key_id(k)), version=3) for k in (key, other)))


def envelopes(signed, sent):
    signed("no-signer", BAD_REQUEST, infos=lambda w, key: lambda signed: b"")
    signed("two-signers", BAD_REQUEST, infos=two_signers)
    signed("no-signed-attributes", BAD_REQUEST, infos=lambda w, key: lambda signed: signer_info(
        key, None, None, whom=der(0x80, key_id(key)), version=3))
    signed("digest-of-other-octets", BAD_REQUEST, hashed=b"other")
    signed("signature-of-other-octets", signature=lambda w, key: key.sign(b"other", ec.ECDSA(hashes.SHA256())))
    signed("signature-empty", signature=b"")
    signed("sha-1", BAD_ALG, 403, digest="sha1", signature_algorithm=algorithm(oid("1.2.840.10045.4.1")))
    signed("sha-1-of-the-content", BAD_ALG, 403, digest="sha1")
    signed("content-is-data", BAD_REQUEST, kind=OID_DATA)
    signed("content-type-in-two-ways", BAD_REQUEST, signed_kind=OID_DATA)
    for title, change in (("trailing-octet", lambda m: m + b"\0"), ("truncated", lambda m: m[:-1]),
                          ("indefinite", lambda m: b"\x30\x80" + Tlv(m).body + b"\0\0"),
                          ("long-length", lambda m: b"\x30\x83\0" + len(Tlv(m).body).to_bytes(2, "big") + Tlv(m).body),
                          ("flipped-bit", lambda m: m[:-1] + bytes([m[-1] ^ 1]))):
        sent(title, lambda w, key, change=change: change(message(pki_data(good(w, key)), key)),
             BAD_MESSAGE_CHECK if title == "flipped-bit" else BAD_REQUEST)
    sent("detached", lambda w, key: detached(message(pki_data(good(w, key)), key)), BAD_REQUEST)


def detached(whole):
    kind, wrapped = Tlv(whole).parts()
    parts = wrapped.inside(0x30).parts()
    parts[2] = Tlv(der(0x30, parts[2].parts()[0].all))
    return der(0x30, kind.all, der(0xA0, der(0x30, *[part.all for part in parts])))


# --- Controls -----------------------------------------------------------------------------------

def controls(content):
    def extra(title, make, fail_info=BAD_REQUEST):
        content(title, lambda w, key: {"controls": usual_controls(secrets.token_bytes(16)) + make(w)}, fail_info)

    def instead(title, written):
        content(title, lambda w, key: {"controls": written})

    extra("transaction-twice", lambda w: control(3, TRANSACTION_ID, integer(301)))
    extra("nonce-twice", lambda w: control(3, SENDER_NONCE, octets(b"x" * 16)))
    extra("recipient-nonce-of-nothing", lambda w: control(3, RECIPIENT_NONCE, octets(b"x" * 16)))
    extra("body-part-twice", lambda w: control(2, DATA_RETURN, octets(b"x")))
    extra("body-part-of-the-request", lambda w: control(9, DATA_RETURN, octets(b"x")))
    extra("body-part-0", lambda w: control(0, DATA_RETURN, octets(b"x")))
    extra("body-part-negative", lambda w: der(0x30, der(2, b"\xff"), DATA_RETURN, der(0x31, octets(b"x"))))
    extra("body-part-too-large", lambda w: control(2 ** 32, DATA_RETURN, octets(b"x")))
    extra("data-return-too-long", lambda w: control(3, DATA_RETURN, octets(b"x" * 1100)))
    extra("unknown-control", lambda w: control(3, oid("1.2.3.4"), octets(b"x")))
    extra("many-controls", lambda w: b"".join(control(20 + i, IDENTIFICATION, der(0x0C, b"x")) for i in range(40)))
    extra("identity-proof", lambda w: control(3, IDENTITY_PROOF, octets(b"x" * 20)), BAD_IDENTITY)
    extra("identity-proof-2", lambda w: control(3, IDENTITY_PROOF_V2, der(0x30)), BAD_IDENTITY)
    extra("revocation-of-another", revocation)
    instead("nonce-without-a-value", usual_controls(b"x" * 16) + control(3, DATA_RETURN))
    instead("nonce-of-two-values", control(1, TRANSACTION_ID, integer(1)) + control(2, SENDER_NONCE, octets(b"x" * 16), octets(b"y" * 16)))
    instead("nonce-is-a-number", control(1, TRANSACTION_ID, integer(1)) + control(2, SENDER_NONCE, integer(1)))
    instead("transaction-is-text", control(1, TRANSACTION_ID, der(0x0C, b"x")))
    instead("control-is-garbage", der(0x30, b"\x02\x01"))


def revocation(w):
    """RevokeRequest for our device's certificate; that it is not revoked, its renewal shows later."""
    own = w.device.certificate
    return control(3, REVOKE_REQUEST, der(0x30, own.issuer.public_bytes(), integer(own.serial_number), der(10, b"\1")))


# --- Requests -----------------------------------------------------------------------------------

def broken_signature(request):
    return request[:-1] + bytes([request[-1] ^ 1])


def requests(case, sent, content):
    content("no-request", lambda w, key: {"requests": b""})
    content("two-requests", lambda w, key: {"requests": tagged(good(w, key), 9) + tagged(good(w, new_key()), 10)})
    content("same-request-twice", lambda w, key: {"requests": tagged(good(w, key), 9) + tagged(good(w, key), 10)})
    content("crmf", lambda w, key: {"requests": der(0xA1, der(0x30, integer(9), der(0x30)))})
    content("crmf-with-a-pkcs10", lambda w, key: {"requests": tagged(good(w, key), tag=0xA1)})
    content("other-request", lambda w, key: {"requests": tagged(good(w, key), tag=0xA2)})
    content("request-garbage", lambda w, key: {"requests": tagged(der(0x30))})
    content("message-in-the-message", lambda w, key: {"messages": der(0x30, integer(10), message(pki_data(good(w, key)), key))})
    content("other-message", lambda w, key: {"others": der(0x30, integer(10), oid("1.2.3.4"), octets(b"x"))})
    sent("garbage-inside", lambda w, key: message(b"x" * 100, key), BAD_REQUEST)
    sent("five-sequences", lambda w, key: message(der(0x30, *[der(0x30)] * 5), key), BAD_REQUEST)
    # The new key's own proof (S9), and the message's.
    sent("S9-request-is-not-signed-by-its-key", lambda w, key: message(pki_data(broken_signature(good(w, key))), key), POP_FAILED)
    sent("S9-request-of-another-key", lambda w, key: message(pki_data(good(w, new_key())), key), BAD_MESSAGE_CHECK)
    case("E9-cmc-renewal-after-all-that", 200, made=1)(lambda w: w.post(
        csr(new_key(), "dev-1"), None, "/simplereenroll", "/default", w.device))


# --- Again --------------------------------------------------------------------------------------

def replays(case):
    @case("E9-cmc-replayed", 200, made=1)
    def _(w):
        """The same message again is the same request (E14): nothing more is made."""
        key = new_key()
        body = message(pki_data(good(w, key)), key)
        first, again = Response(post(w, body)), post(w, body)
        need(Response(again).certificates[0] == first.certificates[0], "another certificate")
        need(Response(again).controls[SENDER_NONCE].all != first.controls[SENDER_NONCE].all, "a nonce of the server's came twice")
        return again

    @case("E9-cmc-replayed-by-another-user", 403, made=1)
    def _(w):
        key, other = new_key(), w.once("bert", lambda: w.user(prefix="bert"))
        body = message(pki_data(good(w, key)), key)
        need(post(w, body).status == 200, "an honest message was refused")
        return refused(post(w, body, other), BAD_REQUEST)

    @case("E9-cmc-replayed-by-another-device", 403)
    def _(w):
        """What one device sent to renew itself, from another one's connection."""
        device = w.once("dev-23", lambda: w.enrolled("dev-23"))
        body = message(pki_data(csr(new_key(), "dev-1")), w.device.key, w.device.certificate)
        return w.post(body, None, "/fullcmc", "/default", device, content_type=MEDIA_TYPE)

    @case("E9-cmc-replayed-with-a-spent-token", 403, made=1)
    def _(w):
        token, one, other = {"Authorization": "Bearer " + w.token("cn:dev-24")}, new_key(), new_key()
        need(post(w, message(pki_data(csr(one, "dev-24")), one), headers=token).status == 200, "an honest message was refused")
        return refused(post(w, message(pki_data(csr(other, "dev-24")), other), headers=token), BAD_REQUEST)


def expired(w, device):
    """A message signed by a certificate that has expired, at its own label (V10)."""
    key = new_key()
    return refused(post(w, message(pki_data(csr(key, "dev-17")), device.key, device.certificate), w.once(
        "brief-user", lambda: w.user("--registrar", "--label", "brief")), label="/brief"), BAD_IDENTITY)
