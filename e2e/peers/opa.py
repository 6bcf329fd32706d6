"""Stands in for a server of Open Policy Agent: the part of its REST API that decisions are asked by.

By the documentation of OPA: `POST /v1/data/PATH` with `{"input": ...}` answers 200 with `{"result": ...}`, or
with `{}` if the decision is undefined, and 400 with a code and a message if the question is none. The policies
are functions here. What it was asked it prints as one line of JSON.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def allow(given):
    """`allow := true if input.request.method == "GET"`, with the default `false`."""
    return given["request"]["method"] == "GET"


def undefined(given):
    """Has no default: where no rule holds, there is no result."""
    return True if "gold" in (given["consumer"] or {}).get("groups", []) else None


def authz(given):
    """An object."""
    request = given["request"]
    if request["segments"][0] == "admin":
        return {
            "allow": False,
            "status": 401,
            "reason": "Admins only.",
            "headers": {"WWW-Authenticate": "Bearer realm=\"admin\"", "X-Internal": "secret"},
        }
    return {
        "allow": True,
        "request_headers": {"X-Opa-Role": ["reader", "writer"], "X-Unlisted": "1", "Host": "evil"},
        "response_headers": {"X-Left": "5"},
    }


POLICIES = {
    "http/allow": allow,
    "http/undefined": undefined,
    "http/authz": authz,
    "http/number": lambda _given: 1,
    "http/bare": lambda _given: {"allowed": True},
    "http/broken": lambda _given: {"allow": True, "request_headers": {"X-Opa-A": "a\r\nX-Admin: 1"}},
    "http/giant": lambda _given: {"allow": True, "more": "x" * (1 << 20)},
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Quiet."""

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        fields = {name.lower(): value for name, value in self.headers.items()}
        try:
            given = json.loads(self.rfile.read(length))["input"]
        except (ValueError, KeyError):
            self.answer(400, {"code": "invalid_parameter", "message": "bad input"})
            return
        print("asked " + json.dumps({"path": self.path, "fields": fields, "input": given}), flush=True)
        if not self.path.startswith("/v1/data/"):
            self.answer(404, {"code": "resource_not_found", "message": "no such path"})
            return
        policy = POLICIES.get(self.path.removeprefix("/v1/data/"))
        result = policy(given) if policy else None
        self.answer(200, {} if result is None else {"result": result})


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
print("listening on %s:%d" % server.server_address, flush=True)
server.serve_forever()
