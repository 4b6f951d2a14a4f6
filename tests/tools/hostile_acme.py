#!/usr/bin/env python3
"""A malicious ACME client: one deviation from RFC 8555 per case, against a running server.

Every case is named after the row that it drives (A9, W5, J8 ...), says which problem type and
status must come back, and must not have made a certificate. Prints TAP.

  hostile_acme.py --directory https://localhost:8443/acme/directory --cacert roots.pem \\
      --chancery ./chancery --dir ./demo --domain t.test --http-port 5002 --all

Names below --domain must lead the server's validation to --http-address:--http-port, where this
program answers. Without --http-port the cases that need a proven name are skipped; without
--chancery the certificates are not counted. With --address-names every name of --list-addresses,
and all below it, has to lead to the address there; without, these cases are skipped. Rows W7 (no MAC is accepted at all), W13 (time of a comparison) and R3 (a resolver that
changes its mind) cannot be driven from here.
"""

import argparse
import base64
import gzip
import http.client
import http.server
import json
import secrets
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import NameOID

from hostile import Failed, Skipped, count_certificates, in_parallel, need, tap

URN = "urn:ietf:params:acme:error:"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def b64(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Key:
    """A key that signs JWS; `alg` is the honest algorithm for it."""

    def __init__(self, alg="ES256", size=2048):
        self.alg = alg
        if alg == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
        elif alg == "ES384":
            self.private = ec.generate_private_key(ec.SECP384R1())
        elif alg == "RS256":
            self.private = rsa.generate_private_key(65537, size)
        else:
            self.private = ed25519.Ed25519PrivateKey.generate()

    def jwk(self):
        public = self.private.public_key()
        if self.alg in ("ES256", "ES384"):
            numbers, size = public.public_numbers(), public.curve.key_size // 8
            return {"crv": "P-%d" % public.curve.key_size, "kty": "EC",
                    "x": number(numbers.x, size), "y": number(numbers.y, size)}
        if self.alg == "RS256":
            numbers = public.public_numbers()
            return {"e": number(numbers.e), "kty": "RSA", "n": number(numbers.n)}
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"crv": "Ed25519", "kty": "OKP", "x": b64(raw)}

    def thumbprint(self):
        digest = hashes.Hash(hashes.SHA256())
        digest.update(json.dumps(self.jwk(), sort_keys=True, separators=(",", ":")).encode())
        return b64(digest.finalize())

    def sign_der(self, message):
        algorithm = hashes.SHA256() if self.alg == "ES256" else hashes.SHA384()
        return self.private.sign(message, ec.ECDSA(algorithm))

    def sign(self, message):
        if self.alg in ("ES256", "ES384"):
            r, s = utils.decode_dss_signature(self.sign_der(message))
            size = self.private.curve.key_size // 8
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if self.alg == "RS256":
            return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self.private.sign(message)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = None
        kind = self.json.get("type") if isinstance(self.json, dict) else None
        self.problem = kind[len(URN):] if isinstance(kind, str) and kind.startswith(URN) else None

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def links(self, rel):
        return [value.split(">")[0].lstrip("<") for key, value in self.headers
                if key.lower() == "link" and 'rel="%s"' % rel in value]


class Responder:
    """Answers http-01 for every name; what it says for a token can be told: a body, or a function of the handler."""

    def __init__(self, world, address, port):
        self.answers = {}
        answers = self.answers

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = answers.get(self.path.partition("?")[0].rsplit("/", 1)[-1])
                if callable(body):
                    try:
                        body(self)
                    except OSError:
                        pass  # the server has seen enough
                    self.close_connection = True
                    return
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 256

        self.server = Server((address, port), Handler)
        self.server.world = world
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class World:
    def __init__(self, options):
        self.options = options
        self.context = ssl.create_default_context(cafile=options.cacert)
        self.responder = Responder(self, options.http_address, options.http_port) if options.http_port else None
        self.directory = self.request("GET", options.directory).json
        parts = urlsplit(self.directory["newOrder"])
        self.origin = "%s://%s" % (parts.scheme, parts.netloc)
        self.before = None
        self.made = {}

    def request(self, method, url, body=None, headers=None):
        parts = urlsplit(url)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port or 443, context=self.context, timeout=30)
        target = parts.path + ("?" + parts.query if parts.query else "")
        try:
            connection.request(method, target, body, headers or {})
            reply = connection.getresponse()
            return Answer(reply.status, reply.getheaders(), reply.read())
        finally:
            connection.close()

    def nonce(self):
        return self.request("HEAD", self.directory["newNonce"]).header("Replay-Nonce")

    def count(self):
        """All certificates that the CA knows of."""
        options = self.options
        return count_certificates(options.chancery, options.dir) if options.chancery else None

    def mark(self):
        """From here on no certificate may be made."""
        self.before = self.count()

    def once(self, name, make):
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]

    def client(self, alg="ES256", name=None):
        return self.once(name or "client-" + alg, lambda: Client(self, Key(alg)).register())

    @property
    def a(self):
        return self.client("ES256", "a")

    @property
    def b(self):
        return self.client("ES256", "b")

    def name(self):
        return "h%s.%s" % (secrets.token_hex(6), self.options.domain)

    def ready(self, client, n=1):
        """A fresh order, every name proven."""
        order = client.order([self.name() for _ in range(n)])
        for authorization in order["authorizations"]:
            client.prove(authorization)
        need(client.wait(order["url"], ("pending",)) == "ready", "an honest order did not get ready")
        return order

    def issued(self):
        """(DER, key, URL) of a certificate of client a."""
        def make():
            order, key = self.ready(self.a), Key()
            answer = self.a.post(order["finalize"], {"csr": csr(key, order["names"])})
            need(answer.status == 200 and answer.json["status"] == "valid", "an honest finalize failed: %r" % answer.body)
            url = answer.json["certificate"]
            pem = self.a.post(url).body
            leaf = x509.load_pem_x509_certificate(pem)
            return leaf.public_bytes(serialization.Encoding.DER), key, url
        return self.once("issued", make)


def csr(key, names, cn=None, san=None, flip=False):
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, cn)] if cn else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    general = [x509.DNSName(name) for name in names] + (san or [])
    if general:
        builder = builder.add_extension(x509.SubjectAlternativeName(general), False)
    algorithm = None if key.alg == "EdDSA" else hashes.SHA256()
    der = bytearray(builder.sign(key.private, algorithm).public_bytes(serialization.Encoding.DER))
    if flip:
        der[-1] ^= 1
    return b64(bytes(der))


class Client:
    def __init__(self, world, key):
        self.world, self.key, self.kid = world, key, None

    def register(self):
        answer = self.post(self.world.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=True)
        need(answer.status in (200, 201), "an honest newAccount failed: %r" % answer.body)
        self.kid = answer.header("Location")
        return self

    def header(self, url, jwk=False, **changes):
        header = {"alg": self.key.alg, "nonce": changes["nonce"] if "nonce" in changes else self.world.nonce(), "url": url}
        if jwk or self.kid is None:
            header["jwk"] = self.key.jwk()
        else:
            header["kid"] = self.kid
        header.update(changes)
        return {name: value for name, value in header.items() if value is not None}

    def body(self, url, payload="", jwk=False, protected=None, outer=None, sign=None, text=None, **changes):
        """The outer object; each argument takes the place of something honest."""
        if text is None:
            text = payload if isinstance(payload, (str, bytes)) else json.dumps(payload)
        if protected is None:
            protected = json.dumps(self.header(url, jwk, **changes))
        first, second = b64(protected), b64(text)
        signature = (sign or self.key.sign)(("%s.%s" % (first, second)).encode())
        whole = {"protected": first, "payload": second, "signature": b64(signature)}
        whole.update(outer or {})
        return {name: value for name, value in whole.items() if value is not None}

    def send(self, url, body, content_type="application/jose+json", headers=None):
        headers = dict(headers or {})
        if content_type is not None:
            headers["Content-Type"] = content_type
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        return self.world.request("POST", url, body, headers)

    def post(self, url, payload="", content_type="application/jose+json", headers=None, **changes):
        signed_url = changes.pop("signed_url", url)
        return self.send(url, self.body(signed_url, payload, **changes), content_type, headers)

    def order(self, names, **members):
        payload = {"identifiers": [{"type": "dns", "value": name} for name in names]}
        payload.update(members)
        answer = self.post(self.world.directory["newOrder"], payload)
        need(answer.status == 201, "an honest newOrder failed: %r" % answer.body)
        return dict(answer.json, url=answer.header("Location"), names=names)

    def challenge(self, authorization):
        answer = self.post(authorization)
        need(answer.status == 200, "an authorization could not be read: %r" % answer.body)
        return next(c for c in answer.json["challenges"] if c["type"] == "http-01")

    def wait(self, url, while_in):
        for _ in range(300):
            status = self.post(url).json["status"]
            if status not in while_in:
                return status
            time.sleep(0.1)
        raise Failed("%s stays %s" % (url, status))

    def prove(self, authorization, body=None):
        challenge = self.challenge(authorization)
        right = "%s.%s" % (challenge["token"], self.key.thumbprint())
        self.world.responder.answers[challenge["token"]] = \
            body if callable(body) else (body or "%s").replace("%s", right).encode()
        answer = self.post(challenge["url"], {})
        need(answer.status == 200, "a response was not taken: %r" % answer.body)
        return self.wait(authorization, ("pending",))


# --- The cases ---------------------------------------------------------------------------------

CASES = []


def case(name, problem, *statuses, proof=False):
    """The function makes the deviation and returns the server's answer."""
    def add(function):
        CASES.append((name, problem, statuses or (400,), proof, function))
        return function
    return add


def simple(name, problem, *statuses, **changes):
    """newOrder of client a with one thing changed."""
    def run(w):
        return w.a.post(w.directory["newOrder"], order_payload(w), **changes)
    case(name, problem, *statuses)(run)


def order_payload(w, *names):
    return {"identifiers": [{"type": "dns", "value": name} for name in names or (w.name(),)]}


def new_account(w, key=None, payload=None, **changes):
    return Client(w, key or Key()).post(w.directory["newAccount"], payload if payload is not None else {}, jwk=True, **changes)


def jwk_case(name, jwk, alg="ES256", problem="badPublicKey"):
    """newAccount with a JWK that is not a fit key; the signature is by an honest one."""
    case(name, problem)(lambda w: new_account(w, Key(alg), protected=json.dumps(
        {"alg": alg, "nonce": w.nonce(), "url": w.directory["newAccount"], "jwk": jwk(Key(alg).jwk())})))


# A1 to A10: the envelope.
case("A1-padding", "malformed")(lambda w: w.a.post(w.directory["newOrder"], "", outer={"payload": "e30="}))
case("A1-padding-protected", "malformed")(lambda w: w.a.send(w.directory["newOrder"], {
    **w.a.body(w.directory["newOrder"]), "protected": base64.urlsafe_b64encode(b'{"alg":"ES256"}').decode() + "="}))
simple("A2-content-type", "malformed", 415, content_type="application/json")
simple("A2-content-type-absent", "malformed", 415, content_type=None)
simple("A2-content-type-jws", "malformed", 415, content_type="application/jose")
simple("A3-unprotected-header", "malformed", outer={"header": {"x": 1}})
simple("A3-unprotected-empty", "malformed", outer={"header": {}})
simple("A3-signatures", "malformed", outer={"signatures": []})
simple("A3-b64-false", "malformed", b64=False, crit=["b64"])
simple("A3-detached", "malformed", outer={"payload": None})
case("A4-jwk-and-kid", "malformed")(lambda w: w.a.post(w.directory["newOrder"], order_payload(w), jwk=w.a.key.jwk(), kid=w.a.kid))
simple("A4-neither", "malformed", kid=None)
simple("A4-mac", "badSignatureAlgorithm", alg="HS256", sign=lambda message: b"\0" * 32)


@case("A4-jwk-and-kid-on-revoke", "malformed")
def _(w):
    header = dict(w.a.header(w.directory["revokeCert"]), jwk=w.a.key.jwk())
    return w.a.post(w.directory["revokeCert"], {"certificate": "AAAA"}, protected=json.dumps(header))


case("A5-jwk-on-new-order", "malformed")(lambda w: w.a.post(w.directory["newOrder"], order_payload(w), jwk=True))
case("A5-kid-on-new-account", "malformed")(lambda w: w.a.post(w.directory["newAccount"], {}))


@case("A6-algorithms-listed", "badSignatureAlgorithm")
def _(w):
    answer = w.a.post(w.directory["newOrder"], order_payload(w), alg="PS256")
    need("ES256" in answer.json.get("algorithms", []), "no list of algorithms with ES256 in it")
    return answer


case("A7-object-for-get", "malformed")(lambda w: w.a.post(w.a.order([w.name()])["url"], {}))
case("A7-get-order", "malformed", 405)(lambda w: w.request("GET", w.a.order([w.name()])["url"]))
case("A7-get-new-order", "malformed", 405)(lambda w: w.request("GET", w.directory["newOrder"]))
case("A7-get-account", "malformed", 405)(lambda w: w.request("GET", w.a.kid))
case("A8-order", "unauthorized", 403)(lambda w: w.b.post(w.a.order([w.name()])["url"]))
case("A8-authorization", "unauthorized", 403)(lambda w: w.b.post(w.a.order([w.name()])["authorizations"][0]))
case("A8-finalize", "unauthorized", 403)(
    lambda w: w.b.post(w.a.order(["x." + w.options.domain])["finalize"], {"csr": csr(Key(), ["x." + w.options.domain])}))
case("A8-account", "unauthorized", 403)(lambda w: w.b.post(w.a.kid))
case("A8-account-deactivation", "unauthorized", 403)(lambda w: w.b.post(w.a.kid, {"status": "deactivated"}))
case("A8-orders", "unauthorized", 403)(lambda w: w.b.post(w.a.post(w.a.kid).json["orders"]))


@case("A8-challenge", "unauthorized", 403)
def _(w):
    challenge = w.a.challenge(w.a.order([w.name()])["authorizations"][0])
    answer = w.b.post(challenge["url"], {})
    need(w.a.post(challenge["url"]).json["status"] == "pending", "the challenge moved")
    return answer


@case("A8-certificate", "unauthorized", 403, proof=True)
def _(w):
    _, _, url = w.issued()
    w.mark()
    return w.b.post(url)


def url_case(name, change):
    case(name, "unauthorized", 401)(
        lambda w: w.a.post(w.directory["newOrder"], order_payload(w), signed_url=change(w.directory["newOrder"])))


url_case("A9-other-host", lambda url: url.replace(urlsplit(url).netloc, "other.test:8443"))
url_case("A9-other-resource", lambda url: url.replace("new-order", "new-account"))
case("A10-nonce-charset", "malformed")(lambda w: w.a.post(w.directory["newOrder"], order_payload(w), nonce="a+b="))
case("A10-nonce-absent", "badNonce")(lambda w: w.a.post(w.directory["newOrder"], order_payload(w), nonce=None))


@case("A10-fresh-nonce-in-error", None, 201)
def _(w):
    answer = w.a.post(w.directory["newOrder"], order_payload(w), nonce="AAAA")
    need(answer.problem == "badNonce", "a forged nonce was taken")
    return w.a.post(w.directory["newOrder"], order_payload(w), nonce=answer.header("Replay-Nonce"))


# A11 to A20: resources.
@case("A11-open-orders", "rateLimited", 429)
def _(w):
    limit = w.options.open_orders
    if not limit:
        return None
    client = Client(w, Key()).register()
    for _ in range(limit):
        client.order([w.name()])
    answer = client.post(w.directory["newOrder"], order_payload(w))
    need(answer.header("Retry-After"), "no Retry-After")
    return answer


@case("A12-subproblems", "rejectedIdentifier")
def _(w):
    answer = w.a.post(w.directory["newOrder"], order_payload(w, w.name(), "localhost", "127.0.0.1", w.name()))
    refused = [s["identifier"]["value"] for s in answer.json.get("subproblems", [])]
    need(sorted(refused) == ["127.0.0.1", "localhost"], "subproblems are of %r" % refused)
    return answer


@case("A12-compound", "compound")
def _(w):
    return w.a.post(w.directory["newOrder"], {"identifiers": [{"type": "dns", "value": "localhost"},
                                                             {"type": "ip", "value": "192.0.2.1"}]})


@case("A13-index-link", None, 200)
def _(w):
    answer = w.a.post(w.a.kid)
    need(answer.links("index"), "no link to the directory")
    need(not w.request("GET", w.options.directory).links("index"), "the directory links to itself")
    return answer


@case("A14-orders-list", None, 200)
def _(w):
    client = Client(w, Key()).register()
    order = client.order([w.name()])
    answer = client.post(client.post(client.kid).json["orders"])
    need(answer.json["orders"] == [order["url"]], "the pending order is not listed")
    return answer


@case("A15-order-keeps-its-lists", None, 200, proof=True)
def _(w):
    order = w.ready(w.a, 2)
    answer = w.a.post(order["url"])
    need(all(answer.json[member] == order[member] for member in ("identifiers", "authorizations")), "the lists changed")
    need(order["expires"] and order["status"] == "pending", "a pending order without expires")
    w.a.post(order["finalize"], {"csr": csr(Key(), order["names"])})
    w.mark()
    answer = w.a.post(order["url"])
    need(all(answer.json[member] == order[member] for member in ("identifiers", "authorizations")), "the lists changed")
    need(answer.json["status"] == "valid" and answer.json["expires"], "a valid order without expires")
    return answer


@case("A16-authorization", None, 200)
def _(w):
    answer = w.a.post(w.a.order([w.name()])["authorizations"][0])
    need("wildcard" not in answer.json and answer.json["expires"], "wildcard or expires are wrong")
    need(all(len(unb64(c["token"])) * 8 >= 128 and "=" not in c["token"] for c in answer.json["challenges"]), "token")
    return answer


@case("A17-invalid-stays-invalid", None, 200, proof=True)
def _(w):
    order = w.a.order([w.name()])
    need(w.a.prove(order["authorizations"][0], "wrong") == "invalid", "a wrong answer proved something")
    need(w.a.prove(order["authorizations"][0]) == "invalid", "a second try was taken")
    need(w.a.post(order["url"]).json["status"] == "invalid", "the order is not invalid")
    return w.a.post(order["url"])


@case("A18-head-new-nonce", None, 200)
def _(w):
    answer = w.request("HEAD", w.directory["newNonce"])
    need(answer.header("Cache-Control") == "no-store" and answer.header("Replay-Nonce"), "headers")
    return answer


@case("A18-get-new-nonce", None, 204)
def _(w):
    answer = w.request("GET", w.directory["newNonce"])
    need(answer.header("Cache-Control") == "no-store" and answer.header("Replay-Nonce"), "headers")
    return answer


case("A19-scheme", "unsupportedContact")(lambda w: new_account(w, payload={"contact": ["tel:+1"]}))
case("A19-hfields", "invalidContact")(lambda w: new_account(w, payload={"contact": ["mailto:a@t.test?cc=b@t.test"]}))
case("A19-two-addresses", "invalidContact")(lambda w: new_account(w, payload={"contact": ["mailto:a@t.test,b@t.test"]}))


@case("A19-client-says-status", None, 201)
def _(w):
    answer = new_account(w, payload={"termsOfServiceAgreed": True, "status": "revoked", "orders": "http://x/", "x": 1})
    need(answer.json["status"] == "valid" and answer.json["orders"].startswith(w.origin), "the client was believed")
    return answer


case("A20-only-existing", "accountDoesNotExist")(lambda w: new_account(w, payload={"onlyReturnExisting": True}))


@case("A20-same-key", None, 200)
def _(w):
    answer = new_account(w, w.a.key, {"termsOfServiceAgreed": True})
    need(answer.header("Location") == w.a.kid, "another account")
    return answer


@case("A23-deactivated", "unauthorized", 401)
def _(w):
    client = Client(w, Key()).register()
    client.post(client.kid, {"status": "deactivated"})
    need(new_account(w, client.key).status == 401, "newAccount revived it")
    return client.post(w.directory["newOrder"], order_payload(w))


# A24 to A33: certificates.
def time_case(name, **members):
    case(name, "malformed")(lambda w: w.a.post(w.directory["newOrder"], dict(order_payload(w), **members)))


time_case("A24-not-after-past", notAfter="2001-01-01T00:00:00Z")
time_case("A24-not-after-far", notAfter="2199-01-01T00:00:00Z")
time_case("A24-not-before-past", notBefore="2001-01-01T00:00:00Z")
time_case("A24-not-a-time", notBefore="yesterday")


def csr_case(name, make, problem="badCSR", n=2):
    @case(name, problem, proof=True)
    def _(w):
        order = w.ready(w.a, n)
        w.mark()
        answer = w.a.post(order["finalize"], {"csr": make(w, order["names"])})
        need(w.a.post(order["url"]).json["status"] == "ready", "the order is not ready any more")
        return answer


csr_case("A25-extra-name", lambda w, names: csr(Key(), names + [w.name()]))
csr_case("A25-missing-name", lambda w, names: csr(Key(), names[:1]))
csr_case("A25-other-name", lambda w, names: csr(Key(), names[:1] + [w.name()]))
csr_case("A25-double-for-other", lambda w, names: csr(Key(), [names[0], names[0]]))
csr_case("A25-name-in-cn-only", lambda w, names: csr(Key(), names[:1], cn=w.name()))
csr_case("A25-extra-name-in-cn", lambda w, names: csr(Key(), names, cn=w.name()))
csr_case("A25-wildcard", lambda w, names: csr(Key(), names + ["*." + names[0]]))
csr_case("A25-ip-in-san", lambda w, names: csr(Key(), names, san=[x509.IPAddress(__import__("ipaddress").ip_address("192.0.2.1"))]))
csr_case("A25-email-in-san", lambda w, names: csr(Key(), names, san=[x509.RFC822Name("a@t.test")]))
csr_case("A25-uri-in-san", lambda w, names: csr(Key(), names, san=[x509.UniformResourceIdentifier("https://t.test/")]))
csr_case("A25-upn-in-san", lambda w, names: csr(Key(), names, san=[
    x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x05admin")]))
csr_case("A25-no-names", lambda w, names: csr(Key(), []))
csr_case("A25-broken-signature", lambda w, names: csr(Key(), names, flip=True))
csr_case("A25-account-key", lambda w, names: csr(w.a.key, names))
csr_case("A25-other-accounts-key", lambda w, names: csr(w.b.key, names))
csr_case("A25-weak-key", lambda w, names: csr(Key("RS256", 1024), names))
csr_case("A25-trailing-bytes", lambda w, names: b64(unb64(csr(Key(), names)) + b"\0"))
csr_case("A25-not-a-csr", lambda w, names: "AAAA")
csr_case("A25-padding", lambda w, names: csr(Key(), names) + "=", "malformed")
case("A25-pending", "orderNotReady", 403)(
    lambda w: (lambda order: w.a.post(order["finalize"], {"csr": csr(Key(), order["names"])}))(w.a.order([w.name()])))


@case("A25-valid-again", "orderNotReady", 403, proof=True)
def _(w):
    order = w.ready(w.a)
    need(w.a.post(order["finalize"], {"csr": csr(Key(), order["names"])}).status == 200, "an honest finalize failed")
    w.mark()
    return w.a.post(order["finalize"], {"csr": csr(Key(), order["names"])})


@case("A25-parallel-finalize", None, 200, proof=True)
def _(w):
    order = w.ready(w.a)
    before = w.count()
    bodies = [w.a.body(order["finalize"], {"csr": csr(Key(), order["names"])}) for _ in range(20)]
    answers = in_parallel([lambda body=body: w.a.send(order["finalize"], body) for body in bodies])
    won = [a for a in answers if a.status == 200]
    need(len(won) == 1, "%d of 20 finalized" % len(won))
    need(all(a.problem == "orderNotReady" for a in answers if a.status != 200), "others got something else")
    need(before is None or w.count() == before + 1, "not one certificate")
    w.mark()
    return won[0]


@case("A26-not-acceptable", "malformed", 406, proof=True)
def _(w):
    _, _, url = w.issued()
    w.mark()
    return w.a.post(url, headers={"Accept": "application/pkix-cert"})


@case("A27-response-repeated", None, 200)
def _(w):
    challenge = w.a.challenge(w.a.order([w.name()])["authorizations"][0])
    for _ in range(3):
        answer = w.a.post(challenge["url"], {})
        need(answer.links("up"), "no link to the authorization")
    return answer


@case("A28-deactivated-authorization", "orderNotReady", 403, proof=True)
def _(w):
    order = w.ready(w.a)
    w.mark()
    need(w.a.post(order["authorizations"][0], {"status": "deactivated"}).json["status"] == "deactivated", "it was not")
    return w.a.post(order["finalize"], {"csr": csr(Key(), order["names"])})


@case("A28-others-authorization", "unauthorized", 403)
def _(w):
    return w.b.post(w.a.order([w.name()])["authorizations"][0], {"status": "deactivated"})


@case("A30-challenge-that-was-met", None, 200, proof=True)
def _(w):
    answer = w.a.post(w.ready(w.a)["authorizations"][0])
    met = [c for c in answer.json["challenges"] if c["status"] == "valid"]
    need(len(met) == 1 and met[0]["validated"].endswith("Z") and "error" not in met[0], "validated, or error")
    need(len(unb64(met[0]["token"])) >= 16 and "=" not in met[0]["token"], "token")
    return answer


@case("A30-no-retry-after-invalid", None, 200, proof=True)
def _(w):
    asked = []

    def act(handler):
        asked.append(handler.path)
        handler.send_error(404)
    url = w.a.order([w.name()])["authorizations"][0]
    need(w.a.prove(url, act) == "invalid", "a 404 proved something")
    challenge = w.a.challenge(url)
    need(challenge["error"]["type"].startswith(URN), "no error")
    for _ in range(2):
        w.a.post(challenge["url"], {})
    time.sleep(1)
    need(len(asked) == 1, "%d probes were made" % len(asked))
    return w.a.post(url)


def revoke_case(name, problem, *statuses):
    def add(function):
        @case(name, problem, *statuses, proof=True)
        def _(w):
            der, key, _ = w.issued()
            w.mark()
            return function(w, der, key)
    return add


@revoke_case("A29-other-account", "unauthorized", 403)
def _(w, der, key):
    return w.b.post(w.directory["revokeCert"], {"certificate": b64(der)})


@revoke_case("A29-other-key", "unauthorized", 403)
def _(w, der, key):
    return Client(w, Key()).post(w.directory["revokeCert"], {"certificate": b64(der)}, jwk=True)


@revoke_case("A29-certificate-key-shown-not-used", "malformed", 400)
def _(w, der, key):
    thief = Key()
    return Client(w, key).post(w.directory["revokeCert"], {"certificate": b64(der)}, jwk=True, sign=thief.sign)


@revoke_case("A29-kid-unprotected", "malformed", 400)
def _(w, der, key):
    return w.b.post(w.directory["revokeCert"], {"certificate": b64(der)}, outer={"header": {"kid": w.a.kid}})


@revoke_case("A29-same-serial-other-bytes", "malformed", 404)
def _(w, der, key):
    return w.a.post(w.directory["revokeCert"], {"certificate": b64(der[:-1] + bytes([der[-1] ^ 1]))})


@revoke_case("A29-trailing-bytes", "malformed", 400)
def _(w, der, key):
    return w.a.post(w.directory["revokeCert"], {"certificate": b64(der + b"\0")})


for reason in (2, 6, 7, 8, 10, 11, -1, 2**40, "1"):
    @revoke_case("A29-reason-%s" % reason, "badRevocationReason", 400)
    def _(w, der, key, reason=reason):
        return w.a.post(w.directory["revokeCert"], {"certificate": b64(der), "reason": reason})


@case("A29-revoked-twice", "alreadyRevoked", proof=True)
def _(w):
    order, key = w.ready(w.a), Key()
    url = w.a.post(order["finalize"], {"csr": csr(key, order["names"])}).json["certificate"]
    leaf = x509.load_pem_x509_certificate(w.a.post(url).body).public_bytes(serialization.Encoding.DER)
    w.mark()
    first = Client(w, key).post(w.directory["revokeCert"], {"certificate": b64(leaf), "reason": 4}, jwk=True)
    need(first.status == 200, "the certificate's own key could not revoke: %r" % first.body)
    return w.a.post(w.directory["revokeCert"], {"certificate": b64(leaf)})


@case("A31-other-accounts-proof", None, 200, proof=True)
def _(w):
    order = w.a.order([w.name()])
    challenge = w.a.challenge(order["authorizations"][0])
    w.responder.answers[challenge["token"]] = ("%s.%s" % (challenge["token"], w.b.key.thumbprint())).encode()
    w.a.post(challenge["url"], {})
    need(w.a.wait(order["authorizations"][0], ("pending",)) == "invalid", "another key's proof was taken")
    return w.a.post(order["url"])


for number_, (text, good) in enumerate([("%s \r\n\n", True), (" %s", False), ("%sx", False), ("", False), ("%s\n%s", False)]):
    @case("A32-body-%d" % number_, None, 200, proof=True)
    def _(w, text=text or " ", good=good):
        order = w.a.order([w.name()])
        status = w.a.prove(order["authorizations"][0], text)
        need(status == ("valid" if good else "invalid"), "the body %r made it %s" % (text, status))
        return w.a.post(order["url"])


@case("A33-body-not-shown", None, 200, proof=True)
def _(w):
    order = w.a.order([w.name()])
    w.a.prove(order["authorizations"][0], "internal-secret-4711")
    answer = w.a.post(order["authorizations"][0])
    need(b"internal-secret" not in answer.body and answer.json["challenges"][0]["error"], "the body leaks, or no error")
    return answer


# --- Validation traffic (R2, R4 to R7) ---------------------------------------------------------

# Where no probe may go, though the name says so (R2). Names below LABEL.refused.test lead there.
ADDRESSES = {"meta": "169.254.169.254", "zero": "0.0.0.0", "link": "169.254.1.1", "cgnat": "100.100.100.200",
             "multicast": "224.0.0.1", "broadcast": "255.255.255.255", "six-link": "fe80::1", "six-meta": "fd00:ec2::254",
             "six-mapped": "::ffff:169.254.169.254", "six-nat64": "64:ff9b::a9fe:a9fe", "six-zero": "::"}


def refused_authorization(w, client, url, kind, words=""):
    """The authorization, which must have become invalid for this reason."""
    answer = client.post(url)
    challenge = next(c for c in answer.json["challenges"] if c["type"] == "http-01")
    need(answer.json["status"] == "invalid" and challenge["status"] == "invalid", "the authorization is not invalid")
    error = challenge["error"]
    need(error["type"] == URN + kind and words in error["detail"], "expected %s with %r, got %r" % (kind, words, error))
    return answer


def probe_case(name, kind, act, words=""):
    """A responder that does what `act` does with its handler; the name must not be proven."""
    @case(name, None, 200, proof=True)
    def _(w):
        url = w.a.order([w.name()])["authorizations"][0]
        need(w.a.prove(url, act) == "invalid", "the name was proven")
        return refused_authorization(w, w.a, url, kind, words)


for label, address in ADDRESSES.items():
    @case("R2-%s" % label, None, 200, proof=True)
    def _(w, label=label, address=address):
        if not w.options.address_names:
            return None
        url = w.a.order(["h%s.%s.refused.test" % (secrets.token_hex(4), label)])["authorizations"][0]
        need(w.a.prove(url) == "invalid", "the name was proven")
        return refused_authorization(w, w.a, url, "connection", "%s, which is not connected to" % address)


def redirect(location):
    def act(handler):
        handler.send_response(302)
        handler.send_header("Location", location(handler) if callable(location) else location)
        handler.end_headers()
    return act


def own_port(url):
    """http://HOST/… with the port that validation uses here."""
    return lambda handler: url.replace("PORT", str(handler.server.server_port))


def next_hop(handler):
    path, _, n = handler.path.partition("?")
    return "http://hops.%s:%d%s?%d" % (handler.server.world.options.domain, handler.server.server_port, path,
                                       int(n or 0) + 1)


for name, location in (
    ("file", "file:///etc/passwd"), ("gopher", "gopher://x.t.test/"), ("ftp", "ftp://x.t.test/"), ("ssh", "http://x.t.test:22/"),
    ("postgresql", "http://x.t.test:5432/"), ("literal", own_port("http://127.0.0.1:PORT/")),
    ("decimal", own_port("http://2130706433:PORT/")), ("six-literal", own_port("http://[::1]:PORT/")),
    ("user", own_port("http://a:b@x.t.test:PORT/")), ("control", own_port("http://x.t.test:PORT/\x01")), ("empty", ""),
    ("long", own_port("http://x.t.test:PORT/" + "a" * 60000)),
    ("loop", lambda handler: "http://%s%s" % (handler.headers["Host"], handler.path)),
):
    probe_case("R4-redirect-%s" % name, "unauthorized", redirect(location))


@case("R4-redirect-to-metadata", None, 200, proof=True)
def _(w):
    if not w.options.address_names:
        return None
    url = w.a.order([w.name()])["authorizations"][0]
    need(w.a.prove(url, redirect(own_port("http://x.meta.refused.test:PORT/"))) == "invalid", "the name was proven")
    return refused_authorization(w, w.a, url, "connection", "not connected to")


@case("R4-chain-of-redirects", None, 200, proof=True)
def _(w):
    seen = []

    def act(handler):
        seen.append(handler.path)
        redirect(next_hop)(handler)
    url = w.a.order([w.name()])["authorizations"][0]
    need(w.a.prove(url, act) == "invalid", "the name was proven")
    need(len(seen) == 11, "%d requests were made" % len(seen))
    return refused_authorization(w, w.a, url, "unauthorized")


@case("R5-body-behind-redirect", None, 200, proof=True)
def _(w):
    def act(handler):
        if "?" not in handler.path:
            redirect(next_hop)(handler)
            return
        handler.send_response(500)
        handler.end_headers()
        handler.wfile.write(b"internal-secret-4711")
    url = w.a.order([w.name()])["authorizations"][0]
    need(w.a.prove(url, act) == "invalid", "the name was proven")
    answer = refused_authorization(w, w.a, url, "unauthorized")
    need(b"internal-secret" not in answer.body, "the body leaks")
    return answer


def endless_body(handler):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"a" * 65536)


def megabyte_of_header(handler):
    handler.send_response(200)
    for i in range(1000):
        handler.send_header("X-%d" % i, "a" * 1000)
    handler.end_headers()


def packed(handler):
    """The right answer, but packed: nothing is unpacked (and a bomb stays small)."""
    token = handler.path.rsplit("/", 1)[-1]
    body = gzip.compress(("%s.%s" % (token, handler.server.world.a.key.thumbprint())).encode())
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


probe_case("R6-endless-body", "incorrectResponse", endless_body)
probe_case("R6-megabyte-of-header", "unauthorized", megabyte_of_header)
probe_case("R6-gzip", "incorrectResponse", packed)
probe_case("R6-http-0.9", "unauthorized", lambda handler: handler.wfile.write(b"internal"))


@case("R6-one-byte-a-second", None, 200, proof=True)
def _(w):
    ended = {}

    def drip(part):
        def act(handler):
            begun = time.monotonic()
            try:
                if part == "body":
                    handler.send_response(200)
                    handler.end_headers()
                while time.monotonic() - begun < 60:
                    handler.wfile.write(b"H")
                    time.sleep(1)
            finally:
                ended.setdefault(part, time.monotonic() - begun)
        return act
    client = Client(w, Key()).register()
    order = client.order([w.name(), w.name()])
    for url, part in zip(order["authorizations"], ("head", "body")):
        challenge = client.challenge(url)
        w.responder.answers[challenge["token"]] = drip(part)
        client.post(challenge["url"], {})
    until = time.monotonic() + 60
    while len(ended) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    need(len(ended) == 2 and max(ended.values()) < 40, "the server had patience: %r" % ended)
    return client.post(order["url"])


@case("R7-many-that-hang", None, 200, proof=True)
def _(w):
    release = threading.Event()
    client = Client(w, Key()).register()
    for _ in range(3):
        for url in client.order([w.name() for _ in range(40)])["authorizations"]:
            challenge = client.challenge(url)
            w.responder.answers[challenge["token"]] = lambda handler: release.wait(60)
            client.post(challenge["url"], {})
    begun = time.monotonic()  # each of them hangs for ten seconds, and is tried again
    for _ in range(5):
        w.request("GET", w.options.directory)
    need(time.monotonic() - begun < 10, "the front waits for them")
    w.ready(w.b)
    need(time.monotonic() - begun < 40, "others' validations wait for them")
    release.set()
    return client.post(client.kid)


# W: JOSE.
simple("W1-crit-unknown", "malformed", crit=["x"], x=1)
simple("W1-crit-empty", "malformed", crit=[])
simple("W1-crit-registered", "malformed", crit=["alg"])
case("W2-header-twice", "malformed")(lambda w: w.a.post(w.directory["newOrder"], order_payload(w), protected=json.dumps(
    w.a.header(w.directory["newOrder"]))[:-1] + ',"alg":"none"}'))
case("W3-not-utf8", "malformed")(lambda w: w.a.post(w.directory["newOrder"], order_payload(w), protected=json.dumps(
    w.a.header(w.directory["newOrder"])).encode()[:-1] + b',"x":"\xff"}'))
simple("W3-array", "malformed", protected="[]")
simple("W3-empty", "malformed", protected="")
simple("W4-same-in-both", "malformed", outer={"header": {"alg": "ES256"}})
case("W5-der-signature", "malformed")(lambda w: w.a.post(w.directory["newOrder"], order_payload(w), sign=w.a.key.sign_der))
case("W5-es256-under-es384", "badSignatureAlgorithm")(lambda w: w.a.post(w.directory["newOrder"], order_payload(w), alg="ES384"))
case("W6-rsa-1024", "badPublicKey")(lambda w: new_account(w, Key("RS256", 1024)))
jwk_case("W8-short-coordinate", lambda jwk: dict(jwk, x=b64(unb64(jwk["x"])[1:])))
jwk_case("W8-long-coordinate", lambda jwk: dict(jwk, x=b64(b"\0" + unb64(jwk["x"]))))
jwk_case("W8-leading-zero", lambda jwk: dict(jwk, n=b64(b"\0" + unb64(jwk["n"]))), "RS256")
jwk_case("W9-use", lambda jwk: dict(jwk, use="enc"))
jwk_case("W9-key-ops", lambda jwk: dict(jwk, key_ops=["encrypt"]))
jwk_case("W9-private-member", lambda jwk: dict(jwk, d="AQ"))
jwk_case("W10-x25519", lambda jwk: dict(jwk, crv="X25519"), "EdDSA")
jwk_case("W10-short-x", lambda jwk: dict(jwk, x=b64(unb64(jwk["x"])[:31])), "EdDSA")


@case("W10-malleable-signature", "malformed")
def _(w):
    client = w.client("EdDSA")

    def sign(message):
        honest = client.key.sign(message)
        s = int.from_bytes(honest[32:], "little") + ED25519_ORDER
        return honest[:32] + s.to_bytes(32, "little")
    return client.post(w.directory["newOrder"], order_payload(w), sign=sign)


@case("W11-dressed-key", None, 200)
def _(w):
    jwk = dict(w.a.key.jwk(), kid="x", use="sig", key_ops=["verify"], alg="ES256", x5u="https://t.test/")
    answer = new_account(w, w.a.key, protected=json.dumps(
        {"jwk": jwk, "alg": "ES256", "nonce": w.nonce(), "url": w.directory["newAccount"]}))
    need(answer.header("Location") == w.a.kid, "the same key made another account")
    return answer


case("W12-blank", "malformed")(lambda w: w.a.post(w.directory["newOrder"], "", outer={"payload": "e3 0"}))
simple("W14-rs256-with-ec-key", "badSignatureAlgorithm", alg="RS256")
simple("W14-eddsa-with-ec-key", "badSignatureAlgorithm", alg="EdDSA")
simple("W15-jku", None, 201, jku="http://127.0.0.1:1/", x5u="http://127.0.0.1:1/", typ="x")

# J: attacks on JOSE and JSON.
for alg in ("none", "None", "NONE", None, "HS256", "HS512", "RS1", "ES256K", "dir"):
    simple("J1-alg-%s" % (alg or "absent"), "badSignatureAlgorithm", alg=alg, sign=lambda message: b"")


@case("J1-mac-with-public-key", "badSignatureAlgorithm")
def _(w):
    pem = w.a.key.private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(message):
        mac = hmac.HMAC(pem, hashes.SHA256())
        mac.update(message)
        return mac.finalize()
    return w.a.post(w.directory["newOrder"], order_payload(w), alg="HS256", sign=sign)


def raw(r, s):
    return lambda message: r.to_bytes(32, "big") + s.to_bytes(32, "big")


for name, r, s in (("zero", 0, 0), ("r-zero", 0, 1), ("s-zero", 1, 0), ("order", P256_ORDER, P256_ORDER), ("one", 1, 1)):
    simple("J2-psychic-%s" % name, "malformed", sign=raw(r, s))
simple("J2-63-bytes", "malformed", sign=lambda message: b"\1" * 63)
simple("J2-65-bytes", "malformed", sign=lambda message: b"\1" * 65)
simple("J2-empty", "malformed", sign=lambda message: b"")
case("J2-flipped-bit", "malformed")(lambda w: w.a.post(w.directory["newOrder"], order_payload(w), sign=lambda m: (
    lambda good: good[:20] + bytes([good[20] ^ 1]) + good[21:])(w.a.key.sign(m))))

jwk_case("J3-off-curve", lambda jwk: dict(jwk, x=jwk["y"], y=jwk["x"]))
jwk_case("J3-infinity", lambda jwk: dict(jwk, x=b64(b"\0" * 32), y=b64(b"\0" * 32)))
for name, point in (("0", bytes(32)), ("1", b"\1" + bytes(31)), ("minus-1", b"\xec" + b"\xff" * 30 + b"\x7f"),
                    ("0-sign", bytes(31) + b"\x80"), ("p", b"\xed" + b"\xff" * 30 + b"\x7f"),
                    ("p+1", b"\xee" + b"\xff" * 30 + b"\x7f"),
                    ("order-8-a", bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
                    ("order-8-b", bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"))):
    jwk_case("J3-small-order-%s" % name, lambda jwk, point=point: dict(jwk, x=b64(point)), "EdDSA")
for name, e in (("1", 1), ("2", 2), ("even", 65536), ("huge", 2**40 + 1), ("2^256+1", 2**256 + 1)):
    jwk_case("J3-exponent-%s" % name, lambda jwk, e=e: dict(jwk, e=number(e)), "RS256")
jwk_case("J3-even-modulus", lambda jwk: dict(jwk, n=b64(unb64(jwk["n"])[:-1] + b"\xfe")), "RS256")
jwk_case("J3-16384-bits", lambda jwk: dict(jwk, n=b64(b"\xff" * 2048)), "RS256")
jwk_case("J3-symmetric", lambda jwk: {"kty": "oct", "k": "c2VjcmV0"})
case("J4-modulus-padded", "badPublicKey")(lambda w: (lambda key: new_account(w, key, protected=json.dumps(
    {"alg": "RS256", "nonce": w.nonce(), "url": w.directory["newAccount"],
     "jwk": dict(key.jwk(), n=b64(b"\0" + unb64(key.jwk()["n"])))})))(Key("RS256")))

case("J5-payload-twice", "malformed")(lambda w: w.a.post(w.directory["newOrder"], text=(
    '{"identifiers":[{"type":"dns","value":"%s"}],"identifiers":[]}' % w.name())))
case("J5-value-twice", "malformed")(lambda w: w.a.post(w.directory["newOrder"], text=(
    '{"identifiers":[{"type":"dns","value":"localhost","value":"%s"}]}' % w.name())))
case("J5-outer-twice", "malformed")(lambda w: w.a.send(w.directory["newOrder"], json.dumps(
    w.a.body(w.directory["newOrder"], order_payload(w)))[:-1] + ',"payload":"e30"}'))


@case("J6-compact", "malformed")
def _(w):
    body = w.a.body(w.directory["newOrder"], order_payload(w))
    return w.a.send(w.directory["newOrder"], "%(protected)s.%(payload)s.%(signature)s" % body)


@case("J6-general", "malformed")
def _(w):
    body = w.a.body(w.directory["newOrder"], order_payload(w))
    return w.a.send(w.directory["newOrder"], {"payload": body["payload"], "signatures": [
        {"protected": body["protected"], "signature": body["signature"]}]})


url_case("J7-http", lambda url: url.replace("https:", "http:"))
url_case("J7-port", lambda url: url.replace(":%s/" % (urlsplit(url).port or ""), ":1/") if urlsplit(url).port else url + ":1")
url_case("J7-trailing-slash", lambda url: url + "/")
url_case("J7-escaped", lambda url: url[:-1] + "%72")
url_case("J7-query", lambda url: url + "?x=1")
url_case("J7-host-case", lambda url: url.replace(urlsplit(url).netloc, urlsplit(url).netloc.upper()))
url_case("J7-relative", lambda url: urlsplit(url).path)
case("J7-forwarded-host", "unauthorized", 401)(lambda w: w.a.post(
    w.directory["newOrder"], order_payload(w), signed_url="https://evil.test/" + w.directory["newOrder"].split("/", 3)[3],
    headers={"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.test"}))


@case("J8-replay", "badNonce")
def _(w):
    body = w.a.body(w.a.kid)
    need(w.a.send(w.a.kid, body).status == 200, "an honest request failed")
    return w.a.send(w.a.kid, body)


@case("J8-spent-by-failure", "badNonce")
def _(w):
    nonce = w.nonce()
    w.a.post(w.a.kid, nonce=nonce, sign=lambda message: b"\1" * 64)
    return w.a.post(w.a.kid, nonce=nonce)


case("J8-forged", "badNonce")(lambda w: w.a.post(w.a.kid, nonce=b64(secrets.token_bytes(36))))


@case("J8-flipped-bit", "badNonce")
def _(w):
    honest = bytearray(unb64(w.nonce()))
    honest[len(honest) // 2] ^= 1
    return w.a.post(w.a.kid, nonce=b64(bytes(honest)))


@case("J8-parallel-double-spend", "badNonce")
def _(w):
    body = w.a.body(w.a.kid)
    answers = in_parallel([lambda: w.a.send(w.a.kid, body)] * w.options.connections)
    won = [a for a in answers if a.status == 200]
    need(len(won) == 1, "%d of %d won" % (len(won), len(answers)))
    return next(a for a in answers if a.status != 200)


simple("J9-kid-unknown", "accountDoesNotExist", kid="x")
case("J9-kid-overflow", "accountDoesNotExist")(lambda w: w.a.post(
    w.directory["newOrder"], order_payload(w), kid=w.a.kid.rsplit("/", 1)[0] + "/99999999999999999999"))
case("J9-kid-other-directory", "accountDoesNotExist")(lambda w: w.a.post(
    w.directory["newOrder"], order_payload(w), kid=w.a.kid.replace(urlsplit(w.a.kid).netloc, "other.test")))
case("J9-kid-of-other", "malformed")(lambda w: w.a.post(w.directory["newOrder"], order_payload(w), kid=w.b.kid))
case("J9-kid-id-only", "accountDoesNotExist")(
    lambda w: w.a.post(w.directory["newOrder"], order_payload(w), kid=w.a.kid.rsplit("/", 1)[1]))
case("J9-kid-wildcard", "accountDoesNotExist")(
    lambda w: w.a.post(w.directory["newOrder"], order_payload(w), kid=w.a.kid.rsplit("/", 1)[0] + "/%"))


def text_case(name, text, problem="malformed", *statuses):
    case(name, problem, *statuses)(lambda w: w.a.post(w.directory["newOrder"], text=text))


IDENTIFIERS = '"identifiers":[{"type":"dns","value":"x.t.test"}]'
text_case("J10-deep", '{"x":%s%s}' % ("[" * 2049, "]" * 2049))
text_case("J10-integer-overflow", "{%s,\"x\":99999999999999999999}" % IDENTIFIERS)
text_case("J10-1e400", "{%s,\"x\":1e400}" % IDENTIFIERS)
text_case("J10-nul", '{"identifiers":[{"type":"dns","value":"x.t.test\\u0000.evil"}]}')
text_case("J10-nul-byte", b'{"identifiers":[{"type":"dns","value":"x.t.test\0"}]}')
text_case("J10-lone-surrogate", '{"x":"\\ud800",%s}' % IDENTIFIERS)
text_case("J10-bom", b"\xef\xbb\xbf{" + IDENTIFIERS.encode() + b"}")
text_case("J10-trailing", "{%s} {}" % IDENTIFIERS)
text_case("J10-utf16", ("{%s}" % IDENTIFIERS).encode("utf-16"))
text_case("J10-empty", "")
text_case("J10-text", '"x"')
case("J10-large-body", None, 413)(lambda w: w.a.send(w.directory["newOrder"], '{"x":"%s"}' % ("x" * 2**20)))
case("J10-many-members", None, 200)(lambda w: new_account(
    w, w.a.key, dict({"k%d" % i: i for i in range(3000)}, onlyReturnExisting=True)))
for name, text in (("equals", "e30="), ("plus", "a+b+"), ("slash", "a/b/"), ("newline", "e30\n"), ("stray-bits", "e31"), ("one", "e")):
    case("J11-payload-%s" % name, "malformed")(lambda w, text=text: w.a.post(w.directory["newOrder"], outer={"payload": text}))
case("J11-signature-padded", "malformed")(lambda w: (lambda body: w.a.send(w.directory["newOrder"], dict(
    body, signature=body["signature"] + "==")))(w.a.body(w.directory["newOrder"], order_payload(w))))

# Names (R1, N1, N2) at the front door.
for value in ("127.0.0.1", "2130706433", "0x7f.1", "[::1]", "::1", "localhost", "x.t.test.", "x.t.test:80", "u@x.t.test",
              "*.t.test", "*", "a*.t.test", "*.*.t.test", "-a.t.test", "a_b.t.test", "a..t.test", "", ".", "a" * 64 + ".t.test",
              "b\u00fccher.t.test", "ab--c.t.test", "x.t.test\r\n", "x t.test", "x.t.test/../"):
    case("R1-name-%s" % value.encode("unicode_escape").decode().replace(" ", "_")[:24], "rejectedIdentifier")(
        lambda w, value=value: w.a.post(w.directory["newOrder"], order_payload(w, w.name(), value, w.name())))


# --- Running -----------------------------------------------------------------------------------

def judge(w, problem, statuses, answer):
    need(answer.status in statuses, "expected status %s, got %d: %r" % (statuses, answer.status, answer.body[:300]))
    if answer.status >= 500:
        raise Failed("the server failed")
    if problem is not None:
        need(answer.problem == problem, "expected %s, got %s: %r" % (problem, answer.problem, answer.body[:300]))
        need((answer.header("Content-Type") or "").startswith("application/problem+json"), "not a problem document")
        need(answer.json.get("status", answer.status) == answer.status, "the document says another status")
        need(answer.status == 405 or answer.header("Replay-Nonce"), "no fresh nonce")
    if w.before is not None:
        after = w.count()
        need(after == w.before, "%d certificates were made" % (after - w.before))


def run(w, row):
    _, problem, statuses, proof, function = row
    if proof and w.responder is None:
        raise Skipped("needs --http-port")
    w.mark()
    answer = function(w)
    if answer is None:
        raise Skipped("not asked for")
    judge(w, problem, statuses, answer)
    return problem


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", help="URL of the ACME directory")
    parser.add_argument("--cacert", help="PEM file with the root of the server's TLS certificate")
    parser.add_argument("--chancery", help="the chancery program, to count certificates")
    parser.add_argument("--dir", help="the CA's folder")
    parser.add_argument("--domain", default="t.test", help="names are made below it (t.test)")
    parser.add_argument("--http-address", default="127.0.0.1", help="where http-01 is answered (127.0.0.1)")
    parser.add_argument("--http-port", type=int, help="port of it")
    parser.add_argument("--address-names", action="store_true", help="the names of --list-addresses lead there")
    parser.add_argument("--list-addresses", action="store_true", help="print NAME ADDRESS, one a line")
    parser.add_argument("--open-orders", type=int, help="the configured orders_per_account; without it A11 is skipped")
    parser.add_argument("--connections", type=int, default=100, help="of the parallel double spend (100)")
    parser.add_argument("--case", action="append", default=[], help="run this one; may be repeated; a prefix runs all with it")
    parser.add_argument("--all", action="store_true", help="run all")
    parser.add_argument("--list", action="store_true", help="list the cases")
    options = parser.parse_args()
    if options.list:
        for name, problem, statuses, proof, _ in CASES:
            print("%-36s %s %s%s" % (name, "/".join(map(str, statuses)), problem or "-", " (needs --http-port)" if proof else ""))
        return 0
    if options.list_addresses:
        for label, address in ADDRESSES.items():
            print("%s.refused.test" % label, address)
        return 0
    rows = [row for row in CASES if options.all or any(row[0].startswith(prefix) for prefix in options.case)]
    if not rows or not options.directory or not options.cacert or (options.chancery and not options.dir):
        parser.print_usage(sys.stderr)
        return 2
    w = World(options)
    print("1..%d" % len(rows))
    failed = sum([not tap(i + 1, row[0], lambda row=row: run(w, row)) for i, row in enumerate(rows)])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
