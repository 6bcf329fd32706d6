"""A server of tokens: `oauth_server.py PORT [CERTIFICATE KEY]`.

`/token` issues opaque tokens for client credentials, `/revoke` takes them back (RFC 7009), `/introspect` says
what is known of them to whoever it knows (RFC 7662), `/seen` what was asked of it. Some tokens make it
behave badly: `hang`, `cut`, `giant`, `twice`, `text`, `slow-...`, and `steady-...`, which are always good.
"""

import base64
import json
import secrets
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote_plus

SECRETS = {"gateway": "s3cret&with=signs", "ada": "ada's secret"}
LOCK = threading.Lock()
TOKENS = {}
SEEN = {"questions": 0, "at_once": 0, "most_at_once": 0, "refused": 0, "by_token": {}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer is two writes, which must not wait for each other.
    wbufsize = -1

    def log_message(self, *_):
        """Quiet."""

    def send(self, body, status=200):
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def client(self, form):
        """Who asks, by Basic (RFC 6749 section 2.3.1) or by the form; `None` if that is wrong."""
        scheme, _, text = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            name, _, secret = base64.b64decode(text).decode().partition(":")
            name, secret = unquote_plus(name), unquote_plus(secret)
        elif scheme == "Bearer":
            return "gateway" if text == "gateway-token" else None
        else:
            name, secret = form.get("client_id"), form.get("client_secret")
        return name if SECRETS.get(name) == secret else None

    def do_GET(self):
        with LOCK:
            self.send(SEEN)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body, strict_parsing=True).items()}
        client = self.client(form)
        if client is None:
            with LOCK:
                SEEN["refused"] += 1
            self.send({"error": "invalid_client"}, 401)
        elif self.path == "/token":
            token = secrets.token_urlsafe(32)
            scope = form.get("scope", "")
            with LOCK:
                TOKENS[token] = {"client_id": client, "sub": client, "scope": scope}
            self.send({"access_token": token, "token_type": "Bearer", "expires_in": 3600})
        elif self.path == "/revoke":
            with LOCK:
                TOKENS.pop(form["token"], None)
            self.send(b"")
        else:
            self.introspect(form["token"])

    def introspect(self, token):
        with LOCK:
            SEEN["questions"] += 1
            SEEN["at_once"] += 1
            SEEN["most_at_once"] = max(SEEN["most_at_once"], SEEN["at_once"])
            SEEN["by_token"][token] = SEEN["by_token"].get(token, 0) + 1
            known = TOKENS.get(token)
        try:
            self.answer(token, known)
        finally:
            with LOCK:
                SEEN["at_once"] -= 1

    def answer(self, token, known):
        good = {"active": True, "sub": "ada", "client_id": "ada", "token_type": "Bearer"}
        good |= {"exp": int(time.time()) + 3600}
        if token == "hang":
            time.sleep(60)
        elif token == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"active\": true,")
            self.close_connection = True
        elif token == "giant":
            self.send(b'{"active": true, "sub": "ada", "x": "' + b"x" * (5 << 20) + b'"}')
        elif token == "twice":
            self.send(b'{"active": false, "sub": "ada", "active": true}')
        elif token == "text":
            self.send(b'{"active": "true", "sub": "ada"}')
        elif token.startswith("slow-"):
            time.sleep(0.5)
            self.send(good)
        elif token.startswith("steady-"):
            self.send(good)
        elif known is None:
            # So that several are under way together.
            time.sleep(0.02)
            self.send({"active": False})
        else:
            self.send(good | known)


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("listening on %s:%d" % server.server_address, flush=True)
server.serve_forever()
