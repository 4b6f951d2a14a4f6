#!/usr/bin/env python3
"""Microsoft's side of Intune's SCEP interface, on loopback over TLS, for tests: faithful, strict, and as broken as they want it.

  fake_intune.py --port 8999 --dir D --tenant T --client-id ID (--secret S | --app-certificate app.pem)

In D it writes ca.pem, to be trusted, before it listens; `ready`, when it does; and tokens.txt, every access
token that it gave; and requests.jsonl, a line for each request:
{"door": ..., "wrong": [...], "status": ..., "body": ...}. `wrong` is what Microsoft's own client would not have sent so;
such a request is answered with 400, and a test asserts that there is none.

D/control.json is read before each answer. It names what is out of the ordinary; without it all is well:

  challenges      challengePasswords that Intune has given out; others, and none, are errors of the challenge
  revocations     [{"requestContext": ..., "serialNumber": ..., "issuerName": ..., "caConfiguration": ...}, ...] that wait
  token_lifetime  seconds, 3599
  no_token        true: every access token of before is refused with 401
  no_service      true: Graph's list is without the two services
  DOOR            how that door answers: token, endpoints, validate, success, failure, download, upload, each
                  {"status": N, "body": TEXT, "code": CODE, "content_type": TEXT, "retry_after": N, "times": N}, or
                  {"silent": true} (no answer), {"drop": true} (the connection ends), {"huge": BYTES}
"""

import argparse
import base64
import datetime
import http.server
import ipaddress
import json
import os
import re
import secrets
import ssl
import sys
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.x509.oid import NameOID

INTUNE_APP = "0000000a-0000-0000-c000-000000000000"
RESOURCE = "https://api.manage.microsoft.com/"
SCEP_VERSION, REVOCATION_VERSION = "2018-02-20", "5019-05-05"
CHALLENGE_PASSWORD = bytes.fromhex("06092a864886f70d010907")  # its OBJECT IDENTIFIER (PKCS #9)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ERROR_CODES = ("None NonRetryableServiceException DataSerializationError ParameterDataInvalidError CryptographyError "
               "CertificateNotFoundError ConflictError NotSupportedError PayloadTooLargeError RetryableServiceException "
               "ServiceUnavailableException ServiceTooBusyException AuthenticationException").split()
SCEP_PATH = "/RACerts/StatelessScepRequestValidationService"
CONNECTOR_PATH = "/RACerts/StatelessPkiConnectorService"


class Wrong(Exception):
    """What Microsoft's own client would not have sent so."""


def need(condition, words):
    if not condition:
        raise Wrong(words)


def fields(value, what, texts=(), others=()):
    """`value` is an object with exactly these members, those of `texts` being texts that are not empty."""
    need(isinstance(value, dict) and set(value) == set(texts) | set(others), f"{what} has {value if not isinstance(value, dict) else sorted(value)}")
    for name in texts:
        need(isinstance(value[name], str) and value[name].strip(), f"{what}: {name}")
    return value


def unbase64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# --- Certificates of the service ------------------------------------------------------------------

def make_certificate(subject, key, issuer, issuer_key, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    name = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])  # noqa: E731
    builder = x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), x509.random_serial_number(),
                                      now - datetime.timedelta(hours=1), now + datetime.timedelta(days=2))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def make_identity(folder):
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = make_certificate("Fake Microsoft CA", ca_key, "Fake Microsoft CA", ca_key, [(x509.BasicConstraints(True, 0), True)])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = make_certificate("microsoft", key, "Fake Microsoft CA", ca_key, [(names, False)])
    pem = serialization.Encoding.PEM
    with open(os.path.join(folder, "service.pem"), "wb") as out:
        out.write(certificate.public_bytes(pem))
        out.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    with open(os.path.join(folder, "ca.pem"), "wb") as out:
        out.write(ca.public_bytes(pem))


# --- What each door expects, and answers when all is well --------------------------------------------

class Microsoft:
    def __init__(self, options):
        self.options = options
        self.url = f"https://127.0.0.1:{options.port}"
        self.tokens = {}  # token: (scope, end)
        self.lock = threading.Lock()
        self.told = []  # requestContexts of revocations whose results have come
        self.assertions = set()

    def control(self):
        try:
            with open(os.path.join(self.options.dir, "control.json"), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def record(self, entry):
        with self.lock, open(os.path.join(self.options.dir, "requests.jsonl"), "a", encoding="utf-8") as out:
            out.write(json.dumps(entry, sort_keys=True) + "\n")

    # RFC 6749 section 4.4, RFC 7523 section 2.2
    def token(self, body, control):
        form = urllib.parse.parse_qs(body.decode(), strict_parsing=True, keep_blank_values=True)
        need(all(len(values) == 1 for values in form.values()), "a field twice")
        form = {name: values[0] for name, values in form.items()}
        need(form.pop("grant_type", "") == "client_credentials", "grant_type")
        scope = form.pop("scope", "")
        need(scope in (f"{self.url}/.default", f"{RESOURCE}/.default"), f"scope {scope}")
        if form.pop("client_id", "") != self.options.client_id:
            return 400, {"error": "unauthorized_client", "error_description": "AADSTS700016: Application was not found.\r\nTrace ID: 1"}
        if self.options.secret is not None:
            need(set(form) == {"client_secret"}, f"fields {sorted(form)}")
            is_good = form["client_secret"] == self.options.secret
        else:
            need(set(form) == {"client_assertion", "client_assertion_type"}, f"fields {sorted(form)}")
            need(form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion_type")
            is_good = self.check_assertion(form["client_assertion"])
        if not is_good:
            return 401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"}
        token, lifetime = secrets.token_urlsafe(900), control.get("token_lifetime", 3599)
        with self.lock:
            self.tokens[token] = (scope, time.time() + lifetime)
            with open(os.path.join(self.options.dir, "tokens.txt"), "a", encoding="utf-8") as out:
                out.write(token + "\n")
        return 200, {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}

    def check_assertion(self, jwt):
        with open(self.options.app_certificate, "rb") as file:
            certificate = x509.load_pem_x509_certificate(file.read())
        head, claims, signature = jwt.split(".")
        certificate.public_key().verify(unbase64url(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
        header, claims = json.loads(unbase64url(head)), json.loads(unbase64url(claims))
        need(header == {"alg": "RS256", "typ": "JWT", "x5t": header.get("x5t")}, f"JWT header {header}")
        need(unbase64url(header["x5t"]) == certificate.fingerprint(hashes.SHA1()), "x5t")  # noqa: S303
        need(claims["aud"] == f"{self.url}/{self.options.tenant}/oauth2/v2.0/token", f"aud {claims['aud']}")
        need(claims["iss"] == claims["sub"] == self.options.client_id, "iss and sub")
        need(claims["nbf"] <= time.time() < claims["exp"] <= time.time() + 3600, "nbf and exp")
        need(claims["jti"] not in self.assertions, "jti was used")
        self.assertions.add(claims["jti"])
        return True

    def endpoints(self, _, control):
        entry = lambda n, name, uri: {"id": str(n), "capability": name, "providerId": None, "providerName": name, "uri": uri}  # noqa: E731
        value = [entry(1, "StatelessOnboardingService", f"{self.url}/other"), entry(2, "GraphService", f"{self.url}/graph")]
        if not control.get("no_service"):
            value += [entry(3, "ScepRequestValidationFEService", self.url + SCEP_PATH), entry(4, "PkiConnectorFEService", self.url + CONNECTOR_PATH)]
        return 200, {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#endpoints", "value": value}

    @staticmethod
    def read_csr(text):
        """The challengePassword, or None. By hand: strongSwan does not sort its attributes, and Microsoft takes what devices send."""
        der = base64.b64decode(text, validate=True)
        need(der[:1] == b"\x30", "certificateRequest is no PKCS #10")
        at = der.find(CHALLENGE_PASSWORD)
        if at < 0:
            return None
        at += len(CHALLENGE_PASSWORD)
        need(der[at] == 0x31 and der[at + 1] < 0x80 and der[at + 2] in (0x0C, 0x13, 0x16), "challengePassword")
        return der[at + 4:at + 4 + der[at + 3]].decode()

    def validate(self, body, control):
        request = fields(fields(body, "the body", others=["request"])["request"], "request",
                         ["transactionId", "certificateRequest", "callerInfo"])
        challenge, code = self.read_csr(request["certificateRequest"]), "Success"
        if not challenge:
            code = "ChallengePasswordMissing"
        elif challenge not in control.get("challenges", []):
            code = "ChallengeDeserializationError"
        return 200, {"@odata.context": "x", "code": code, "errorDescription": "" if code == "Success" else f"for a test: {code}"}

    def success(self, body, _):
        notification = fields(fields(body, "the body", others=["notification"])["notification"], "notification",
                              ["transactionId", "certificateRequest", "certificateThumbprint", "certificateSerialNumber",
                               "certificateExpirationDateUtc", "issuingCertificateAuthority", "callerInfo", "caConfiguration",
                               "certificateAuthority"])
        self.read_csr(notification["certificateRequest"])
        need(re.fullmatch("[0-9A-F]{40}", notification["certificateThumbprint"]), "certificateThumbprint")
        need(re.fullmatch("([0-9A-F]{2})+", notification["certificateSerialNumber"]), "certificateSerialNumber")
        need(DATE.fullmatch(notification["certificateExpirationDateUtc"]), "certificateExpirationDateUtc")
        return 200, {"code": "Success", "errorDescription": ""}

    def failure(self, body, _):
        notification = fields(fields(body, "the body", others=["notification"])["notification"], "notification",
                              ["transactionId", "certificateRequest", "errorDescription", "callerInfo"], ["hResult"])
        self.read_csr(notification["certificateRequest"])
        need(type(notification["hResult"]) is int and 0 < notification["hResult"] < 1 << 32, "hResult")
        need(len(notification["errorDescription"]) <= 255, "errorDescription")
        return 200, {"code": "Success", "errorDescription": ""}

    def download(self, body, control):
        parameters = fields(fields(body, "the body", others=["downloadParameters"])["downloadParameters"], "downloadParameters",
                            others=["maxRequests", "issuerName"])
        need(type(parameters["maxRequests"]) is int and 0 < parameters["maxRequests"] <= 500, "maxRequests")
        wanted = [r for r in control.get("revocations", []) if r["requestContext"] not in self.told and
                  parameters["issuerName"] in (None, r.get("issuerName"))]
        return 200, {"@odata.context": "x", "value": wanted[:parameters["maxRequests"]]}

    def upload(self, body, _):
        results = fields(body, "the body", others=["results"])["results"]
        need(isinstance(results, list) and 0 < len(results) <= 500, "results")
        for result in results:
            fields(result, "a result", ["requestContext", "errorCode"], ["succeeded", "errorMessage"])
            need(result["succeeded"] in (True, False) and result["errorCode"] in ERROR_CODES, f"result {result}")
            need(result["succeeded"] == (result["errorCode"] == "None"), f"result {result}")
            need(not (result["succeeded"] and result["errorMessage"]), f"result {result}")
        self.told += [result["requestContext"] for result in results]
        return 200, {"@odata.context": "x", "value": True}

    # --- What is the same at all doors.

    def doors(self):
        scep, connector = SCEP_PATH + "/ScepActions/", CONNECTOR_PATH + "/CertificateAuthorityRequests/"
        return {
            ("POST", f"/{self.options.tenant}/oauth2/v2.0/token"): ("token", None),
            ("GET", f"/v1.0/servicePrincipals/appId={INTUNE_APP}/endpoints"): ("endpoints", None),
            ("POST", scep + "validateRequest"): ("validate", SCEP_VERSION),
            ("POST", scep + "successNotification"): ("success", SCEP_VERSION),
            ("POST", scep + "failureNotification"): ("failure", SCEP_VERSION),
            ("POST", connector + "downloadRevocationRequests"): ("download", REVOCATION_VERSION),
            ("POST", connector + "uploadRevocationResults"): ("upload", REVOCATION_VERSION),
        }

    def is_admitted(self, door, headers, control):
        given = headers.get("Authorization", "")
        need(given.startswith("Bearer "), "Authorization")
        if control.get("no_token"):
            self.tokens.clear()
        scope, end = self.tokens.get(given[len("Bearer "):], (None, 0))
        return end > time.time() and scope == (f"{self.url}/.default" if door == "endpoints" else f"{RESOURCE}/.default")

    def check_headers(self, door, version, headers):
        for name in ("Authorization", "Content-Type", "client-request-id", "api-version", "UserAgent"):
            need(len(headers.get_all(name, [])) <= 1, f"{name} twice")
        need(UUID.fullmatch(headers.get("client-request-id", "")), "client-request-id")
        need("Cookie" not in headers and "Expect" not in headers, "Cookie or Expect")
        need(headers.get("api-version") == version, f"api-version {headers.get('api-version')}")
        if door == "token":
            need(headers.get("Content-Type") == "application/x-www-form-urlencoded", "Content-Type")
        else:
            need(re.fullmatch(r"Chancery \d[\w.+-]*", headers.get("UserAgent", "")), "UserAgent")
        if version is not None:
            need(headers.get("Content-Type", "").split(";")[0] == "application/json", "Content-Type")

    def serve(self, method, path, headers, body):
        """(door, wrong, status, answer as bytes, control of that door)"""
        control = self.control()
        door, version = self.doors().get((method, path), (None, None))
        if door is None:
            return path, [f"nothing is at {method} {path}"], 404, b"", {}
        try:
            self.check_headers(door, version, headers)
            value = json.loads(body) if version is not None else body
            if door != "token" and not self.is_admitted(door, headers, control):
                return door, [], 401, b'{"error":{"code":"InvalidAuthenticationToken","message":"Access token has expired."}}', {}
            way = self.way_of(door, control)
            if way:
                return door, [], way.get("status", 200), self.body_of(way), way
            status, answer = getattr(self, door)(value, control)
            return door, [], status, json.dumps(answer).encode(), {}
        except Exception as wrong:  # whatever a request is that cannot be read: the test has to hear of it
            return door, [f"{type(wrong).__name__}: {wrong}"], 400, b'{"error":"invalid_request"}', {}

    def way_of(self, door, control):
        way = control.get(door)
        if way and "times" in way:
            way["times"] -= 1
            if way["times"] <= 0:
                del control[door]
            with open(os.path.join(self.options.dir, "control.json.new"), "w", encoding="utf-8") as out:
                json.dump(control, out)
            os.rename(os.path.join(self.options.dir, "control.json.new"), os.path.join(self.options.dir, "control.json"))
        return way

    @staticmethod
    def body_of(way):
        if "huge" in way:
            return b'{"code":"Success","errorDescription":"' + b"x" * way["huge"] + b'"}'
        if "code" in way:
            return json.dumps({"code": way["code"], "errorDescription": "for a test"}).encode()
        return way.get("body", "{}").encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    microsoft = None

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        door, wrong, status, answer, way = self.microsoft.serve(self.command, self.path, self.headers, body)
        self.microsoft.record({"door": door, "wrong": wrong, "status": 0 if way.get("silent") or way.get("drop") else status,
                               "body": None if door == "token" else body.decode(errors="replace")})
        if way.get("silent"):
            self.rfile.read(1)  # until the client goes
        if way.get("silent") or way.get("drop"):
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", way.get("content_type", "application/json; odata.metadata=minimal"))
        if "retry_after" in way:
            self.send_header("Retry-After", str(way["retry_after"]))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = answer


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port, context):
        super().__init__(("127.0.0.1", port), Handler)
        self.context = context

    def finish_request(self, request, client_address):  # on the connection's own thread, so that no handshake holds up another
        try:
            super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)
        except OSError:
            pass  # who does not trust us, or went away


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--secret")
    parser.add_argument("--app-certificate")
    options = parser.parse_args()
    if (options.secret is None) == (options.app_certificate is None):
        parser.error("either --secret or --app-certificate")
    os.makedirs(options.dir, exist_ok=True)
    if not os.path.exists(os.path.join(options.dir, "ca.pem")):
        make_identity(options.dir)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(options.dir, "service.pem"))
    Handler.microsoft = Microsoft(options)
    server = Server(options.port, context)
    open(os.path.join(options.dir, "ready"), "w", encoding="utf-8").close()
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
