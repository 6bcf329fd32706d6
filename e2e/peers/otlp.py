"""A collector of OpenTelemetry, by its own messages: OTLP over HTTP and over gRPC, spans and log records.

Says `listening on ADDRESS` for HTTP and `calls on ADDRESS` for gRPC, then one line of JSON for each request:
`via` (http, grpc), `what` (traces, logs), `status` that it answered with, `fields` that came with it, and the `message`
as OTLP's JSON has it (ids in hexadecimal). Bytes that are no such message, or hold what the message has no place for,
are answered with 400 or INVALID_ARGUMENT, and have a `fault` instead.
"""

import argparse
import base64
import gzip
import json
import ssl
import sys
import threading
import time
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

KINDS = {
    "traces": ("trace.v1.TraceService", traces.ExportTraceServiceRequest, traces.ExportTraceServiceResponse),
    "logs": ("logs.v1.LogsService", logs.ExportLogsServiceRequest, logs.ExportLogsServiceResponse),
}
IDS = ("traceId", "spanId", "parentSpanId")
CODES = {200: None, 400: grpc.StatusCode.INVALID_ARGUMENT, 503: grpc.StatusCode.UNAVAILABLE}


class Collector:
    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.count = 0

    def take(self, via, what, fields, body):
        """Judges one request; says the status, and the response if it went well."""
        _, request, response = KINDS[what]
        time.sleep(self.options.slow)
        seen = {"via": via, "what": what, "fields": fields}
        with self.lock:
            self.count += 1
            seen["status"] = 503 if self.count <= self.options.fail else 200
            try:
                seen["message"] = read(request, body)
            except (DecodeError, ValueError) as fault:
                seen.update(status=400, fault=str(fault))
            print(json.dumps(seen), flush=True)
        answer = response()
        if self.options.reject:
            rejected = {"traces": "rejected_spans", "logs": "rejected_log_records"}[what]
            setattr(answer.partial_success, rejected, self.options.reject)
            answer.partial_success.error_message = "not these"
        return seen["status"], answer.SerializeToString()


def read(kind, body):
    message = kind.FromString(body)
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != size or size != len(body):
        raise ValueError(f"of {len(body)} bytes, {len(body) - message.ByteSize()} have no place in it")
    return with_ids(MessageToDict(message))


def with_ids(value):
    if isinstance(value, list):
        return [with_ids(one) for one in value]
    if isinstance(value, dict):
        return {
            key: base64.b64decode(one).hex() if key in IDS else with_ids(one)
            for key, one in value.items()
        }
    return value


def http_server(collector, options):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            fields = {name.lower(): value for name, value in self.headers.items()}
            what = self.path.removeprefix("/v1/")
            if what not in KINDS or fields.get("content-type") != "application/x-protobuf":
                return self.answer(404, b"")
            return self.answer(*collector.take("http", what, fields, body))

        def answer(self, status, body):
            self.send_response(status)
            if status == 503 and options.retry_after is not None:
                self.send_header("Retry-After", str(options.retry_after))
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def grpc_server(collector, options):
    def handler(what):
        def export(request, context):
            fields = {name: value for name, value in context.invocation_metadata() if isinstance(value, str)}
            status, answer = collector.take("grpc", what, fields, request)
            if CODES[status]:
                context.abort(CODES[status], "not now" if status == 503 else "no such message")
            return answer

        return {"Export": grpc.unary_unary_rpc_method_handler(export)}

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    for what, (service, _, _) in KINDS.items():
        name = f"opentelemetry.proto.collector.{service}"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handler(what)),))
    address = f"127.0.0.1:{options.grpc_port}"
    if options.certificate:
        with open(options.key, "rb") as key, open(options.certificate, "rb") as chain:
            credentials = grpc.ssl_server_credentials([(key.read(), chain.read())])
        port = server.add_secure_port(address, credentials)
    else:
        port = server.add_insecure_port(address)
    server.start()
    return server, port


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="for HTTP, instead of a free one")
    parser.add_argument("--grpc-port", type=int, default=0, help="for gRPC, instead of a free one")
    parser.add_argument("--fail", type=int, default=0, help="so many first requests get 503 or UNAVAILABLE")
    parser.add_argument("--retry-after", type=int, help="seconds that 503 asks for")
    parser.add_argument("--slow", type=float, default=0, help="seconds before each answer")
    parser.add_argument("--reject", type=int, default=0, help="records of each request that it says it did not take")
    parser.add_argument("--certificate", help="speaks TLS with this chain")
    parser.add_argument("--key", help="of the certificate")
    options = parser.parse_args()
    collector = Collector(options)
    # The order in which they are said is the order in which tests wait for them.
    server, grpc_port = grpc_server(collector, options)
    port = http_server(collector, options)
    print(f"listening on 127.0.0.1:{port}", flush=True)
    print(f"calls on 127.0.0.1:{grpc_port}", flush=True)
    server.wait_for_termination()


sys.exit(main())
