#!/usr/bin/env python3
"""Honest ACME clients under load, and a journal of all that they were told.

  acme_load.py --directory https://localhost:8443/acme/directory --cacert trust.pem --journal j.jsonl \\
      --http-address 127.0.0.2 --http-port 5002 --clients 8 --until stop

Each client orders, proves, finalizes, downloads and now and then revokes, one order after the other, each
request on whatever node the proxy chooses. Like a good client it repeats what was answered with 5xx or not
at all, for as long as --patience; what is refused otherwise is a failure of the test, and so is an order
that comes to nothing. Names below --domain must lead to --http-address. A watcher asks each --node (plain
http) for its CRLs and for the OCSP status of what was revoked.

The journal (JSON lines, times in seconds) is what tests/tools/check_history.py holds against the store:
order, challenge, certificate, revoked, nonce, crl, ocsp. Ends when the file --until is there and each
client has the certificate that it was about, and prints a summary; exit status 1 when a client failed.
"""

import argparse
import base64
import collections
import hashlib
import http.client
import json
import os
import random
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from acme_wire import CertId, Key, Responder, b64, csr, ocsp_status, problem_of

URN = "urn:ietf:params:acme:error:"


class Journal:
    def __init__(self, path):
        self.file, self.mutex = open(path, "a", encoding="ascii"), threading.Lock()

    def write(self, what, **facts):
        facts.update(what=what)
        facts.setdefault("time", time.time())
        with self.mutex:
            self.file.write(json.dumps(facts) + "\n")
            self.file.flush()


class GivenUp(Exception):
    """What no patience mends."""


class Door:
    """Requests on a kept connection; what the network does to them is not told but repeated by who asks."""

    def __init__(self, context):
        self.context, self.connection, self.where = context, None, None

    def ask(self, method, url, body=None, headers=None):
        """(status, headers, body), or None when there was no whole answer."""
        parts = urlsplit(url)
        try:
            if self.connection is None or self.where != parts.netloc:
                self.close()
                self.where = parts.netloc
                kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
                more = {"context": self.context} if parts.scheme == "https" else {}
                self.connection = kind(parts.hostname, parts.port, timeout=75, **more)
            self.connection.request(method, parts.path, body, headers or {})
            reply = self.connection.getresponse()
            data = reply.read()
            if reply.getheader("Connection", "").lower() == "close":
                self.close()
            return reply.status, reply.headers, data
        except (OSError, http.client.HTTPException):
            self.close()
            return None

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class Client(threading.Thread):
    def __init__(self, load, number):
        super().__init__(name="client %d" % number)
        self.load, self.number = load, number
        self.random = random.Random("%s/%d" % (load.options.seed, number))
        self.key, self.kid, self.nonce = Key(), None, None
        self.spent = collections.deque(maxlen=20)  # requests that were taken, to be sent once more
        self.door, self.until, self.failure = Door(load.context), 0, None

    # Requests. Each is repeated until there is an answer that means something.

    def be_patient(self):
        if time.monotonic() > self.until:
            raise GivenUp("no end after %d s" % self.load.options.patience)

    def pause(self, headers=None):
        self.be_patient()
        asked = headers.get("Retry-After", "") if headers is not None else ""
        time.sleep(min(float(asked) if asked.isdigit() else 0.2, 1.0) * self.random.uniform(0.5, 1.0))

    def ask(self, method, url, body=None):
        headers = {"Content-Type": "application/jose+json"} if body is not None else {}
        answer = self.door.ask(method, url, body, headers)
        self.load.count("requests")
        if answer is None:
            self.load.count("no answer")
            self.pause()
        elif answer[0] >= 500 or answer[0] == 429:
            self.load.count(str(answer[0]))
            self.pause(answer[1])
        else:
            return answer
        return None

    def get(self, method, url):
        while True:
            answer = self.ask(method, url)
            if answer is not None:
                return answer

    def signed(self, url, payload, nonce):
        header = {"alg": self.key.alg, "nonce": nonce, "url": url}
        header.update({"jwk": self.key.jwk()} if self.kid is None else {"kid": self.kid})
        text = "" if payload is None else json.dumps(payload)
        first, second = b64(json.dumps(header)), b64(text)
        signature = b64(self.key.sign(("%s.%s" % (first, second)).encode()))
        return json.dumps({"protected": first, "payload": second, "signature": signature})

    def note_nonce(self, nonce, answer):
        """A refusal for the nonce has not spent it; neither can anything be said of a 5xx."""
        if answer is None or answer[0] >= 500:
            return
        if problem_of(answer) == "badNonce":
            self.load.count("badNonce")
        else:
            self.load.journal.write("nonce", nonce=nonce)

    def post(self, url, payload=None, fine=()):
        """The answer to a signed request; a problem that is not in `fine` is the end of this client."""
        while True:
            if self.nonce is None:
                self.nonce = self.get("HEAD", self.load.directory["newNonce"])[1]["Replay-Nonce"]
            nonce, self.nonce = self.nonce, None
            body = self.signed(url, payload, nonce)
            answer = self.ask("POST", url, body)
            if answer is None:
                continue
            self.note_nonce(nonce, answer)
            self.nonce = answer[1].get("Replay-Nonce")
            problem = problem_of(answer)
            if problem == "badNonce":  # RFC 8555 section 6.5: once more, with the fresh one
                self.be_patient()
                continue
            self.spent.append((url, body, nonce))
            if answer[0] < 400 or problem in fine:
                return answer
            raise GivenUp("%s of %s: %s" % (answer[0], url, answer[2][:300]))

    def spend_again(self):
        """J8: what was taken once, on whichever node and before whichever crash, is not taken again."""
        url, body, nonce = self.random.choice(self.spent)
        answer = self.ask("POST", url, body)
        if answer is None:
            return
        self.load.count("spent again")
        if problem_of(answer) == "badNonce":
            return
        self.load.journal.write("nonce", nonce=nonce)  # check_history.py knows it already

    # The life of an order.

    def register(self):
        self.kid = self.post(self.load.directory["newAccount"], {"termsOfServiceAgreed": True})[1]["Location"]

    def order(self):
        names = ["h%d-%08x.%s" % (self.number, self.random.getrandbits(32), self.load.options.domain)
                 for _ in range(self.random.choice((1, 1, 1, 2)))]
        answer = self.post(self.load.directory["newOrder"],
                           {"identifiers": [{"type": "dns", "value": name} for name in names]})
        url = answer[1]["Location"]
        self.load.journal.write("order", order=url)
        return url, names, json.loads(answer[2])["authorizations"]

    def prove(self, authorization):
        is_asked = False
        while True:
            now = json.loads(self.post(authorization)[2])
            if now["status"] == "valid":
                return
            if now["status"] != "pending":
                raise GivenUp("authorization %s is %s: %s" % (authorization, now["status"], now))
            challenge = next(c for c in now["challenges"] if c["type"] == "http-01")
            if challenge["status"] == "pending":
                token = challenge["token"]
                self.load.responder.answers[token] = ("%s.%s" % (token, self.key.thumbprint())).encode()
                self.post(challenge["url"], {}, fine=("malformed",))
                if not is_asked:
                    self.load.journal.write("challenge", challenge=challenge["url"], token=token)
                is_asked = True
            self.be_patient()
            time.sleep(0.05)

    def finish(self, order, names):
        key = Key()
        request = csr(key, names)
        while True:
            now = json.loads(self.post(order)[2])
            if now["status"] == "valid":
                return key, now["certificate"]
            if now["status"] == "invalid":
                raise GivenUp("order %s is invalid: %s" % (order, now))
            if now["status"] == "ready":
                self.post(now["finalize"], {"csr": request}, fine=("orderNotReady",))
            else:
                self.pause()

    def revoke(self, leaf, key):
        der = b64(leaf.public_bytes(serialization.Encoding.DER))
        self.post(self.load.directory["revokeCert"], {"certificate": der, "reason": 4}, fine=("alreadyRevoked",))
        self.load.revoked(leaf)

    def one_certificate(self):
        self.until = time.monotonic() + self.load.options.patience
        if self.kid is None:
            self.register()
        order, names, authorizations = self.order()
        for authorization in authorizations:
            self.prove(authorization)
        key, url = self.finish(order, names)
        leaf = x509.load_pem_x509_certificate(self.post(url)[2])
        if leaf.public_key().public_numbers() != key.private.public_key().public_numbers():
            raise GivenUp("order %s got a certificate for another key" % order)
        self.load.got(order, leaf)
        if self.random.random() < self.load.options.revoke:
            self.revoke(leaf, key)
        self.spend_again()

    def run(self):
        try:
            while not self.load.is_over():
                self.one_certificate()
                time.sleep(self.load.options.rest)
        except GivenUp as failure:
            self.failure = str(failure)
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = "%s: %s" % (type(failure).__name__, failure)


class Watcher(threading.Thread):
    """What each node says of CRLs and of revoked serials, and how long it took to know of them."""

    def __init__(self, load):
        super().__init__(daemon=True)
        self.load, self.door = load, Door(None)
        self.is_over = False
        self.waiting = collections.deque()  # (node, serial, time of the revocation)
        self.latencies = []

    def look_at_crls(self):
        for node in self.load.options.node:
            for ca in self.load.options.ca:
                answer = self.door.ask("GET", "%s/crl/%s.crl" % (node, ca))
                if answer is None or answer[0] != 200:
                    continue
                crl = x509.load_der_x509_crl(answer[2])
                number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
                self.load.journal.write("crl", node=node, ca=ca, number=number, sha256=hashlib.sha256(answer[2]).hexdigest(),
                                        this_update=crl.last_update.isoformat())

    def look_at_ocsp(self):
        for _ in range(len(self.waiting)):
            node, serial, since = self.waiting.popleft()
            asked = time.time()
            status = ocsp_status(self.door, node, self.load.cert_id, serial)
            if status is not None:
                self.load.journal.write("ocsp", node=node, serial="%032x" % serial, status=status, time=asked)
            if status == "revoked":
                self.latencies.append(time.time() - since)
            else:
                self.waiting.append((node, serial, since))

    def run(self):
        next_crls = 0
        while not self.is_over:
            self.look_at_ocsp()
            if time.monotonic() >= next_crls:
                next_crls = time.monotonic() + 1
                self.look_at_crls()
            time.sleep(0.05)


class Load:
    def __init__(self, options):
        self.options = options
        self.context = ssl.create_default_context(cafile=options.cacert)
        self.journal = Journal(options.journal)
        self.responder = Responder(None, options.http_address, options.http_port)
        self.mutex, self.counts = threading.Lock(), collections.Counter()
        self.cert_id = None
        if options.issuer:
            with open(options.issuer, "rb") as file:
                self.cert_id = CertId(x509.load_pem_x509_certificate(file.read()))
        first = Client(self, 0)
        first.until = time.monotonic() + options.patience
        self.directory = json.loads(first.get("GET", options.directory)[2])
        self.clients = [Client(self, n + 1) for n in range(options.clients)]
        self.watcher = Watcher(self) if options.node else None

    def count(self, what):
        with self.mutex:
            self.counts[what] += 1

    def is_over(self):
        if self.options.certificates:
            return self.counts["certificates"] >= self.options.certificates
        return os.path.exists(self.options.until)

    def got(self, order, leaf):
        der = leaf.public_bytes(serialization.Encoding.DER)
        self.journal.write("certificate", order=order, serial="%032x" % leaf.serial_number,
                           der=base64.b64encode(der).decode())
        self.count("certificates")

    def revoked(self, leaf):
        now = time.time()
        self.journal.write("revoked", serial="%032x" % leaf.serial_number, time=now)
        self.count("revocations")
        if self.watcher:
            for node in self.options.node:
                self.watcher.waiting.append((node, leaf.serial_number, now))

    def run(self):
        if self.watcher:
            self.watcher.start()
        for client in self.clients:
            client.start()
        for client in self.clients:
            client.join()
        failures = ["%s: %s" % (client.name, client.failure) for client in self.clients if client.failure]
        summary = {"counts": dict(self.counts), "failures": failures}
        if self.watcher:
            until = time.monotonic() + self.options.patience
            while self.watcher.waiting and time.monotonic() < until:
                time.sleep(0.05)
            self.watcher.is_over = True
            self.watcher.join()
            summary["ocsp_unknowing"] = len(self.watcher.waiting)
            summary["ocsp_latency_s"] = round(max(self.watcher.latencies, default=0), 3)
        print(json.dumps(summary))
        return 1 if failures or summary.get("ocsp_unknowing") else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--directory", required=True)
    parser.add_argument("--cacert", required=True)
    parser.add_argument("--journal", required=True)
    parser.add_argument("--http-address", required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--domain", default="load.test")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--certificates", type=int, default=0, help="end after so many in all")
    parser.add_argument("--until", default="", help="or when this file is there")
    parser.add_argument("--revoke", type=float, default=0.2, help="the part of the certificates that is revoked")
    parser.add_argument("--node", action="append", default=[], help="http://HOST:PORT of a node to be watched")
    parser.add_argument("--ca", action="append", default=[], help="a CA whose CRL is watched there")
    parser.add_argument("--issuer", help="PEM of the issuing CA, for OCSP")
    parser.add_argument("--rest", type=float, default=0, help="seconds between a client's orders")
    parser.add_argument("--patience", type=float, default=300, help="seconds that a client goes on trying")
    parser.add_argument("--seed", default="0")
    sys.exit(Load(parser.parse_args()).run())


if __name__ == "__main__":
    main()
