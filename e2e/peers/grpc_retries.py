"""Calls that fail and are sent again by the gateway, counted at two services."""

import json
import sys
import threading
import time

import grpc

LIMITS = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]
GATEWAY, *SERVICES = [grpc.insecure_channel(at, options=LIMITS) for at in sys.argv[1:]]
PATIENCE = 60
FOR_EVER = 1 << 30
Code = grpc.StatusCode


def moods(*moods):
    """How each service fares from now on."""
    for channel, mood in zip(SERVICES, moods, strict=True):
        channel.unary_unary("/test.Test/Mood")(json.dumps(mood).encode(), timeout=PATIENCE)


def both(mood):
    moods(mood, mood)


def tries():
    """How often each service was asked since."""
    ask = [channel.unary_unary("/test.Test/Tries") for channel in SERVICES]
    return [int(one(b"", timeout=PATIENCE)) for one in ask]


def unary(service, request=b"hello", timeout=PATIENCE, **more):
    return GATEWAY.unary_unary(f"/{service}.Test/Try")(request, timeout=timeout, **more)


def code(call):
    """How a call ends that must fail."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    raise AssertionError("the call went well")


def one_of_two_is_unavailable():
    moods({"code": "UNAVAILABLE", "times": FOR_EVER}, {})
    for number in range(30):
        request = b"call %d" % number
        assert unary("again", request) == request
    failed, well = tries()
    assert well == 30 and 5 <= failed <= 30, (failed, well)
    print("failed", failed)


def only_what_is_listed():
    both({"code": "UNAVAILABLE", "times": FOR_EVER})
    assert code(lambda: unary("once")) == Code.UNAVAILABLE
    assert sum(tries()) == 1
    both({"code": "INTERNAL", "times": FOR_EVER})
    assert code(lambda: unary("again")) == Code.INTERNAL
    assert sum(tries()) == 1


def the_last_answer_is_passed_on():
    both({"code": "UNAVAILABLE", "times": FOR_EVER})
    assert code(lambda: unary("again")) == Code.UNAVAILABLE
    assert sum(tries()) == 3, tries()


def the_budget_bounds_them():
    both({"code": "UNAVAILABLE", "times": FOR_EVER})
    began = time.monotonic()
    ends = [GATEWAY.unary_unary("/tight.Test/Try").future(b"", timeout=PATIENCE) for _ in range(300)]
    for end in ends:
        assert end.exception(timeout=PATIENCE).code() == Code.UNAVAILABLE
    # A fifth of the calls, or three in a second; and each of a few workers tells late of some.
    most = 300 * 1.2 + 3 * (time.monotonic() - began + 1)
    assert 300 < sum(tries()) <= most, (tries(), most)


def what_was_begun_is_passed_on():
    # A message came, then the end.
    both({"half": True})
    call = GATEWAY.unary_stream("/again.Test/TryList")(b"piece", timeout=PATIENCE)
    assert next(call) == b"piece"
    assert code(lambda: next(call)) == Code.UNAVAILABLE
    assert sum(tries()) == 1
    # No message, but a head of its own.
    both({"code": "UNAVAILABLE", "times": 1, "head": True})
    assert code(lambda: unary("again")) == Code.UNAVAILABLE
    assert sum(tries()) == 1


def streams_that_were_not_begun_are_sent_again():
    both({"code": "UNAVAILABLE", "times": 1})
    call = GATEWAY.unary_stream("/again.Test/TryList")(b"piece", timeout=PATIENCE)
    assert list(call) == [b"piece", b"piece"]
    assert sum(tries()) == 3
    both({"code": "UNAVAILABLE", "times": 1})
    count = GATEWAY.stream_unary("/again.Test/TryCount")
    assert count(iter([b"x" * 1000] * 20), timeout=PATIENCE) == b"20000"
    assert sum(tries()) == 3
    # What the client sends later goes to the last one too.
    both({"code": "UNAVAILABLE", "times": 1})
    go_on = threading.Event()

    def messages():
        yield b"first"
        go_on.wait(PATIENCE)
        yield b"second"

    answer = count.future(messages(), timeout=PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while sum(tries()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    go_on.set()
    assert answer.result(timeout=PATIENCE) == b"11"


def messages_that_are_too_long_to_keep():
    both({"code": "UNAVAILABLE", "times": 1})
    assert code(lambda: unary("again", b"x" * (200 << 10))) == Code.UNAVAILABLE
    assert sum(tries()) == 1
    assert unary("large", b"x" * (200 << 10)) == b"x" * (200 << 10)


def pushback():
    both({"code": "UNAVAILABLE", "times": 1, "pushback": "300"})
    began = time.monotonic()
    assert unary("again") == b"hello"
    assert time.monotonic() - began >= 0.6, "two services, each asks for so much"
    for never in ["-1", "soon", "60000"]:
        both({"code": "UNAVAILABLE", "times": 1, "pushback": never})
        began = time.monotonic()
        assert code(lambda: unary("again")) == Code.UNAVAILABLE
        assert sum(tries()) == 1, never
        assert time.monotonic() - began < 30


def the_deadline_bounds_them():
    # Waiting for so long would be in vain: the client learns how it is at once. Its deadline is sent
    # as a field only, so that the gateway is the one that keeps it.
    both({"code": "UNAVAILABLE", "times": 1, "pushback": "900"})

    def within(timeout):
        return unary("again", timeout=None, metadata=[("grpc-timeout", timeout)])

    assert code(lambda: within("500m")) == Code.UNAVAILABLE
    assert sum(tries()) == 1
    assert within("50S") == b"hello"


for case in [
    one_of_two_is_unavailable,
    only_what_is_listed,
    the_last_answer_is_passed_on,
    the_budget_bounds_them,
    what_was_begun_is_passed_on,
    streams_that_were_not_begun_are_sent_again,
    messages_that_are_too_long_to_keep,
    pushback,
    the_deadline_bounds_them,
]:
    case()
    print("ok", case.__name__, flush=True)
