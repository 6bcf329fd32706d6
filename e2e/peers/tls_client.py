"""Asks on a kept connection and with a resumed session, before and after something changed.

tls_client.py HOST:PORT FOLDER NAME GO KEPT FRESH: shows the certificate NAME of FOLDER to admin.test;
makes FOLDER/NAME.ready when it has asked, and asks again when the file GO is there: until it gets KEPT
on the kept connection and FRESH on another one, for each worker hears of a change in its own time.
"""

import os
import socket
import ssl
import sys
import time

address, folder, name, go, expect_kept, expect_fresh = sys.argv[1:]
host, port = address.rsplit(":", 1)


def context():
    made = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    made.load_cert_chain(f"{folder}/{name}.pem", f"{folder}/{name}.key")
    # Of TLS 1.2 a session is there when the handshake is done.
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    return made


shared = context()


def connect(session=None):
    plain = socket.create_connection((host, int(port)), timeout=30)
    return shared.wrap_socket(plain, server_hostname="admin.test", session=session)


def ask(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: admin.test\r\n\r\n")
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(4096)
        if not more:
            raise ConnectionError("closed")
        head += more
    head, body = head.split(b"\r\n\r\n", 1)
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(4096)
    return head.split(b" ")[1].decode()


def sort(connection):
    return "resumed" if connection.session_reused else "full"


kept = connect()
first = ask(kept)
again = connect(kept.session)
print(first, sort(again), ask(again))
open(f"{folder}/{name}.ready", "w").close()
while not os.path.exists(go):
    time.sleep(0.01)


def fresh():
    try:
        last = connect(kept.session)
        return f"{sort(last)} {ask(last)}"
    except OSError:
        return "refused"


def until(expect, question):
    late = time.monotonic() + 20
    while (answer := question()) != expect and time.monotonic() < late:
        time.sleep(0.05)
    return answer


print(until(expect_kept, lambda: ask(kept)))
print(until(expect_fresh, fresh))
