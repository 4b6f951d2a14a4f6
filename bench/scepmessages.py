#!/usr/bin/env python3
"""SCEP messages for scepload.go: enrolments of one client's key for a new name each, all of the same size.

  scepmessages.py URL CHALLENGE FIRST COUNT >messages

Prints the size of one to standard error. What the client has to compute is done before the load begins, so that the
server alone is measured.
"""

import os
import secrets
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "tools"))
import scep_wire as wire  # noqa: E402


def main():
    url, challenge, first, count = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    ra = wire.Client(url.port, url.path, url.hostname).ca_certificates()[0]
    key = wire.new_key()
    certificate = wire.self_signed(key, "client.bench.test")
    sizes = set()
    for number in range(first, first + count):
        name = "d%07d.bench.test" % number
        request = wire.csr(key, name, san=[name], challenge=challenge)
        message = wire.pki_message(key, certificate, wire.PKCS_REQ, wire.enveloped_data(request, ra, "aes256"), secrets.token_hex(16))
        sizes.add(len(message))
        sys.stdout.buffer.write(message)
    if len(sizes) != 1:
        sys.exit("messages of several sizes: %s" % sorted(sizes))
    print(sizes.pop(), file=sys.stderr)


if __name__ == "__main__":
    main()
