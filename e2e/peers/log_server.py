"""Takes batches of log lines by POST, as a keeper of logs does.

Says `listening on ADDRESS`, then one line of JSON for each request: `path`, `fields`, `status` that it answered with,
and `lines` of the body.
"""

import argparse
import gzip
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COUNT = iter(range(1 << 30))
LOCK = threading.Lock()


def handler(options):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            time.sleep(options.slow)
            with LOCK:
                status = options.status if next(COUNT) < options.fail else 204
                fields = {name.lower(): value for name, value in self.headers.items()}
                # A line that does not end was torn.
                *lines, torn = body.decode().split("\n")
                seen = {"path": self.path, "fields": fields, "status": status, "lines": lines, "torn": torn}
                print(json.dumps(seen), flush=True)
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="instead of a free one")
    parser.add_argument("--fail", type=int, default=0, help="so many first requests are refused")
    parser.add_argument("--status", type=int, default=503, help="what they are refused with")
    parser.add_argument("--slow", type=float, default=0, help="seconds before each answer")
    parser.add_argument("--certificate", help="speaks TLS with this chain")
    parser.add_argument("--key", help="of the certificate")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", options.port), handler(options))
    server.daemon_threads = True
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"listening on 127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


main()
