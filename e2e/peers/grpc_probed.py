"""gRPC's health protocol with Google's own server and servicer, which is told what to say.

Arguments: a certificate and its key, if TLS is spoken. Who connects to the control address writes one
line for each change, `SERVICE STATUS`, and reads `ok`; `-` is the server as a whole.
"""

import socketserver
import sys
import threading
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def serve(servicer):
    class Control(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                service, status = line.decode().split()
                status = getattr(health_pb2.HealthCheckResponse, status)
                servicer.set("" if service == "-" else service, status)
                self.wfile.write(b"ok\n")

    control = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Control)
    control.daemon_threads = True
    threading.Thread(target=control.serve_forever, daemon=True).start()
    return control.server_address[1]


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    servicer = health.HealthServicer()
    servicer.set("test.Test", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if len(sys.argv) > 2:
        certificate, key = (open(name, "rb").read() for name in sys.argv[1:3])
        credentials = grpc.ssl_server_credentials([(key, certificate)])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"control on 127.0.0.1:{serve(servicer)}", flush=True)
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


main()
