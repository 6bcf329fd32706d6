"""A receiver of messages, and a service that can go and come back: `hook.py PORT [STATUS]`.

It prints each POST as one line of JSON, and answers everything with the status (200).
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STATUS = int(sys.argv[2]) if len(sys.argv) > 2 else 200


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Quiet."""

    def answer(self):
        self.send_response(STATUS)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def do_GET(self):
        self.answer()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fields = {name.lower(): value for name, value in self.headers.items()}
        message = {"path": self.path, "fields": fields, "body": json.loads(body)}
        print(json.dumps(message), flush=True)
        self.answer()


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("listening on %s:%d" % server.server_address, flush=True)
server.serve_forever()
