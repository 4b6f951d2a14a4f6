"""What the malicious clients share: many at once, DER by hand, the count of certificates, TAP."""

import http.client
import json
import subprocess
import threading


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Failed(text)


def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    width = (n.bit_length() + 7) // 8
    return bytes([tag]) + (bytes([n]) if n < 128 else bytes([0x80 | width]) + n.to_bytes(width, "big")) + body


def in_parallel(calls):
    answers, barrier = [None] * len(calls), threading.Barrier(len(calls))

    def run(i):
        barrier.wait()
        answers[i] = calls[i]()
    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    need(all(answers), "a connection failed")
    return answers


def count_certificates(chancery, folder):
    """All that the CA knows of."""
    serials, after = [], []
    while True:
        out = subprocess.run([chancery, "cert", "list", "--json", "--limit", "100", "--dir", folder] + after,
                             capture_output=True, check=True)
        rows = json.loads(out.stdout)
        rows = rows if isinstance(rows, list) else rows.get("certificates", [])
        serials += [row["serial"] for row in rows]
        if len(rows) < 100:
            return len(serials)
        after = ["--after", serials[-1]]


WRONG = (Failed, OSError, http.client.HTTPException, subprocess.SubprocessError, ValueError, KeyError, TypeError, AttributeError)


def tap(number, name, attempt):
    """One line for what `attempt` found; it returns a remark, or raises."""
    try:
        remark = attempt()
    except Skipped as why:
        print("ok %d - %s # SKIP %s" % (number, name, why))
        return True
    except WRONG as error:
        print("not ok %d - %s" % (number, name))
        print("# " + (str(error) or repr(error)).replace("\n", "\n# "), flush=True)
        return False
    print("ok %d - %s%s" % (number, name, " (%s)" % remark if remark else ""), flush=True)
    return True
