"""A service that is traced by OpenTelemetry's own SDK. Says `listening on ADDRESS`.

`/leaf` answers; `/on?URL` asks that URL first, as part of the same trace. Spans go to the collector whose address
is the argument, over HTTP.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import requests
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": "traced"}))
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"http://{sys.argv[1]}/v1/traces")))
tracer = provider.get_tracer("traced")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        parent = propagate.extract({name.lower(): value for name, value in self.headers.items()})
        with tracer.start_as_current_span(f"serve {url.path}", context=parent, kind=trace.SpanKind.SERVER):
            if url.path == "/on":
                with tracer.start_as_current_span("ask", kind=trace.SpanKind.CLIENT):
                    fields = {}
                    propagate.inject(fields)
                    requests.get(unquote(url.query), headers=fields, timeout=20).raise_for_status()
            body = b"ok"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"listening on 127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
