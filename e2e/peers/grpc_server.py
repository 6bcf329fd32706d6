"""A gRPC service of all four kinds with Google's own server. Messages are plain bytes."""

import json
import threading
import time
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

LIMITS = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]

# What calls saw that their clients cannot see.
SEEN = {}

# How calls of `Try` and its kin fare, and how many there were.
MOOD = {}
TRIES = []


def echo(request, context):
    meta = dict(context.invocation_metadata())
    context.send_initial_metadata([("x-head", meta.get("x-text", "")), ("x-head-bin", b"\x00\xff")])
    context.set_trailing_metadata([("x_tail", "end"), ("x-tail-bin", meta.get("x-raw-bin", b""))])
    return request


def fail(request, context):
    context.set_trailing_metadata([("grpc-status-details-bin", b"\x08\x05\x12\x00\xfe")])
    context.abort(getattr(grpc.StatusCode, request.decode()), "50 % of nothing: \u00e4 ")


def left(_request, context):
    remaining = context.time_remaining()
    return f"{-1 if remaining is None else remaining:.3f}".encode()


def slow(request, context):
    name = request.decode()
    gone = threading.Event()
    context.add_callback(gone.set)
    began = time.monotonic()
    SEEN[name] = -1
    if gone.wait(30):
        SEEN[name] = time.monotonic() - began
    return b"too late"


def seen(request, _context):
    """How long a call of `slow` ran until it was cancelled; -1 while it runs."""
    return f"{SEEN.get(request.decode(), -2):.3f}".encode()


def count(requests, _context):
    total = 0
    for request in requests:
        total += len(request)
    return str(total).encode()


def list_all(request, _context):
    for number in range(int(request)):
        yield f"message {number}".encode()


def drip(request, context):
    """One message each second tenth, for ever."""
    yield b"first"
    while context.is_active():
        time.sleep(0.2)
        yield b"more"


def quiet(request, context):
    """One message, and nothing more."""
    yield b"first"
    gone = threading.Event()
    context.add_callback(gone.set)
    gone.wait(30)


def chat(requests, _context):
    for request in requests:
        yield b"you said " + request


def mood(request, _context):
    """Sets how tries fare from now on, and forgets those before."""
    MOOD.clear()
    MOOD.update(json.loads(request))
    TRIES.clear()
    return b""


def tries(_request, _context):
    return str(len(TRIES)).encode()


def fare(context):
    """Fails as often as the mood says, before anything is sent."""
    TRIES.append(time.monotonic())
    time.sleep(MOOD.get("sleep", 0))
    if len(TRIES) <= MOOD.get("times", 0):
        if "pushback" in MOOD:
            context.set_trailing_metadata([("grpc-retry-pushback-ms", MOOD["pushback"])])
        if MOOD.get("head"):
            context.send_initial_metadata([("x-head", "sent")])
        context.abort(getattr(grpc.StatusCode, MOOD["code"]), "in a mood")


def try_one(request, context):
    fare(context)
    return request


def try_count(requests, context):
    """Fails at the first message; the others are still to come, maybe."""
    first = next(requests)
    fare(context)
    return str(len(first) + sum(len(request) for request in requests)).encode()


def try_list(request, context):
    fare(context)
    yield request
    if MOOD.get("half"):
        context.abort(grpc.StatusCode.UNAVAILABLE, "half of it")
    yield request


HANDLERS = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Left": grpc.unary_unary_rpc_method_handler(left),
    "Slow": grpc.unary_unary_rpc_method_handler(slow),
    "Seen": grpc.unary_unary_rpc_method_handler(seen),
    "Count": grpc.stream_unary_rpc_method_handler(count),
    "List": grpc.unary_stream_rpc_method_handler(list_all),
    "Drip": grpc.unary_stream_rpc_method_handler(drip),
    "Quiet": grpc.unary_stream_rpc_method_handler(quiet),
    "Mood": grpc.unary_unary_rpc_method_handler(mood),
    "Tries": grpc.unary_unary_rpc_method_handler(tries),
    "Try": grpc.unary_unary_rpc_method_handler(try_one),
    "TryCount": grpc.stream_unary_rpc_method_handler(try_count),
    "TryList": grpc.unary_stream_rpc_method_handler(try_list),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
}


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), options=LIMITS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", HANDLERS),))
    servicer = health.HealthServicer()
    servicer.set("test.Test", health_pb2.HealthCheckResponse.SERVING)
    servicer.set("down", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


main()
