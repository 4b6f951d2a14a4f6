#!/usr/bin/env python3
"""Stands between a server and PostgreSQL, and breaks what is asked of it: the network's part in a fault test.

  pgproxy.py --listen 127.0.0.1:PORT --upstream /run/dir/.s.PGSQL.5432 --control FILE --count FILE

The control file is read again at each COMMIT and each new connection. It holds one of
  pass            bytes go through; so too with no file
  cut-before P    a COMMIT is not passed on: both sides lose the connection, and nothing was committed
  cut-after P     a COMMIT is passed on, and its answer is not: half the time the connection ends at once, while
                  PostgreSQL is about it, half the time when the answer is there
  hang            nothing goes through in either direction, and nobody is told: a network that lost its way
where P is the part of the COMMITs that it happens to (1 without it). The count file gets a line per cut,
"cut-before" or "cut-after". COMMITs are those of the simple protocol, which the ledger's transactions end with.
TLS and GSSAPI are declined, so that the bytes can be read.
"""

import argparse
import random
import select
import socket
import struct
import threading
import time

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


class Ended(Exception):
    pass


def read_exactly(source, n):
    data = b""
    while len(data) < n:
        piece = source.recv(n - len(data))
        if not piece:
            raise Ended
        data += piece
    return data


def end(*sockets):
    for one in sockets:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Proxy:
    def __init__(self, options):
        self.options, self.mutex = options, threading.Lock()

    def mode(self):
        try:
            with open(self.options.control, encoding="ascii") as file:
                words = file.read().split()
        except FileNotFoundError:
            words = []
        return (words or ["pass"])[0], float(words[1]) if len(words) > 1 else 1.0

    def count(self, what):
        with self.mutex, open(self.options.count, "a", encoding="ascii") as file:
            file.write(what + "\n")

    def hold(self, client):
        """While the network hangs; a client that gives up is let go."""
        while self.mode()[0] == "hang":
            if select.select([client], [], [], 0)[0] and not client.recv(1, socket.MSG_PEEK):
                raise Ended
            time.sleep(0.1)

    def serve(self, client):
        self.hold(client)
        server = socket.socket(socket.AF_UNIX if self.options.upstream.startswith("/") else socket.AF_INET)
        try:
            server.connect(self.options.upstream)
            self.start(client, server)
            connection = Connection(self, client, server)
            threading.Thread(target=connection.answers, daemon=True).start()
            connection.questions()
        finally:
            end(client, server)
            server.close()

    def start(self, client, server):
        while True:
            head = read_exactly(client, 8)
            size, code = struct.unpack("!II", head)
            if code not in (SSL_REQUEST, GSS_REQUEST):
                server.sendall(head + read_exactly(client, size - 8))
                return
            client.sendall(b"N")

    def run(self):
        host, port = self.options.listen.rsplit(":", 1)
        listener = socket.create_server((host, int(port)), backlog=128)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self.thread, args=(client,), daemon=True).start()

    def thread(self, client):
        try:
            self.serve(client)
        except (Ended, OSError):
            pass
        finally:
            client.close()


class Connection:
    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.swallows = False  # what the server says from here on is lost
        self.is_answered = threading.Event()

    def questions(self):
        """From the client, message by message."""
        while True:
            head = read_exactly(self.client, 5)
            body = read_exactly(self.client, struct.unpack("!I", head[1:])[0] - 4)
            self.proxy.hold(self.client)
            if head[:1] == b"Q" and body.rstrip(b"\0").upper() == b"COMMIT":
                self.commit(head + body)
            else:
                self.server.sendall(head + body)

    def commit(self, message):
        mode, part = self.proxy.mode()
        if mode not in ("cut-before", "cut-after") or random.random() >= part:
            self.server.sendall(message)
            return
        self.proxy.count(mode)
        if mode == "cut-after":
            waits = random.random() < 0.5
            self.swallows = True
            self.server.sendall(message)
            if waits:
                self.is_answered.wait(10)
        raise Ended

    def answers(self):
        try:
            while True:
                data = self.server.recv(65536)
                if not data:
                    break
                self.proxy.hold(self.client)
                if self.swallows:
                    self.is_answered.set()
                else:
                    self.client.sendall(data)
        except (Ended, OSError):
            pass
        end(self.client, self.server)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--listen", required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--control", required=True)
    parser.add_argument("--count", required=True)
    Proxy(parser.parse_args()).run()


if __name__ == "__main__":
    main()
