"""EST by Python's TLS: mutual, kept connections, requests tied to theirs. conformance/est.sh starts it.

Prints "ok - NAME" and "not ok - NAME"; what else it prints is explanation. Arguments: the mutual port, roots in PEM,
and CERTIFICATE KEY of a device whose common name is "alice"; on standard input USER:PASSWORD.
"""
import base64
import os
import re
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["CHANCERY_TOP"], "tests", "tools"))

from est_wire import END_S, WELL_KNOWN, Door, basic, csr, new_key, tls_context  # noqa: E402

PORT, ROOTS, CERTIFICATE, KEY = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
USER, _, PASSWORD = sys.stdin.readline().strip().partition(":")
BOUND = WELL_KNOWN + "/bound/simpleenroll"


def check(name, holds, why=""):
    if not holds and why:
        print(str(why)[:400])
    print(("ok - " if holds else "not ok - ") + name, flush=True)


def status(name, expected, answer):
    check(name, answer.status == expected, "%d %r" % (answer.status, answer.body))


def mutual():
    """Renewals on one connection, by a certificate that stays the same, with each version of TLS."""
    for version, label in ((ssl.TLSVersion.TLSv1_2, "1.2"), (ssl.TLSVersion.TLSv1_3, "1.3")):
        with Door(PORT, tls_context(ROOTS, CERTIFICATE, KEY, version)) as door:
            made = [door.post(WELL_KNOWN + "/simplereenroll", csr(new_key(), "alice")) for _ in range(3)]
            check("three renewals on one connection of TLS %s" % label, [a.status for a in made] == [200] * 3,
                  [a.body for a in made])
            check("are three certificates", len({a.certificate().serial_number for a in made}) == 3)
            status("and a fourth one, after a refusal, too", 200, (
                door.post(WELL_KNOWN + "/simplereenroll", csr(new_key(), "bob")),
                door.post(WELL_KNOWN + "/simplereenroll", csr(new_key(), "alice")))[1])


def unique():
    """tls-unique of TLS 1.2 (RFC 5929)."""
    context = tls_context(ROOTS, version=ssl.TLSVersion.TLSv1_2)
    with Door(PORT, context) as one, Door(PORT, context) as other:
        def ask(door, challenge):
            return door.post(BOUND, csr(new_key(), USER, challenge=challenge), basic(USER, PASSWORD))
        status("a request without a tie is refused where one is wanted", 403, ask(one, None))
        status("one that is tied to another connection is refused (S9)", 403, ask(one, other.unique()))
        status("one that is tied to its own by tls-unique is not (E5)", 200, ask(one, one.unique()))
    with Door(PORT, tls_context(ROOTS, version=ssl.TLSVersion.TLSv1_3)) as door:
        status("with TLS 1.3 tls-unique ties nothing (S9)", 403, ask(door, door.unique()))


def exporter():
    """tls-exporter of TLS 1.3 (RFC 9266), which Python's ssl does not have: `openssl s_client` has."""
    client = subprocess.Popen(["openssl", "s_client", "-connect", "localhost:%d" % PORT, "-servername", "localhost", "-CAfile", ROOTS,
                               "-verify_return_error", "-tls1_3", "-ign_eof", "-keymatexport", "EXPORTER-Channel-Binding",
                               "-keymatexportlen", "32"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    value = None
    while value is None:
        line = client.stdout.readline()
        if not line:
            break
        value = re.match(rb" *Keying material: ([0-9A-F]{64})", line)
    challenge = base64.b64encode(bytes.fromhex(value.group(1).decode())) if value else b"none"
    body = base64.b64encode(csr(new_key(), USER, challenge=challenge)).decode()
    head = {"Host": "localhost:%d" % PORT, "Content-Type": "application/pkcs10", "Content-Length": len(body),
            "Connection": "close", **basic(USER, PASSWORD)}
    text = "POST %s HTTP/1.1\r\n%s\r\n%s" % (BOUND, "".join("%s: %s\r\n" % pair for pair in head.items()), body)
    answer, _ = client.communicate(text.encode(), timeout=END_S)
    check("with TLS 1.3 tls-exporter does (E5)", b"HTTP/1.1 200" in answer, answer)


mutual()
unique()
exporter()
