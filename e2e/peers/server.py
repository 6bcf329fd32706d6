"""A Python service of the plain kind: the standard library's threading HTTP server."""

import gzip
import hashlib
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ZIPPED = gzip.compress(b"the gate is open\n" * 100, mtime=0)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Quiet."""

    def whole(self, status, body, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        """The request's body in pieces, however it is framed."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().strip(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read(min(left, 1 << 20))
            if not piece:
                raise ConnectionError("the upload was cut")
            left -= len(piece)
            yield piece

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/hello":
            self.whole(200, b"hello from python\n", Content_Type="text/plain")
        elif path == "/fields":
            fields = [[name, value] for name, value in self.headers.items()]
            self.whole(200, json.dumps({"path": self.path, "fields": fields}).encode())
        elif path == "/gzip":
            self.whole(200, ZIPPED, Content_Encoding="gzip", Content_Type="text/plain")
        elif path == "/nothing":
            self.send_response(204)
            self.end_headers()
        elif path == "/events":
            self.events()
        elif path == "/close":
            # No length: the end of the connection is the end of the body.
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"until the end")
            self.close_connection = True
        elif path == "/die":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        else:
            self.whole(404, b"python has no such page\n")

    do_HEAD = do_GET

    def do_POST(self):
        count, digest = 0, hashlib.sha256()
        for piece in self.body():
            count += len(piece)
            digest.update(piece)
        answer = {"count": count, "sha256": digest.hexdigest()}
        self.whole(200, json.dumps(answer).encode(), Content_Type="application/json")

    def do_PUT(self):
        """Counts only: for uploads whose speed matters."""
        count = sum(len(piece) for piece in self.body())
        self.whole(200, str(count).encode())

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(5):
            event = f"data: {number}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(0.2)
        self.wfile.write(b"0\r\n\r\n")


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
