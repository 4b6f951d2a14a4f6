#!/usr/bin/env python3
"""ACME on several nodes, each asked by itself: what one knows, all know, and what is good once is good on one of them.

  nodes.py --directory https://localhost:8443/acme/directory --cacert roots.pem --node HTTPS:HTTP [--node …]
      --http-address 127.0.0.2 --http-port 5002 --issuer issuing.pem --journal FILE --open-orders N

--directory is the address that clients know; --node names the ports of a node on 127.0.0.1. Names below
load.test must lead to --http-address. Prints TAP lines and "# " remarks; what it got goes to the journal
for check_history.py. The last remark is the least of the times that revocations took to be known everywhere.
"""

import argparse
import base64
import itertools
import os
import sys
import threading
import time
from types import SimpleNamespace
from urllib.parse import urlsplit

sys.path.insert(0, os.path.join(os.environ["CHANCERY_TOP"], "tests", "tools"))

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402

from acme_load import Door, Journal  # noqa: E402
from acme_wire import CertId, ocsp_status  # noqa: E402
from hostile_acme import Client, Key, World, b64, csr  # noqa: E402


class Node(World):
    """The house as it looks through one node's own port; addresses stay those that clients know."""

    def __init__(self, options, ports, responder):
        self.https, _, http = ports.partition(":")
        self.http = "http://127.0.0.1:" + http
        super().__init__(SimpleNamespace(cacert=options.cacert, directory=options.directory, domain="load.test",
                                         http_address=options.http_address,
                                         http_port=None if responder else options.http_port, chancery=None))
        self.responder = responder or self.responder

    def request(self, method, url, body=None, headers=None):
        public = urlsplit(url)
        headers = dict(headers or {}, Host=public.netloc)
        return super().request(method, public._replace(netloc="localhost:" + self.https).geturl(), body, headers)


def check(name, good, *shown):
    print("%s - %s" % ("ok" if good else "not ok", name))
    if not good:
        print("# %s" % (shown,))
    sys.stdout.flush()


def at(node, client):
    """The same client, on this node from now on."""
    client.world = node
    return client


def new_client(node, key=None):
    return Client(node, key or Key()).register()


def in_parallel(calls):
    """Answers of all of them, sent at one moment."""
    barrier, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(i, call):
        barrier.wait()
        answers[i] = call()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def short(answers):
    return sorted("%d %s" % (answer.status, answer.problem or "") for answer in answers)


class Scenes:
    def __init__(self, options):
        self.options, self.nodes = options, []
        for ports in options.node:
            self.nodes.append(Node(options, ports, self.nodes[0].responder if self.nodes else None))
        self.journal = Journal(options.journal)
        with open(options.issuer, "rb") as file:
            self.cert_id = CertId(x509.load_pem_x509_certificate(file.read()))

    def spread(self, n):
        """n times a node, one after the other."""
        return list(itertools.islice(itertools.cycle(self.nodes), n))

    def addresses(self):
        """J7: the address that clients know, on each node, whatever a header says."""
        lies = {"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.test"}
        answers = [node.request("GET", self.options.directory, headers=lies).json for node in self.nodes]
        good = all(answer == self.nodes[0].directory for answer in answers)
        check("J7: all nodes name the common address", good and "evil" not in str(answers), answers)

    def nonces(self):
        """J8: each node's nonces are good on each, once in the whole house."""
        client, wrong = new_client(self.nodes[0]), []
        for giver, taker in itertools.product(self.nodes, self.nodes):
            nonce = giver.nonce()
            body = at(taker, client).body(client.kid, nonce=nonce)
            first = client.send(client.kid, body)
            again = [at(node, client).send(client.kid, body) for node in self.nodes]
            if first.status != 200 or any(answer.problem != "badNonce" for answer in again):
                wrong.append((giver.https, taker.https, short([first]), short(again)))
        check("J8: a nonce of any node is good on any node, and once only", not wrong, wrong)
        body = at(self.nodes[0], client).body(client.kid)
        answers = in_parallel([lambda node=node: Client.send(at(node, Client(node, client.key)), client.kid, body)
                               for node in self.spread(100)])
        taken = [answer for answer in answers if answer.problem != "badNonce"]
        check("J8: of 100 parallel spends over all nodes exactly one wins", len(taken) == 1 and taken[0].status == 200,
              short(answers))

    def accounts(self):
        """What one node did to an account holds on the others at once."""
        key = Key()
        answers = in_parallel([lambda node=node: Client(node, key).post(node.directory["newAccount"], {}, jwk=True)
                               for node in self.spread(6)])
        where = {answer.header("Location") for answer in answers}
        check("one key that registers everywhere at once is one account", len(where) == 1 and None not in where, short(answers))
        client = new_client(self.nodes[0])
        for node in self.nodes:  # so that each of them knows the key
            at(node, client).post(client.kid)
        at(self.nodes[0], client).post(client.kid, {"status": "deactivated"})
        answers = [at(node, client).post(node.directory["newOrder"], {"identifiers": [{"type": "dns", "value": node.name()}]})
                   for node in self.nodes]
        check("an account that is deactivated on one node is refused by all",
              all(answer.problem in ("unauthorized", "accountDoesNotExist") for answer in answers), short(answers))

    def certificate(self, client, order, names, nodes):
        """Finalized on nodes[0], fetched from nodes[1]: (DER, key)."""
        key = Key()
        answer = at(nodes[0], client).post(order["finalize"], {"csr": csr(key, names)})
        assert answer.status == 200 and answer.json["status"] == "valid", answer.body
        return self.fetch(at(nodes[1], client), order["url"], answer.json["certificate"]), key

    def fetch(self, client, order_url, url):
        leaf = x509.load_pem_x509_certificate(client.post(url).body)
        der = leaf.public_bytes(serialization.Encoding.DER)
        self.journal.write("certificate", order=order_url, serial="%032x" % leaf.serial_number,
                           der=base64.b64encode(der).decode())
        return der

    def wandering_order(self):
        """Each step elsewhere, with no time in between."""
        turns = itertools.cycle(self.nodes)
        client = new_client(next(turns))
        names = [client.world.name(), client.world.name()]
        order = at(next(turns), client).order(names)
        for authorization in order["authorizations"]:
            at(next(turns), client).prove(authorization)
        status = at(next(turns), client).wait(order["url"], ("pending",))
        check("an order that was made on one node is proven through another", status == "ready", status)
        der, key = self.certificate(client, order, names, (next(turns), next(turns)))
        good = x509.load_der_x509_certificate(der).public_key().public_numbers() == key.private.public_key().public_numbers()
        check("finalized on a third, and downloaded from the next", good)

    def parallel_proof(self):
        """I8: a challenge that is answered on all nodes at once comes to one result (check_history.py counts them)."""
        client = new_client(self.nodes[0])
        order = client.order([client.world.name()])
        challenge = client.challenge(order["authorizations"][0])
        client.world.responder.answers[challenge["token"]] = \
            ("%s.%s" % (challenge["token"], client.key.thumbprint())).encode()
        bodies = [(node, client.body(challenge["url"], {})) for node in self.spread(9)]
        answers = in_parallel([lambda node=node, body=body: Client(node, client.key).send(challenge["url"], body)
                               for node, body in bodies])
        self.journal.write("challenge", challenge=challenge["url"], token=challenge["token"])
        status = client.wait(order["authorizations"][0], ("pending",))
        check("I8: a challenge that is answered on all nodes at once is valid once",
              status == "valid" and all(answer.status in (200, 400) for answer in answers), status, short(answers))

    def duplicate_finalize(self):
        """F15, I7: with the same request and with others, on all nodes at once."""
        client = new_client(self.nodes[0])
        order = self.nodes[0].ready(client)
        requests = [csr(Key(), order["names"]) for _ in range(3)]
        bodies = [(node, client.body(order["finalize"], {"csr": requests[i % 3]})) for i, node in enumerate(self.spread(30))]
        answers = in_parallel([lambda node=node, body=body: Client(node, client.key).send(order["finalize"], body)
                               for node, body in bodies])
        fine = [answer for answer in answers if answer.status == 200 or answer.problem == "orderNotReady"]
        check("F15: 30 finalizations at once are answered with the order or orderNotReady", len(fine) == 30, short(answers))
        status = client.wait(order["url"], ("processing",))
        ders = set()
        for node in self.nodes:
            url = at(node, client).post(order["url"]).json["certificate"]
            ders.add(self.fetch(client, order["url"], url))
        check("F15, I7: and they made one certificate", status == "valid" and len(ders) == 1, status, len(ders))

    def order_limit(self):
        """limits.orders_per_account counts the orders of all nodes."""
        n = self.options.open_orders
        client = new_client(self.nodes[0])
        url = client.world.directory["newOrder"]
        bodies = [(node, client.body(url, {"identifiers": [{"type": "dns", "value": node.name()}]}))
                  for node in self.spread(n + 20)]
        answers = in_parallel([lambda node=node, body=body: Client(node, client.key).send(url, body) for node, body in bodies])
        made = [answer for answer in answers if answer.status == 201]
        refused = [answer for answer in answers if answer.problem == "rateLimited"]
        check("an account has %d open orders over all nodes, and no more" % n, len(made) == n and len(refused) == 20,
              short(answers))
        client.key = Key()
        other = at(self.nodes[-1], client.register()).order([client.world.name()])
        check("which is nothing to another account", other["status"] == "pending", other)

    def revocation(self):
        """I5, F26: revoked on one node, known on all, and by one request only."""
        client = new_client(self.nodes[0])
        orders = [self.nodes[0].ready(client) for _ in range(6)]
        ders = [self.certificate(client, order, order["names"], (self.nodes[0], self.nodes[0]))[0] for order in orders]
        latencies = [self.one_revocation(client, der) for der in ders[:5]]
        print("# every node's OCSP knew of a revocation after %s ms" % ", ".join("%d" % (1000 * s) for s in latencies))
        url = self.nodes[0].directory["revokeCert"]
        bodies = [(node, client.body(url, {"certificate": b64(ders[5])})) for node in self.spread(12)]
        answers = in_parallel([lambda node=node, body=body: Client(node, client.key).send(url, body) for node, body in bodies])
        self.journal.write("revoked", serial="%032x" % x509.load_der_x509_certificate(ders[5]).serial_number)
        done = [answer for answer in answers if answer.status == 200]
        check("F18: one of 12 parallel revocations over all nodes does it, the others hear that it is done",
              len(done) == 1 and all(answer.problem == "alreadyRevoked" for answer in answers if answer not in done),
              short(answers))
        print("# revocation_ms %d" % (1000 * min(latencies)))

    def one_revocation(self, client, der):
        serial, doors = x509.load_der_x509_certificate(der).serial_number, [Door(None) for _ in self.nodes]

        def statuses():
            found = []
            for node, door in zip(self.nodes, doors):
                asked = time.time()
                found.append(ocsp_status(door, node.http, self.cert_id, serial))
                self.journal.write("ocsp", node=node.http, serial="%032x" % serial, status=found[-1], time=asked)
            return found

        before = statuses()  # each of them now keeps an answer that says good
        answer = at(self.nodes[0], client).post(client.world.directory["revokeCert"], {"certificate": b64(der), "reason": 1})
        revoked, known = time.time(), statuses()
        self.journal.write("revoked", serial="%032x" % serial, time=revoked)
        while set(known) != {"revoked"} and time.time() < revoked + 60:
            time.sleep(0.005)
            known = statuses()
        took = time.time() - revoked
        check("I5: a serial that was good everywhere is revoked everywhere after its revocation on one node",
              set(before) == {"good"} and answer.status == 200 and set(known) == {"revoked"}, before, answer.body, known)
        return took


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name in ("--directory", "--cacert", "--http-address", "--issuer", "--journal"):
        parser.add_argument(name, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--node", action="append", required=True)
    parser.add_argument("--open-orders", type=int, required=True)
    scenes = Scenes(parser.parse_args())
    for scene in (scenes.addresses, scenes.nonces, scenes.accounts, scenes.wandering_order, scenes.parallel_proof,
                  scenes.duplicate_finalize, scenes.order_limit, scenes.revocation):
        try:
            scene()
        except Exception as error:  # pylint: disable=broad-except
            check(scene.__name__, False, type(error).__name__, error)


if __name__ == "__main__":
    main()
