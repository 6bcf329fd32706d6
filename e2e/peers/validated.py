"""Sends requests that a policy looks into, over HTTP/1.1 with requests and sockets, over HTTP/2 with httpx."""

import gzip
import json
import socket
import sys
import time

import httpx
import requests

AUTHORITY = sys.argv[1]
BASE = f"http://{AUTHORITY}"
JSON = {"Content-Type": "application/json"}


def told(answer):
    """The status, and what is said to be wrong."""
    try:
        said = answer.json()
    except ValueError:
        return str(answer.status_code)
    places = [f"{one['in']}:{one['at']}" for one in said.get("violations", [])]
    return " ".join([str(answer.status_code), said["code"], *places])


def ask(method, target, body=None, fields=JSON, **more):
    return told(requests.request(method, BASE + target, data=body, headers=fields, timeout=60, **more))


def pieces(body, size=1000):
    """A body whose length is not said."""
    for at in range(0, len(body), size):
        yield body[at : at + size]


def order(size, **more):
    return json.dumps({"item": "x" * size, **more}).encode()


def slowly(body, pause):
    """A body that comes in pieces with pauses between."""
    with socket.create_connection(AUTHORITY.split(":"), timeout=60) as connection:
        head = f"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode())
        for piece in pieces(body, max(1, len(body) // 5)):
            time.sleep(pause)
            connection.sendall(piece)
        return connection.recv(65536).split(b" ")[1].decode()


def cut(body):
    """A body that breaks off: nobody sees an answer."""
    with socket.create_connection(AUTHORITY.split(":"), timeout=60) as connection:
        head = f"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body) + 9}\r\n\r\n"
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        try:
            return str(len(connection.recv(65536).split(b"\r\n\r\n")[0]) > 0)
        except OSError:
            return "reset"


def allowed():
    answer = requests.delete(BASE + "/orders", timeout=60)
    return f"{answer.status_code} {answer.headers['Allow']}"


def in_form(accept):
    answer = requests.post(BASE + "/orders", data=b"{}", headers={**JSON, "Accept": accept}, timeout=60)
    return f"{answer.headers['Content-Type']} {'is a required property' in answer.text}"


def cases():
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>'
    deep = b"[" * 500_000
    yield "small", lambda: ask("POST", "/orders", order(5))
    yield "large", lambda: ask("POST", "/orders", order(200_000))
    yield "chunked", lambda: ask("POST", "/orders", pieces(order(150_000)))
    yield "empty", lambda: ask("POST", "/orders", b"")
    yield "empty_chunked", lambda: ask("POST", "/orders", pieces(b""))
    yield "wrong", lambda: ask("POST", "/orders", b'{"count": "3"}')
    yield "wrong_chunked", lambda: ask("POST", "/orders", pieces(order(150_000, count=0)))
    yield "twice", lambda: ask("POST", "/orders", b'{"item": "a", "\\u0069tem": "b"}')
    yield "huge", lambda: ask("POST", "/orders", order(300_000))
    yield "huge_chunked", lambda: ask("POST", "/orders", pieces(order(300_000)))
    yield "packed", lambda: ask("POST", "/orders", gzip.compress(order(5)), {**JSON, "Content-Encoding": "gzip"})
    yield "other_type", lambda: ask("POST", "/orders", b"<a/>", {"Content-Type": "application/xml"})
    yield "form", lambda: ask("POST", "/orders", {"item": "a b", "count": "3"}, {})
    yield "form_wrong", lambda: ask("POST", "/orders", {"item": "a b", "count": "x"}, {})
    yield "query", lambda: ask("GET", "/orders?limit=5&state=open&state=paid")
    yield "query_wrong", lambda: ask("GET", "/orders?limit=500&state=lost&more=1")
    yield "path", lambda: ask("GET", "/orders/7")
    yield "path_wrong", lambda: ask("GET", "/orders/seven")
    yield "no_path", lambda: ask("GET", "/others")
    yield "no_method", allowed
    yield "slow", lambda: slowly(order(5), 0.3)
    yield "slow_wrong", lambda: slowly(b'{"item": 7}', 0.3)
    yield "cut", lambda: cut(b'{"item"')
    yield "problem", lambda: in_form("application/problem+json")
    yield "text", lambda: in_form("text/plain")
    yield "page", lambda: in_form("text/html")
    yield "limits_good", lambda: ask("POST", "/limits", b'{"a": [1, 2, 3]}')
    yield "limits_deep", lambda: ask("POST", "/limits", deep)
    yield "limits_deep_chunked", lambda: ask("POST", "/limits", pieces(deep, 50_000))
    yield "limits_xml", lambda: ask("POST", "/limits", b"<a>x</a>", {"Content-Type": "text/xml"})
    yield "limits_bomb", lambda: ask("POST", "/limits", bomb, {"Content-Type": "text/xml"})
    yield "limits_other", lambda: ask("POST", "/limits", b"x", {"Content-Type": "image/png"})
    yield "graphql", lambda: ask("POST", "/graphql", json.dumps({"query": "{a{b}}"}))
    yield "graphql_deep", lambda: ask("POST", "/graphql", json.dumps({"query": "{a{b{c{d}}}}"}))
    yield "graphql_get", lambda: ask("GET", "/graphql?query=%7Ba%7Bb%7Bc%7Bd%7D%7D%7D%7D")
    yield "report", lambda: ask("POST", "/report", b'{"item": 7}')
    yield "report_huge", lambda: ask("POST", "/report", pieces(order(300_000)))


def main():
    for name, case in cases():
        print(name, case())
    with httpx.Client(http1=False, http2=True, timeout=60) as client:

        def two(method, target, body=None, fields=JSON):
            answer = client.request(method, BASE + target, content=body, headers=fields)
            assert answer.http_version == "HTTP/2", answer.http_version
            return told(answer)

        print("h2_small", two("POST", "/orders", order(6)))
        print("h2_pieces", two("POST", "/orders", pieces(order(150_001))))
        print("h2_wrong", two("POST", "/orders", pieces(order(150_000, count=0))))
        print("h2_deep", two("POST", "/limits", pieces(b"[" * 500_000, 50_000)))
        print("h2_query", two("GET", "/orders?limit=500"))


main()
