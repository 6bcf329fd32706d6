"""Calls of all four kinds through the gateway, with Google's own client."""

import concurrent.futures
import sys
import time

import grpc

LIMITS = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]
CHANNEL = grpc.insecure_channel(sys.argv[1], options=LIMITS)
PATIENCE = 60
Code = grpc.StatusCode


def unary(name, service="test.Test"):
    return CHANNEL.unary_unary(f"/{service}/{name}")


def failure(call):
    """The error that a call ends with."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call went well")


def unary_calls():
    meta = [("x-text", "some text"), ("x-raw-bin", bytes(range(256)))]
    answer, call = unary("Echo").with_call(b"hello", metadata=meta, timeout=PATIENCE)
    assert answer == b"hello"
    head = dict(call.initial_metadata())
    assert head["x-head"] == "some text" and head["x-head-bin"] == b"\x00\xff", head
    tail = dict(call.trailing_metadata())
    assert tail["x_tail"] == "end" and tail["x-tail-bin"] == bytes(range(256)), tail
    assert unary("Echo")(b"", timeout=PATIENCE) == b""


def large_messages():
    large = bytes(range(256)) * (4 << 12)
    assert len(large) == 4 << 20
    for _ in range(3):
        assert unary("Echo")(large, timeout=PATIENCE) == large


def errors():
    for name in ["INVALID_ARGUMENT", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"]:
        error = failure(lambda: unary("Fail")(name.encode(), timeout=PATIENCE))
        assert error.code() == getattr(Code, name), error
        assert error.details().strip() == "50 % of nothing: \u00e4", error.details()
        tail = dict(error.trailing_metadata())
        assert tail["grpc-status-details-bin"] == b"\x08\x05\x12\x00\xfe", tail
    error = failure(lambda: unary("None")(b"", timeout=PATIENCE))
    assert error.code() == Code.UNIMPLEMENTED, error


def failures_of_the_gateway():
    error = failure(lambda: unary("Echo", "nowhere.Test")(b"", timeout=PATIENCE))
    assert error.code() == Code.UNIMPLEMENTED, error
    assert "no_route" in error.details(), error.details()
    assert len(dict(error.trailing_metadata())["x-request-id"]) == 32
    error = failure(lambda: unary("Echo", "dead.Test")(b"", timeout=PATIENCE))
    assert error.code() == Code.UNAVAILABLE, error
    assert "upstream_unreachable" in error.details(), error.details()
    error = failure(lambda: unary("Echo", "small.Test")(b"x" * 5000, timeout=PATIENCE))
    assert error.code() == Code.RESOURCE_EXHAUSTED, error
    assert "body_too_large" in error.details(), error.details()


def streams():
    pieces = [b"x" * 1000] * 200
    count = CHANNEL.stream_unary("/test.Test/Count")
    assert count(iter(pieces), timeout=PATIENCE) == b"200000"
    assert count(iter([]), timeout=PATIENCE) == b"0"
    answers = list(CHANNEL.unary_stream("/test.Test/List")(b"300", timeout=PATIENCE))
    assert answers == [f"message {number}".encode() for number in range(300)]
    assert list(CHANNEL.unary_stream("/test.Test/List")(b"0", timeout=PATIENCE)) == []

    # Each message is answered before the next is sent.
    said = []

    def talk():
        for number in range(50):
            while len(said) < number:
                time.sleep(0.001)
            yield f"word {number}".encode()

    for answer in CHANNEL.stream_stream("/test.Test/Chat")(talk(), timeout=PATIENCE):
        said.append(answer)
    assert said == [f"you said word {number}".encode() for number in range(50)]


def seen(name):
    return float(unary("Seen")(name.encode(), timeout=PATIENCE))


def until(holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def deadlines():
    # What is left is passed on.
    remaining = float(unary("Left")(b"", timeout=40))
    assert 10 < remaining <= 41, remaining
    remaining = float(unary("Left", "bounded.Test")(b"", timeout=40))
    assert 0 < remaining <= 4, remaining
    # The client's deadline, sent as a field only, so that the gateway is the one that keeps it.
    meta = [("grpc-timeout", "300m")]
    began = time.monotonic()
    error = failure(lambda: unary("Slow")(b"theirs", metadata=meta))
    assert error.code() == Code.DEADLINE_EXCEEDED, error
    assert time.monotonic() - began < 20
    until(lambda: seen("theirs") >= 0)
    # The route's own.
    error = failure(lambda: unary("Slow", "bounded.Test")(b"ours", timeout=PATIENCE))
    assert error.code() == Code.DEADLINE_EXCEEDED, error
    until(lambda: seen("ours") >= 0)
    # Inside an answer.
    for name in ["Drip", "Quiet"]:
        call = CHANNEL.unary_stream(f"/bounded.Test/{name}")(b"", timeout=PATIENCE)
        answers = []
        error = failure(lambda: answers.extend(iter(call.next, None)))
        assert error.code() == Code.DEADLINE_EXCEEDED, (name, error)
    # The client's, with nobody else to keep it.
    error = failure(lambda: unary("Slow")(b"client", timeout=0.3))
    assert error.code() == Code.DEADLINE_EXCEEDED, error
    until(lambda: seen("client") >= 0)


def cancelled_calls():
    call = unary("Slow").future(b"cancel")
    until(lambda: seen("cancel") == -1)
    call.cancel()
    until(lambda: seen("cancel") >= 0)
    stream = CHANNEL.unary_stream("/test.Test/Drip")(b"")
    assert next(stream) == b"first"
    stream.cancel()
    assert failure(lambda: next(stream)).code() == Code.CANCELLED


def many_at_once():
    def one(number):
        body = f"call {number} ".encode() * 50
        return unary("Echo")(body, timeout=PATIENCE) == body

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        assert all(pool.map(one, range(1000)))
    calls = [unary("Echo").future(b"%d" % number, timeout=PATIENCE) for number in range(400)]
    assert [call.result() for call in calls] == [b"%d" % number for number in range(400)]


for case in [
    unary_calls,
    large_messages,
    errors,
    failures_of_the_gateway,
    streams,
    deadlines,
    cancelled_calls,
    many_at_once,
]:
    case()
    print("ok", case.__name__, flush=True)
