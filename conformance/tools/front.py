"""Requests that no client sends, over raw sockets. conformance/front.sh starts it.

Prints "ok - NAME" and "not ok - NAME"; what else it prints is explanation.
Arguments: HTTP port, HTTPS port, roots in PEM, pid of the server process, an OCSP request in DER.
"""
import concurrent.futures
import os
import random
import re
import socket
import ssl
import sys
import threading
import time

HTTP, HTTPS, ROOTS, PID, OCSP_FILE = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
OCSP = open(OCSP_FILE, "rb").read()
HOST = b"Host: localhost\r\n"
END_S = 60  # nothing here may take longer to be answered, on the busiest machine
CONTEXT = ssl.create_default_context(cafile=ROOTS)


def check(name, holds, why=""):
    if not holds and why:
        print(str(why)[:400])
    print(("ok - " if holds else "not ok - ") + name, flush=True)


def connect(port, tls=False, source=None):
    raw = socket.create_connection(("127.0.0.1", port), END_S, (source, 0) if source else None)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return CONTEXT.wrap_socket(raw, server_hostname="localhost") if tls else raw


def drain(sock):
    """What comes until the other side closes; and whether it did."""
    data = b""
    try:
        while True:
            piece = sock.recv(65536)
            if not piece:
                return data, True
            data += piece
    except socket.timeout:
        return data, False
    except (ConnectionError, ssl.SSLError):
        return data, True


def exchange(request, port=HTTP, tls=False, wait=END_S):
    """All bytes of the answer, and whether the server closed the connection."""
    with connect(port, tls) as sock:
        sock.settimeout(wait)
        try:
            sock.sendall(request)
        except (ConnectionError, ssl.SSLError):
            pass  # refused before it was read to its end
        return drain(sock)


def status_of(answer):
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(match.group(1)) if match else 0


def ask(method, target, headers=b"", body=b"", version=b"HTTP/1.1", host=HOST, **where):
    """One request on a connection of its own: status and the whole answer."""
    head = b"%s %s %s\r\n%sConnection: close\r\n%s\r\n" % (method, target, version, host, headers)
    answer, _ = exchange(head + body, **where)
    return status_of(answer), answer


def length(body):
    return b"Content-Length: %d\r\n" % len(body)


# H1: each is one broken request with another one behind it, which must not be answered.
BEHIND = b"GET /ca/root.cer HTTP/1.1\r\n" + HOST + b"\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
POST = b"POST /ocsp HTTP/1.1\r\n" + HOST + b"Content-Type: application/ocsp-request\r\n"
SMUGGLING = {
    "Content-Length and Transfer-Encoding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding and Content-Length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked, chunked": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "Transfer-Encoding: \\x0bchunked": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding : chunked": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "two Transfer-Encodings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding from HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two Content-Lengths": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "two different Content-Lengths": POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nabcde",
    "a list of Content-Lengths": POST + b"Content-Length: 5, 5\r\n\r\nabcde",
    "Content-Length: +5": POST + b"Content-Length: +5\r\n\r\nabcde",
    "Content-Length: -1": POST + b"Content-Length: -1\r\n\r\n",
    "Content-Length: 0x5": POST + b"Content-Length: 0x5\r\n\r\nabcde",
    "Content-Length: 5 5": POST + b"Content-Length: 5 5\r\n\r\nabcde",
    "Content-Length: 99999999999999999999": POST + b"Content-Length: 99999999999999999999\r\n\r\n",
    "an empty Content-Length": POST + b"Content-Length:\r\n\r\n",
    "a folded line": GET + b"X: a\r\n b\r\n\r\n",
    "a folded first line": b"GET /healthz HTTP/1.1\r\n " + HOST + b"\r\n",
    "an empty header name": GET + b": value\r\n\r\n",
    "no colon": GET + b"Nonsense\r\n\r\n",
    "a blank in a header name": GET + b"X Y: z\r\n\r\n",
    "NUL in a value": GET + b"X: a\x00b\r\n\r\n",
    "NUL in a name": GET + b"X\x00: a\r\n\r\n",
    "CR in a value": GET + b"X: a\rb\r\n\r\n",
    "a bare LF behind a header": GET + b"X: a\n\r\n",
    "bare LFs all over": b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
    "a bare LF behind the request line": b"GET /healthz HTTP/1.1\n" + HOST + b"\r\n",
    "two blanks in the request line": b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tab in the request line": b"GET\t/healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "a blank at the end of the request line": b"GET /healthz HTTP/1.1 \r\n" + HOST + b"\r\n",
    "HTTP/0.9": b"GET /healthz\r\n",
    "http/1.1": b"GET /healthz http/1.1\r\n" + HOST + b"\r\n",
    "HTTP/1.10": b"GET /healthz HTTP/1.10\r\n" + HOST + b"\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
}
CHUNKS = {
    "chunk size 0x5": b"0x5\r\nabcde\r\n0\r\n\r\n",
    "chunk size +5": b"+5\r\nabcde\r\n0\r\n\r\n",
    "chunk size -5": b"-5\r\nabcde\r\n0\r\n\r\n",
    "a blank before the chunk size": b" 5\r\nabcde\r\n0\r\n\r\n",
    "no chunk size": b"\r\nabcde\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": b"10000000000000005\r\nabcde\r\n0\r\n\r\n",
    "a chunk extension with a bare LF": b"5;a\nb\r\nabcde\r\n0\r\n\r\n",
    "a chunk that ends in a bare LF": b"5\r\nabcde\n0\r\n\r\n",
    "a chunk longer than its size": b"3\r\nabcde\r\n0\r\n\r\n",
    "a bare LF behind the chunk size": b"5\nabcde\r\n0\r\n\r\n",
    "a trailer Content-Length": b"5\r\nabcde\r\n0\r\nContent-Length: 50\r\n\r\n",
    "a trailer Authorization": b"5\r\nabcde\r\n0\r\nAuthorization: x\r\n\r\n",
}


def smuggling():
    cases = dict(SMUGGLING)
    cases.update({name: POST + b"Transfer-Encoding: chunked\r\n\r\n" + body for name, body in CHUNKS.items()})
    for name, request in cases.items():
        answer, closed = exchange(request + BEHIND)
        n = len(re.findall(rb"HTTP/1\.1 \d{3} ", answer))
        good = status_of(answer) in (400, 413, 501, 505) and n == 1 and closed
        check("H1: %s is refused and the connection closed" % name, good, answer)


def limits():
    for name, target, headers, expected in (
        ("a request line of 9 KiB", b"/" + b"a" * 9000, b"", 414),
        ("a path of 10 MB", b"/ocsp/" + b"M" * 10_000_000, b"", 414),
        ("header lines of 64 KiB", b"/healthz", b"X: %s\r\n" % (b"a" * 65536), 431),
        ("100,000 header lines", b"/healthz", b"X: a\r\n" * 100_000, 431),
        ("70 header lines", b"/healthz", b"X: a\r\n" * 70, 431),
    ):
        status, answer = ask(b"GET", target, headers)
        check("H2: %s is answered %d" % (name, expected), status == expected, answer)
    status, _ = ask(b"GET", b"/healthz", b"X: %s\r\n" % (b"a" * 8192))
    check("H2: header lines of 8 KiB are fine", status == 200, status)

    # Only the head is sent: who is refused at once was refused without buffering (V33).
    def refused_by_head(name, port, tls, target, kind, size):
        head = b"POST %s HTTP/1.1\r\n%sContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (target, HOST, kind, size)
        answer, closed = exchange(head, port, tls)
        check("H2: %s is answered 413 before it is sent" % name, status_of(answer) == 413 and closed, answer)

    refused_by_head("an OCSP request of 4 KiB and a byte", HTTP, False, b"/ocsp", b"application/ocsp-request", 4097)
    refused_by_head("a JWS of 64 KiB and a byte", HTTPS, True, b"/acme/default/new-account", b"application/jose+json", 65537)
    refused_by_head("a body of a terabyte", HTTPS, True, b"/acme/default/new-account", b"application/jose+json", 1 << 40)
    endless = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    status, answer = ask(b"POST", b"/acme/default/new-account",
                         b"Content-Type: application/jose+json\r\nTransfer-Encoding: chunked\r\n", endless * 64,
                         port=HTTPS, tls=True)
    check("H2: chunks without end are answered 413", status == 413, answer)

    for encoding in (b"gzip", b"deflate", b"br", b"gzip, identity", b"x-gzip"):
        body = b"\x1f\x8b\x08" + bytes(50)
        headers = b"Content-Type: application/ocsp-request\r\nContent-Encoding: %s\r\n" % encoding + length(body)
        status, answer = ask(b"POST", b"/ocsp", headers, body)
        check("H4: Content-Encoding %s is answered 415" % encoding.decode(), status == 415, answer)


def hosts():
    for name, host, expected in (
        ("no Host", b"", 400),
        ("two Hosts", HOST * 2, 400),
        ("two different Hosts", HOST + b"Host: other\r\n", 400),
        ("an empty Host", b"Host: \r\n", 400),
        ("a Host with a path", b"Host: localhost/x\r\n", 400),
        ("a Host with a blank", b"Host: local host\r\n", 400),
        ("a Host with a user", b"Host: a@localhost\r\n", 400),
        ("an IPv6 Host", b"Host: [::1]:8080\r\n", 200),
        ("a Host in capitals", b"Host: LOCALHOST\r\n", 200),
    ):
        status, answer = ask(b"GET", b"/healthz", host=host)
        check("H6: %s: %d" % (name, expected), status == expected, answer)
    status, answer = ask(b"GET", b"/healthz", host=b"", version=b"HTTP/1.0")
    check("H6: no Host in HTTP/1.0: 200", status == 200, answer)
    for target in (b"http://localhost/healthz", b"https://localhost/healthz", b"HTTP://other/healthz", b"*", b"healthz",
                   b"localhost:80"):
        status, answer = ask(b"GET", target)
        check("H6: the target %s: 400" % target.decode(), status == 400, answer)
    lies = (b"X-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: http\r\nForwarded: host=evil.test\r\n"
            b"X-Original-URL: /api/v1/cas\r\nX-Rewrite-URL: /api/v1/cas\r\n")
    for host in (HOST, b"Host: evil.test\r\n"):
        status, answer = ask(b"GET", b"/acme/directory", lies, host=host, port=HTTPS, tls=True)
        check("H6: no header moves the directory (%s)" % host.decode().strip(), b"evil" not in answer, answer)
    status, answer = ask(b"POST", b"/healthz", b"X-HTTP-Method-Override: GET\r\n" + length(b""))
    check("H6: no header overrides the method", status == 405, answer)
    for method in (b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT", b"BREW"):
        status, answer = ask(method, b"/healthz", b"Origin: https://evil.test\r\nAccess-Control-Request-Method: GET\r\n")
        check("H6: %s is not taken, and nothing is said of origins" % method.decode(),
              status in (400, 405, 501) and b"access-control" not in answer.lower(), answer)


def variants(path):
    head, tail = path.rsplit(b"/", 1)
    yield path
    yield b"/" + path
    yield path.replace(b"/", b"//")
    yield head + b"%2f" + tail
    yield head + b"%2F" + tail
    yield path + b";x"
    yield head + b";x/" + tail
    yield path.upper()
    yield path + b"."
    yield path + b"/"
    yield path + b"%20"
    yield path + b"%00"
    yield path + b"?a=b"
    yield b"/." + path
    yield b"/x/.." + path
    yield b"/x/%2e%2e" + path
    yield head + b"/./" + tail
    yield head + b"/" + b"".join(b"%%%02x" % c for c in tail)
    yield b"/healthz/.." + path
    yield b"http://localhost" + path


def closed_doors():
    """V12: what a listener does not offer stays away however it is spelt."""
    for where, port, tls, paths in (
        ("http", HTTP, False, (b"/acme/directory", b"/acme/default/directory", b"/acme/default/new-nonce")),
        ("http", HTTP, False, (b"/api/v1/cas", b"/api/v1/certificates", b"/.well-known/est/cacerts", b"/scep/default")),
        ("https", HTTPS, True, (b"/api/v1/cas", b"/api/v1/certificates", b"/.well-known/est/unknown/cacerts", b"/scep/default",
                                b"/crl/issuing.crl", b"/ocsp/issuing")),
    ):
        for path in paths:
            wrong = []
            for target in variants(path):
                for version in (b"HTTP/1.1", b"HTTP/1.0"):
                    for method, headers in ((b"GET", b""), (b"POST", b"Content-Type: application/json\r\n" + length(b"{}"))):
                        status, _ = ask(method, target, headers, b"{}" if method == b"POST" else b"", version, port=port, tls=tls)
                        if status not in (400, 404, 405):
                            wrong.append((method, target, version, status))
            check("V12: no %s on %s in any spelling" % (path.decode(), where), not wrong, wrong)


class Slow(threading.Thread):
    """A client that takes its time; how long the server had patience."""

    def __init__(self, name, port, begin, drip):
        super().__init__()
        self.label, self.port, self.begin, self.drip, self.took = name, port, begin, drip, None

    def run(self):
        start = time.monotonic()
        with connect(self.port) as sock:
            sock.sendall(self.begin)
            sock.settimeout(0.5)
            while time.monotonic() - start < END_S:
                try:
                    if self.drip:
                        sock.send(self.drip)
                    if sock.recv(4096) == b"":
                        break
                except socket.timeout:
                    continue
                except ConnectionError:
                    break
        self.took = time.monotonic() - start


def slow_clients():
    return [
        Slow("a head that stops", HTTP, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b""),
        Slow("a head that drips", HTTP, b"GET /healthz HTTP/1.1\r\nX: ", b"a"),
        Slow("header lines that drip", HTTP, b"GET /healthz HTTP/1.1\r\n", b"X: a\r\n"),
        Slow("silence", HTTPS, b"", b""),
        Slow("half a TLS hello", HTTPS, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""),
        Slow("a TLS hello that drips", HTTPS, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00"),
    ]


# OCSP (H5).
def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else b"\x82" + n.to_bytes(2, "big")
    return bytes([tag]) + size + body


SHA1 = bytes.fromhex("300906052b0e03021a0500")
SHA512 = bytes.fromhex("300d06096086480165030402030500")


def cert_id(algorithm=SHA1, serial=b"\x01"):
    return der(0x30, der(0x30, algorithm, der(4, bytes(20)), der(4, bytes(20)), der(2, serial)))


def nonce(value):
    extension = der(0x30, bytes.fromhex("06092b0601050507300102"), der(4, der(4, value)))
    return der(0xA2, der(0x30, extension))


def ocsp_request(*ids, tail=b""):
    return der(0x30, der(0x30, der(0x30, *ids), tail))


def known_id():
    """The CertID of the request that OpenSSL made."""
    at = OCSP.index(SHA1) - 2
    return der(0x30, OCSP[at:at + 2 + OCSP[at + 1]])


def post_ocsp(body):
    return ask(b"POST", b"/ocsp", b"Content-Type: application/ocsp-request\r\n" + length(body), body)


def body_of(answer):
    return answer.split(b"\r\n\r\n", 1)[1] if b"\r\n\r\n" in answer else b""


def ocsp_junk():
    malformed, unauthorized = bytes.fromhex("30030a0101"), bytes.fromhex("30030a0106")
    good = known_id()
    for name, body, expected in (
        ("an unknown issuer", ocsp_request(cert_id()), unauthorized),
        ("an unknown hash algorithm", ocsp_request(cert_id(SHA512)), None),
        ("no CertID", ocsp_request(), malformed),
        ("21 CertIDs", ocsp_request(*[good] * 21), malformed),
        ("an empty nonce", ocsp_request(good, tail=nonce(b"")), malformed),
        ("a nonce of 129 octets", ocsp_request(good, tail=nonce(bytes(129))), malformed),
        ("a byte behind the end", ocsp_request(good) + b"\0", malformed),
        ("a byte missing", ocsp_request(good)[:-1], malformed),
        ("version 2", der(0x30, der(0x30, der(0xA0, der(2, b"\x01")), der(0x30, good))), malformed),
        ("an indefinite length", b"\x30\x80" + ocsp_request(good)[2:] + b"\0\0", malformed),
        ("nothing", b"", malformed),
        ("a signature of garbage", der(0x30, der(0x30, der(0x30, good)), der(0xA0, der(0x30, bytes(40)))), None),
    ):
        status, answer = post_ocsp(body)
        got = body_of(answer)
        fits = got == expected if expected else got[:1] == b"\x30" and len(got) < 2000
        short = len(got) <= max(len(body), 5) or expected is None
        check("H5: %s" % name, status == 200 and fits and short, (status, got.hex()))
    for n in (1, 16, 32, 128):
        value = os.urandom(n)
        status, answer = post_ocsp(ocsp_request(good, tail=nonce(value)))
        check("O8: a nonce of %d octets comes back" % n, status == 200 and der(4, value) in answer, answer)
    status, answer = post_ocsp(ocsp_request(*[good] * 500)[:4000])
    check("H5: the beginning of 500 CertIDs", status == 200 and body_of(answer) == malformed, answer)
    status, answer = post_ocsp(bytes(5000))
    check("H5: more than any request", status == 413, answer)
    status, answer = ask(b"POST", b"/ocsp", b"Content-Type: text/plain\r\n" + length(OCSP), OCSP)
    check("H5: another media type: 415", status == 415, answer)

    # Bits flipped, bytes cut and repeated: always a whole answer, never two, on kept connections.
    rng = random.Random(SEED)
    wrong = []
    with connect(HTTP) as sock:
        stream = sock.makefile("rb")
        for i in range(3000):
            body = bytearray(OCSP)
            for _ in range(rng.randint(1, 4)):
                body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
            if rng.random() < 0.3:
                del body[rng.randrange(len(body)):]
            if rng.random() < 0.1:
                body += body[:rng.randrange(len(body) + 1)]
            sock.sendall(b"POST /ocsp HTTP/1.1\r\n" + HOST + b"Content-Type: application/ocsp-request\r\n" +
                         length(body) + b"\r\n" + body)
            status = stream.readline()
            size = 0
            while (line := stream.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            answer = stream.read(size)
            if b" 200 " not in status or answer[:1] != b"\x30":
                wrong.append((i, bytes(body).hex(), status))
                break
    check("H5: 3000 damaged requests get 3000 answers", not wrong, wrong)


# 10,000 connections with random bytes at each listener.
SEED = int(os.environ.get("SEED", "0")) or int.from_bytes(os.urandom(4), "big")
TEMPLATES = [
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /crl/issuing.crl HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \"a\"\r\n\r\n",
    b"HEAD /acme/default/new-nonce HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /ocsp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/ocsp-request\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nabcde\r\n0\r\n\r\n",
    b"POST /acme/default/new-account HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/jose+json\r\n"
    b"Content-Length: 46\r\n\r\n{\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"\"}",
]


def junk(rng):
    if rng.random() < 0.5:
        return rng.randbytes(rng.randint(1, 600))
    data = bytearray(rng.choice(TEMPLATES))
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(data))
        data[at:at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
    return bytes(data)


def throw(port, tls, seed, n):
    """n connections, one after the other; each throws its bytes and leaves."""
    rng = random.Random(seed)
    hello = b"\x16\x03\x01"
    failed = 0
    for i in range(n):
        source = "127.0.1.%d" % (1 + i % 200)  # so that no address is short of ports
        try:
            with connect(port, tls, source) as sock:
                data = junk(rng)
                sock.sendall(hello + data if port == HTTPS and not tls and i % 2 else data)
                if i % 4 == 0:
                    sock.settimeout(0.02)
                    drain(sock)
        except ConnectionRefusedError:
            failed += 1
        except (OSError, ssl.SSLError):
            pass
    return failed


def rss_kib():
    with open("/proc/%s/status" % PID) as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


def random_bytes():
    print("seed %d (SEED=… repeats it)" % SEED)
    for name, port, tls in (("http", HTTP, False), ("https", HTTPS, False), ("https, inside TLS", HTTPS, True)):
        before, start = rss_kib(), time.monotonic()
        with concurrent.futures.ProcessPoolExecutor(4) as pool:
            jobs = [pool.submit(throw, port, tls, SEED + i, 2500) for i in range(4)]
            refused = sum(job.result() for job in jobs)
        after = rss_kib()
        print("%s: %.1f s, RSS %d -> %d KiB" % (name, time.monotonic() - start, before, after))
        check("10,000 connections with random bytes at %s: all were accepted" % name, refused == 0, refused)
        if os.environ.get("CHANCERY_BUILD_KIND", "plain") == "plain":  # sanitizers keep freed memory for a while
            check("its memory is flat", after - before < 16 * 1024, (before, after))
        for kind, where in (("http", {}), ("https", {"port": HTTPS, "tls": True})):
            status, answer = ask(b"GET", b"/healthz", **where)
            check("the server answers on %s" % kind, status == 200, answer)


def main():
    slow = slow_clients()
    for client in slow:
        client.start()
    smuggling()
    limits()
    hosts()
    closed_doors()
    ocsp_junk()
    for client in slow:
        client.join()
        check("H3: %s is cut off after about 10 s (%.1f s)" % (client.label, client.took), 8 < client.took < 40)
    random_bytes()


if __name__ == "__main__":
    main()
