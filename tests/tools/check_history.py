#!/usr/bin/env python3
"""Holds what clients were told against what the CA has, and proves the invariants of a fault test.

  check_history.py --store URL [--journal FILE]… [--crl CA=FILE-OR-URL]… [--ocsp URL]… [--issuer PEM]
      [--trace FILE] [--chancery PROGRAM --dir DIR] [--open-for SECONDS] [--known-within SECONDS]

The store is sqlite:FILE (read with sqlite3) or postgresql://… (psql); journals are those of acme_load.py;
CRLs and OCSP are asked for as they are served, of each node where there are several.

  I1  No TBS was signed twice, and each certificate was signed once (from the trace of tests/fault/p11proxy.c,
      where that stood before the token; keys that are signed with by way of SHA-256).
  I2  Each serial has at most one TBS: one intent in the log, whose hash is that of the row, and every
      certificate that anybody saw under this serial is signed over those very bytes.
  I3  Each certificate that a client saw is in the store as issued, byte for byte, and in the log.
  I4  Each intent has ended, in the store and in the log, once and in the same way: issued, or orphaned,
      and then its serial is revoked. (Younger ones than --open-for may still be open.)
  I5  Each revocation that was acknowledged, and each in the store, is in every CRL that is served and in
      every OCSP answer; once a node has said "revoked" it never says "good" again; with --known-within no
      node says "good" later than that after the acknowledgement.
  I6  CRL numbers strictly increase, per CA and over all nodes, in the log and in what clients saw; one
      number is one CRL, and a node never goes back.
  I7  An order has at most one certificate, in the store, in the log, and in what clients saw.
  I8  Nonces, tokens and challenges are good for one time: no nonce was taken twice, no token stands in
      two challenges, no challenge came to two results.
  I9  chancery audit verify finds the log intact.

Prints what is violated, a line each, then what was looked at. Exit status 1 with any violation.
"""

import argparse
import base64
import collections
import hashlib
import json
import subprocess
import sys
import time
import urllib.request

from cryptography import x509

from acme_load import Door
from acme_wire import CertId, ocsp_status


class Store:
    """Tables as lists of rows, by the database's own program; a row comes as a line of JSON."""

    def __init__(self, url):
        self.is_sqlite = url.startswith("sqlite:")
        self.command = ["sqlite3", url[len("sqlite:"):]] if self.is_sqlite else ["psql", "-qXAt", url, "-c"]

    def expression(self, column):
        name, _, kind = column.partition(":")
        if kind == "bytes":
            return "hex(%s)" % name if self.is_sqlite else "encode(%s, 'hex')" % name
        if kind == "json":
            return "CAST(%s AS TEXT)" % name if self.is_sqlite else "convert_from(%s, 'UTF8')" % name
        return name

    def rows(self, table, *columns, where="true", order=""):
        row = collections.namedtuple("row", [column.partition(":")[0] for column in columns])
        array = "json_array" if self.is_sqlite else "json_build_array"
        sql = "SELECT %s(%s) FROM %s WHERE %s %s" % (
            array, ", ".join(map(self.expression, columns)), table, where, "ORDER BY " + order if order else "")
        out = subprocess.run(self.command + [sql], check=True, capture_output=True, text=True).stdout
        kinds = [column.partition(":")[2] for column in columns]
        return [row(*map(read_value, json.loads(line), kinds)) for line in out.splitlines()]


def read_value(value, kind):
    if kind == "bytes":
        return bytes.fromhex(value) if value else None  # hex(NULL) is empty
    return json.loads(value) if kind == "json" else value


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def id_of(url):
    return url.rsplit("/", 1)[-1]


def read_journals(paths):
    journal = collections.defaultdict(list)
    for path in paths:
        with open(path, encoding="ascii") as file:
            for line in file:
                if line.endswith("\n"):  # the last one may be under way
                    said = json.loads(line)
                    journal[said["what"]].append(said)
    for said in journal.values():
        said.sort(key=lambda said: said["time"])
    return journal


class History:
    """All that was written down, on either side."""

    def __init__(self, options):
        self.options = options
        store = Store(options.store)
        # In this order, what is written between two reads looks like something young, never like something lost: what
        # clients were told was recorded before; what leads to an entry or a row is read before the entries and rows.
        self.journal = read_journals(options.journal)
        self.crls = store.rows("crl", "ca", "number", "der:bytes")
        self.orders = store.rows("acme_order", "id", "status", "serial")
        self.challenges = store.rows("acme_challenge", "id", "token")
        self.log = [row.entry for row in store.rows("audit_entry", "entry:json", order="seq")]
        self.log_by_type = grouped(self.log, lambda entry: entry["type"])
        self.certificates = {row.serial: row for row in store.rows(
            "certificate", "serial", "ca", "profile", "status", "claim_kind", "claim_id", "intended_s", "not_after_s", "tbs:bytes",
            "der:bytes")}
        self.revocations = {row.serial: row for row in store.rows("revocation", "serial", "ca", "revoked_s", "not_after_s")}
        self.crl_numbers = store.rows("crl_number", "ca", "number")
        self.seen = [(said, base64.b64decode(said["der"])) for said in self.journal["certificate"]]
        self.now = time.time()

    def entries(self, kind):
        return self.log_by_type.get(kind, [])

    def is_young(self, row):
        return row.intended_s > self.now - self.options.open_for


def signed_once(h):
    if h.options.trace is None:
        return
    with open(h.options.trace, encoding="ascii") as file:
        calls = [line.split() for line in file]
    signatures = collections.Counter(call[4] for call in calls if call[2] == "C_Sign" and call[5] == "0x0")
    begun_s = int(calls[0][0]) // 10**9 if calls else 0
    for row in h.certificates.values():
        if row.profile == "scep-ra" and row.intended_s <= begun_s:
            continue  # the RA's, which `chancery init` made before anybody wrote down what the token does
        n = signatures[sha256(hashlib.sha256(row.tbs).digest())]
        if n > 1:
            yield "the TBS of serial %s was signed %d times" % (row.serial, n)
        if n == 0 and row.status == "issued" and row.ca == h.options.issuer_name:
            yield "serial %s is issued, and no signature was traced" % row.serial


def grouped(things, key):
    groups = collections.defaultdict(list)
    for thing in things:
        groups[key(thing)].append(thing)
    return groups


def one_tbs_per_serial(h):
    for serial, entries in grouped(h.entries("issuance.intended"), lambda entry: entry["serial"]).items():
        row = h.certificates.get(serial)
        if len(entries) > 1:
            yield "serial %s was intended %d times" % (serial, len(entries))
        if row is not None and sha256(row.tbs) != entries[0]["tbs_hash"]:
            yield "serial %s has another TBS in the store than in the log" % serial
    for row in h.certificates.values():
        if row.der is not None and x509.load_der_x509_certificate(row.der).tbs_certificate_bytes != row.tbs:
            yield "serial %s was signed over other bytes than were intended" % row.serial
    for said, der in h.seen:
        row = h.certificates.get(said["serial"])
        if row is not None and x509.load_der_x509_certificate(der).tbs_certificate_bytes != row.tbs:
            yield "a client has serial %s with another TBS than the store" % said["serial"]


def seen_is_recorded(h):
    issued = {entry["serial"]: entry for entry in h.entries("certificate.issued")}
    for said, der in h.seen:
        serial, row = said["serial"], h.certificates.get(said["serial"])
        if row is None or row.status != "issued" or row.der is None:
            yield "a client has serial %s, the store has %s" % (serial, "none" if row is None else "it as " + row.status)
        elif row.der != der:
            yield "a client has serial %s with other bytes than the store" % serial
        if serial not in issued or issued[serial]["certificate_hash"] != sha256(der):
            yield "a client has serial %s, which the log does not have as issued" % serial


def intents_end(h):
    ends = grouped(h.entries("certificate.issued") + h.entries("certificate.orphaned"), lambda entry: entry["serial"])
    for row in h.certificates.values():
        if row.status == "intended" and not h.is_young(row):
            yield "serial %s is an intent without an end since %d s" % (row.serial, h.now - row.intended_s)
        if row.status == "orphaned" and row.serial not in h.revocations:
            yield "serial %s is orphaned and not revoked" % row.serial
    for entry in h.entries("issuance.intended"):
        serial, row = entry["serial"], h.certificates.get(entry["serial"])
        if row is None:
            yield "serial %s was intended and is not in the store" % serial
            continue
        kinds = [end["type"] for end in ends[serial]]
        expected = {"issued": ["certificate.issued"], "orphaned": ["certificate.orphaned"]}.get(row.status, [])
        if kinds != expected and not h.is_young(row):
            yield "serial %s is %s, its ends in the log are %s" % (serial, row.status, kinds)


def load_crl(where):
    if not where.startswith("http"):
        with open(where, "rb") as file:
            return x509.load_der_x509_crl(file.read())
    with urllib.request.urlopen(where, timeout=30) as reply:
        return x509.load_der_x509_crl(reply.read())


def revocations_are_known(h):
    for said in h.journal["revoked"]:
        if said["serial"] not in h.revocations:
            yield "the revocation of %s was acknowledged and is not in the store" % said["serial"]
    wanted = set(h.revocations) | {said["serial"] for said in h.journal["revoked"]}
    still = {serial for serial in wanted if serial in h.certificates and h.certificates[serial].not_after_s > h.now}
    for option in h.options.crl:
        ca, _, where = option.partition("=")
        listed = {"%032x" % entry.serial_number for entry in load_crl(where)}
        for serial in sorted(still):
            if h.certificates[serial].ca == ca and serial not in listed:
                yield "serial %s is revoked and not in the CRL %s" % (serial, where)
    yield from ocsp_knows(h, sorted(still))
    yield from ocsp_stays(h)


def ocsp_knows(h, revoked):
    if not h.options.ocsp:
        return
    with open(h.options.issuer, "rb") as file:
        issuer = x509.load_pem_x509_certificate(file.read())
    cert_id, name = CertId(issuer), h.options.issuer_name
    for node in h.options.ocsp:
        door = Door(None)
        for serial in revoked:
            if h.certificates[serial].ca != name:
                continue
            status = ocsp_status(door, node, cert_id, int(serial, 16))
            if status != "revoked":
                yield "serial %s is revoked, and OCSP of %s says %s" % (serial, node, status)


def ocsp_stays(h):
    acknowledged = {said["serial"]: said["time"] for said in reversed(h.journal["revoked"])}
    told = set()
    for said in h.journal["ocsp"]:
        serial, who = said["serial"], (said["node"], said["serial"])
        if said["status"] == "revoked":
            told.add(who)
        elif said["status"] == "good":
            late = said["time"] - acknowledged.get(serial, said["time"])
            if who in told:
                yield "%s said that %s is revoked, and then that it is good" % who
            if h.options.known_within is not None and late > h.options.known_within:
                yield "%s said that %s is good %.2f s after its revocation" % (who + (late,))


def crl_numbers_increase(h):
    hashes = {}
    last = {}
    for entry in h.entries("crl.signed"):
        ca, number = entry["ca"], int(entry["facts"]["number"])
        if number <= last.get(ca, 0):
            yield "the log has CRL %d of %s after %d" % (number, ca, last[ca])
        last[ca] = max(number, last.get(ca, 0))
        hashes.setdefault((ca, number), set()).add(entry["facts"]["sha256"])
    for row in h.crl_numbers:
        if row.number < last.get(row.ca, 0):
            yield "the counter of %s stands at %d, and CRL %d is out" % (row.ca, row.number, last[row.ca])
    seen = [(row.ca, row.number, sha256(row.der), "the store") for row in h.crls]
    seen += [(said["ca"], said["number"], said["sha256"], said["node"]) for said in h.journal["crl"]]
    for ca, number, digest, who in seen:
        if hashes.get((ca, number)) != {digest}:
            yield "%s has a CRL %d of %s that the log does not have, or another one" % (who, number, ca)
    newest = {}
    for said in h.journal["crl"]:
        who = (said["node"], said["ca"])
        if said["number"] < newest.get(who, 0):
            yield "%s went back from CRL %d to %d of %s" % (said["node"], newest[who], said["number"], said["ca"])
        newest[who] = said["number"]


def one_certificate_per_order(h):
    claims = grouped([row for row in h.certificates.values() if row.status == "issued" and row.claim_id],
                     lambda row: (row.claim_kind, row.claim_id))
    for (_, order), rows in claims.items():
        if len(rows) > 1:
            yield "order %s has %d certificates in the store" % (order, len(rows))
    logged = grouped([entry for entry in h.entries("certificate.issued") if "order" in entry], lambda entry: entry["order"])
    for order, entries in logged.items():
        if len(entries) > 1:
            yield "order %s has %d certificates in the log" % (order, len(entries))
    for url, said in grouped(h.journal["certificate"], lambda said: said["order"]).items():
        serials = {one["serial"] for one in said}
        if len(serials) > 1:
            yield "clients have %d certificates of order %s" % (len(serials), id_of(url))
        row = h.certificates.get(said[0]["serial"])
        if row is not None and row.claim_id != id_of(url):
            yield "a client got serial %s for order %s, the store has it for another" % (row.serial, id_of(url))
    for row in h.orders:
        mine = h.certificates.get(row.serial)
        if row.status == "valid" and (mine is None or mine.status != "issued" or mine.claim_id != row.id):
            yield "order %s is valid, and its serial is not a certificate of its own" % row.id


def once_means_once(h):
    for nonce, n in collections.Counter(said["nonce"] for said in h.journal["nonce"]).items():
        if n > 1:
            yield "nonce %s was taken %d times" % (nonce, n)
    tokens = {(row.token, row.id) for row in h.challenges}
    tokens |= {(said["token"], id_of(said["challenge"])) for said in h.journal["challenge"]}
    for token, n in collections.Counter(token for token, _ in tokens).items():
        if n > 1:
            yield "token %s stands in %d challenges" % (token, n)
    results = h.entries("validation.passed") + h.entries("validation.failed")
    for (authorization, kind), entries in grouped(
            results, lambda entry: (entry["authorization"], entry["facts"]["challenge"])).items():
        if len(entries) > 1:
            yield "%s of authorization %s came to %d results" % (kind, authorization, len(entries))


def log_is_intact(h):
    if h.options.chancery is None:
        return
    done = subprocess.run([h.options.chancery, "audit", "verify", "--dir", h.options.dir], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        yield (done.stdout + done.stderr).strip()


SHOWN = 10  # violations of each
INVARIANTS = (
    ("I1", signed_once),
    ("I2", one_tbs_per_serial),
    ("I3", seen_is_recorded),
    ("I4", intents_end),
    ("I5", revocations_are_known),
    ("I6", crl_numbers_increase),
    ("I7", one_certificate_per_order),
    ("I8", once_means_once),
    ("I9", log_is_intact),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--store", required=True)
    parser.add_argument("--journal", action="append", default=[])
    parser.add_argument("--crl", action="append", default=[], help="CA=FILE or CA=URL")
    parser.add_argument("--ocsp", action="append", default=[], help="http://HOST:PORT of a node")
    parser.add_argument("--issuer", help="PEM of the CA whose serials OCSP is asked for")
    parser.add_argument("--issuer-name", default="issuing", help="its name in the store")
    parser.add_argument("--trace", help="of the token, for I1")
    parser.add_argument("--chancery", help="the program, for I9")
    parser.add_argument("--dir", help="its folder")
    parser.add_argument("--open-for", type=float, default=0)
    parser.add_argument("--known-within", type=float)
    history = History(parser.parse_args())
    violations = 0
    for name, invariant in INVARIANTS:
        found = list(invariant(history))
        for violation in found[:SHOWN]:
            print("%s: %s" % (name, violation))
        if len(found) > SHOWN:
            print("%s: and %d more" % (name, len(found) - SHOWN))
        violations += len(found)
    print("# %d violations in %d entries, %d certificates (%d orphaned), %d revocations, %d CRLs; clients saw %s" % (
        violations, len(history.log), len(history.certificates),
        sum(row.status == "orphaned" for row in history.certificates.values()), len(history.revocations), len(history.crls),
        ", ".join("%d %s" % (len(said), what) for what, said in sorted(history.journal.items()) if said)))
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
