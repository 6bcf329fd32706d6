"""A server of Envoy's external authorization over gRPC, with the published messages.

What it answers follows from the path; what it was asked it prints as one line of JSON.
"""

import json
import sys
import time
from concurrent import futures
from pathlib import Path

import grpc

sys.path.append(str(Path(sys.prefix).parent / "beside"))  # The published messages.

from envoy.service.auth.v3 import external_auth_pb2 as auth
from envoy.service.auth.v3 import external_auth_pb2_grpc
from google.protobuf.json_format import MessageToDict


def field(option, name, value, append=None):
    option.header.key, option.header.value = name, value
    if append is not None:
        option.append.value = append


def passes(response, _context):
    ok = response.ok_response
    field(ok.headers.add(), "x-auth-user", "ada")
    field(ok.headers.add(), "x-auth-role", "reader", append=True)
    field(ok.headers.add(), "x-auth-role", "writer", append=True)
    field(ok.headers.add(), "x-unlisted", "1")
    ok.headers_to_remove.extend(["x-secret", "host"])
    field(ok.response_headers_to_add.add(), "set-cookie", "session=2")
    ok.query_parameters_to_set.add(key="page", value="2 &3")
    ok.query_parameters_to_remove.append("token")
    response.dynamic_metadata.update({"role": "admin", "level": 3, "deep": {"a": [True, None]}})


def denied(response, _context):
    response.status.code = 16
    refusal = response.denied_response
    refusal.status.code = 401
    refusal.body = "log in"
    field(refusal.headers.add(), "www-authenticate", "Bearer realm=\"id\"")
    field(refusal.headers.add(), "x-internal", "secret")


def redirect(response, _context):
    response.status.code = 16
    refusal = response.denied_response
    refusal.status.code = 302
    field(refusal.headers.add(), "location", "https://id.example/")


def bare(response, _context):
    response.status.code = 7


def broken_value(response, _context):
    field(response.ok_response.headers.add(), "x-auth-user", "a\r\nX-Admin: 1")


def giant(response, _context):
    response.dynamic_metadata.update({"much": "x" * (1 << 20)})


def slow(_response, _context):
    time.sleep(20)


def fails(_response, context):
    context.abort(grpc.StatusCode.UNAVAILABLE, "not now")


def passes_as_it_is(_response, _context):
    """Says yes, and nothing else."""


CASES = {
    "/test.Test/Echo": passes_as_it_is,
    "/denied": denied,
    "/redirect": redirect,
    "/bare": bare,
    "/broken": broken_value,
    "/giant": giant,
    "/slow": slow,
    "/fails": fails,
    "/test.Test/Denied": denied,
}


class Authorization(external_auth_pb2_grpc.AuthorizationServicer):
    def Check(self, request, context):
        print("asked " + json.dumps(MessageToDict(request)), flush=True)
        path = request.attributes.request.http.path.split("?")[0]
        response = auth.CheckResponse()
        response.status.code = 0
        CASES.get(path, passes)(response, context)
        return response


server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
external_auth_pb2_grpc.add_AuthorizationServicer_to_server(Authorization(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"listening on 127.0.0.1:{port}", flush=True)
server.wait_for_termination()
