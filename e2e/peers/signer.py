"""Signs requests with what Python has of itself, asks the gateway, and prints name and status of each.

signer.py HOST:PORT ask | signer.py HOST:PORT text
"""

import base64
import hashlib
import hmac
import http.client
import os
import socket
import sys
import time
from email.utils import formatdate

import httpx

AUTHORITY = sys.argv[1]
SECRET = b"a secret of the test, not too short"
KEY = "orders-1"


def mac(text, secret=SECRET):
    return base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).decode()


def message(method, target, body=None, digest=None, made=None, secret=SECRET, more=""):
    """The fields of a message signature (RFC 9421)."""
    path, _, query = target.partition("?")
    parts = {"@method": method, "@authority": AUTHORITY, "@path": path, "@query": "?" + query}
    fields = {}
    if body is not None:
        digest = digest or hashlib.sha256(body).digest()
        fields["Content-Digest"] = f"sha-256=:{base64.b64encode(digest).decode()}:"
        parts["content-digest"] = fields["Content-Digest"]
    names = " ".join(f'"{name}"' for name in parts)
    made = int(time.time()) if made is None else made
    nonce = os.urandom(8).hex()
    list_ = f'({names});created={made};keyid="{KEY}";nonce="{nonce}"{more}'
    base = "".join(f'"{name}": {value}\n' for name, value in parts.items())
    fields["Signature-Input"] = f"s={list_}"
    fields["Signature"] = f"s=:{mac(base + chr(34) + '@signature-params' + chr(34) + ': ' + list_, secret)}:"
    return fields


def cavage(method, target, nonce):
    date = formatdate(usegmt=True)
    text = f"(request-target): {method.lower()} {target}\nhost: {AUTHORITY}\ndate: {date}\nx-nonce: {nonce}"
    value = f'Signature keyId="{KEY}",algorithm="hmac-sha256",headers="(request-target) host date x-nonce",signature="{mac(text)}"'
    return {"Date": date, "X-Nonce": nonce, "Authorization": value}


def older(method, target, nonce, body):
    date = formatdate(usegmt=True)
    digest = "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()
    text = f"x-date: {date}\n{method} {target} HTTP/1.1\nhost: {AUTHORITY}\ndigest: {digest}\nx-nonce: {nonce}"
    value = f'hmac username="{KEY}", algorithm="hmac-sha256", headers="x-date request-line host digest x-nonce", signature="{mac(text)}"'
    return {"X-Date": date, "Digest": digest, "X-Nonce": nonce, "Authorization": value}


def ask(method, target, fields, body=None):
    connection = http.client.HTTPConnection(AUTHORITY, timeout=60)
    connection.request(method, target, body=body, headers=fields)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def pieces(body):
    """In chunks, so that nobody knows how long it is."""
    for at in range(0, len(body), 1000):
        yield body[at : at + 1000]


def slowly(fields, length):
    """A body that is announced and never sent: whoever waits for it does not answer."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.create_connection(AUTHORITY.split(":"), timeout=60) as connection:
        head = f"POST /slow HTTP/1.1\r\nHost: {AUTHORITY}\r\nContent-Length: {length}\r\n{lines}\r\n"
        connection.sendall(head.encode())
        return connection.recv(100).split(b" ")[1].decode()


def head(target, fields, more):
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {target} HTTP/1.1\r\nHost: {AUTHORITY}\r\n{lines}{more}\r\n".encode()


def invited(body):
    """Waits to be told to send the body."""
    with socket.create_connection(AUTHORITY.split(":"), timeout=60) as connection:
        more = f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(head("/invited", message("POST", "/invited", body), more))
        first = connection.recv(100).split(b" ")[1].decode()
        if first == "100":
            connection.sendall(body)
            first += " " + connection.recv(100).split(b" ")[1].decode()
        return first


def hidden(body):
    """A refused body that is full of requests: how many answers come, and the first of them."""
    fields = message("POST", "/hidden", b"another body")
    with socket.create_connection(AUTHORITY.split(":"), timeout=60) as connection:
        connection.sendall(head("/hidden", fields, "Transfer-Encoding: chunked\r\n"))
        came = b""
        try:
            connection.sendall(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                came += more
        except OSError:
            pass
        return f"{came.count(b'HTTP/1.1 ')} {came.split(b' ')[1].decode()}"


def main():
    small, large = b'{"hello": "world"}', b"x" * 50_000
    huge = b"x" * 70_000
    now = int(time.time())
    cases = [
        ("get", lambda: ask("GET", "/a?b=1", message("GET", "/a?b=1"))),
        ("nothing", lambda: ask("GET", "/a", {})),
        ("other_query", lambda: ask("GET", "/a?b=2", message("GET", "/a?b=1"))),
        ("other_method", lambda: ask("PUT", "/a", message("GET", "/a"))),
        ("other_secret", lambda: ask("GET", "/a", message("GET", "/a", secret=b"another secret, long enough"))),
        ("old", lambda: ask("GET", "/a", message("GET", "/a", made=now - 400))),
        ("early", lambda: ask("GET", "/a", message("GET", "/a", made=now + 400))),
        ("expired", lambda: ask("GET", "/a", message("GET", "/a", more=f";expires={now - 1}"))),
        ("post", lambda: ask("POST", "/small", message("POST", "/small", small), small)),
        ("post_large", lambda: ask("POST", "/large", message("POST", "/large", large), large)),
        ("post_chunked", lambda: ask("POST", "/chunked", message("POST", "/chunked", large), pieces(large))),
        ("post_empty", lambda: ask("POST", "/empty", message("POST", "/empty", b""), pieces(b""))),
        ("post_other_body", lambda: ask("POST", "/x", message("POST", "/x", small), small.replace(b"w", b"W"))),
        ("post_other_chunked", lambda: ask("POST", "/x", message("POST", "/x", large), pieces(large + b"y"))),
        ("post_no_digest", lambda: ask("POST", "/x", message("POST", "/x"), small)),
        ("post_huge_chunked", lambda: ask("POST", "/x", message("POST", "/x", huge), pieces(huge))),
        ("post_huge", lambda: slowly(message("POST", "/slow", huge), len(huge))),
        ("post_unsigned_slow", lambda: slowly({"Signature": "s=:AAAA:"}, 100)),
        ("post_invited", lambda: invited(small)),
        ("post_hidden", lambda: hidden(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n" * 100)),
        ("post_hidden_huge", lambda: hidden(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n" * 3000)),
        ("cavage", lambda: ask("GET", "/c?d", cavage("GET", "/c?d", "1"))),
        ("cavage_other", lambda: ask("GET", "/c?e", cavage("GET", "/c?d", "2"))),
        ("older", lambda: ask("POST", "/o", older("POST", "/o", "3", small), small)),
        ("older_other_body", lambda: ask("POST", "/o", older("POST", "/o", "4", small), large)),
    ]
    for name, case in cases:
        print(name, case())
    with httpx.Client(http1=False, http2=True, timeout=60) as client:

        def two(method, target, fields, body=None):
            answer = client.request(method, f"http://{AUTHORITY}{target}", headers=fields, content=body)
            assert answer.http_version == "HTTP/2", answer.http_version
            return answer.status_code

        print("h2_get", two("GET", "/a?b=1", message("GET", "/a?b=1")))
        print("h2_post", two("POST", "/h2", message("POST", "/h2", large), pieces(large)))
        print("h2_other_body", two("POST", "/h2", message("POST", "/h2", large), pieces(huge[:50_001])))
        print("h2_other_path", two("GET", "/b", message("GET", "/a")))


if sys.argv[2] == "text":
    fields = message("GET", "/once")
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    print(f"GET /once HTTP/1.1\r\nHost: {AUTHORITY}\r\n{lines}\r\n", end="")
else:
    main()
