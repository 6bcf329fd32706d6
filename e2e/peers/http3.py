"""An HTTP/3 client (aioquic) through the gateway: `http3.py PORT CA CHECK...`; a line per check.

The service behind the gateway is that of `e2e/tests/http3.rs`.
"""

import asyncio
import hashlib
import signal
import sys
import traceback

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset

PORT, CA = int(sys.argv[1]), sys.argv[2]
NAME = "a.test"
LARGE = bytes(range(256)) * 40960  # 10 MiB
LONG = 90
H3_EXCESSIVE_LOAD, H3_MESSAGE_ERROR, H3_REQUEST_CANCELLED = 0x107, 0x10E, 0x10C


class Answer:
    def __init__(self):
        self.heads, self.body, self.done = [], bytearray(), asyncio.Event()
        self.reset = None

    @property
    def status(self):
        """Of the last head that is an answer's."""
        heads = [dict(head)[b":status"] for head in self.heads if head[0][0] == b":status"]
        return int(heads[-1])

    @property
    def statuses(self):
        return [int(dict(head)[b":status"]) for head in self.heads if head[0][0] == b":status"]

    @property
    def fields(self):
        return dict([head for head in self.heads if head[0][0] == b":status"][-1])

    @property
    def trailers(self):
        return [head for head in self.heads if head[0][0] != b":status"]


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http, self.answers = H3Connection(self._quic), {}
        self.closed, self.goaway = asyncio.Event(), False
        self.code, self.heads_only = None, set()
        check = self.http._check_content_length
        # aioquic expects the body that the answer to a HEAD speaks of.
        self.http._check_content_length = lambda stream: (
            None if stream.stream_id in self.heads_only else check(stream)
        )

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            self.code = event.error_code
            self.closed.set()
            for answer in self.answers.values():
                answer.done.set()
        if isinstance(event, StreamReset) and event.stream_id in self.answers:
            self.answers[event.stream_id].reset = event.error_code
            self.answers[event.stream_id].done.set()
        for event in self.http.handle_event(event):
            answer = self.answers.get(event.stream_id)
            if answer is None:
                continue
            if isinstance(event, HeadersReceived):
                answer.heads.append(event.headers)
            if isinstance(event, DataReceived):
                answer.body += event.data
            if event.stream_ended:
                answer.done.set()

    def begin(self, path, method="GET", fields=(), end=True, pseudo=None):
        stream = self._quic.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.heads_only |= {stream} if method == "HEAD" else set()
        pseudo = pseudo or [
            (b":method", method.encode()),
            (b":scheme", b"https"),
            (b":authority", NAME.encode()),
            (b":path", path.encode()),
        ]
        fields = [(name.encode(), value.encode()) for name, value in fields]
        self.http.send_headers(stream, pseudo + fields, end_stream=end)
        self.transmit()
        return stream

    def data(self, stream, data, end=True):
        self.http.send_data(stream, data, end_stream=end)
        self.transmit()

    def raw(self, stream, data, end=False):
        self._quic.send_stream_data(stream, data, end_stream=end)
        self.transmit()

    async def answer(self, stream, within=LONG):
        await asyncio.wait_for(self.answers[stream].done.wait(), within)
        return self.answers[stream]

    async def ask(self, path, method="GET", fields=(), body=None):
        stream = self.begin(path, method, fields, end=body is None)
        if body is not None:
            self.data(stream, body)
        return await self.answer(stream)

    async def end(self):
        await asyncio.wait_for(self.closed.wait(), LONG)
        return self.code


def client(name=NAME, **settings):
    configuration = QuicConfiguration(
        is_client=True,
        alpn_protocols=H3_ALPN,
        server_name=name,
        max_data=64 << 20,
        max_stream_data=16 << 20,
        **settings,
    )
    configuration.load_verify_locations(CA)
    return connect("127.0.0.1", PORT, configuration=configuration, create_protocol=Client)


async def get_head_and_post():
    async with client() as one:
        got = await one.ask("/hello")
        assert (got.status, bytes(got.body)) == (200, b"hello"), (got.heads, got.body)
        assert got.fields[b"content-length"] == b"5" and b"date" in got.fields, got.heads
        assert b"connection" not in got.fields and b"alt-svc" not in got.fields, got.heads
        head = await one.ask("/hello", "HEAD")
        assert (head.status, bytes(head.body)) == (200, b""), head.heads
        assert head.fields[b"content-length"] == b"5", head.heads
        small = await one.ask("/length", "PUT", [("content-length", "3")], b"abc")
        assert (small.status, bytes(small.body)) == (200, b"3"), small.heads


async def large_bodies_both_ways():
    async with client() as one:
        told = [("content-length", str(len(LARGE)))]
        for fields in [told, []]:
            got = await one.ask("/length", "PUT", fields, LARGE)
            assert bytes(got.body) == str(len(LARGE)).encode(), (got.heads, got.reset, one.code)
        got = await one.ask("/large")
        assert hashlib.sha256(got.body).digest() == hashlib.sha256(LARGE).digest()


async def streams_side_by_side():
    async with client() as one:
        slow = one.begin("/slow")
        streams = [one.begin("/hello") for _ in range(60)]
        for stream in streams:
            assert (await one.answer(stream)).status == 200
        assert not one.answers[slow].done.is_set(), "the slow one holds nobody up"
        assert (await one.answer(slow)).status == 200


async def trailers_both_ways():
    async with client() as one:
        stream = one.begin("/trailers", "POST", [("te", "trailers")], end=False)
        one.data(stream, b"abc", end=False)
        one.http.send_headers(stream, [(b"x-sum", b"7")], end_stream=True)
        one.transmit()
        got = await one.answer(stream)
        assert got.status == 200 and bytes(got.body) == b"body", (got.heads, got.body)
        assert got.trailers == [[(b"x-end", b"yes")]], got.heads


async def interim_answers():
    async with client() as one:
        stream = one.begin("/length", "PUT", [("expect", "100-continue")], end=False)
        while not one.answers[stream].heads:
            await asyncio.sleep(0.01)
        assert one.answers[stream].statuses == [100]
        one.data(stream, b"abcd")
        got = await one.answer(stream)
        assert got.statuses == [100, 200] and bytes(got.body) == b"4", got.heads
        early = await one.ask("/early")
        assert early.statuses == [103, 200], early.heads


async def an_early_answer_ends_the_upload():
    async with client() as one:
        stream = one.begin("/no-route-to-this", "POST", end=False)
        one.data(stream, b"x" * 1000, end=False)
        assert (await one.answer(stream)).status == 404
        stream = one.begin("/length", "PUT", [("content-length", str(20 << 20))], end=False)
        assert (await one.answer(stream)).status == 413
        assert (await one.ask("/hello")).status == 200


async def what_is_malformed_ends_its_stream_only():
    path = (b":path", b"/hello")
    method, scheme, host = (b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a.test")
    async with client() as one:
        one.http._validate = False
        for pseudo, expect in [
            ([method, scheme, host, path, (b"connection", b"close")], 400),
            ([method, scheme, host, path, (b"transfer-encoding", b"chunked")], 400),
            ([method, scheme, host, path, (b"te", b"gzip")], 400),
            ([method, scheme, host, path, (b"content-length", b"5")], 400),
            ([method, scheme, host, path, (b"host", b"b.test")], None),
            ([method, scheme, host], None),
            ([method, scheme, path], None),
            ([scheme, host, path], None),
            ([method, scheme, host, path, (b"X-Big", b"1")], None),
            ([method, scheme, host, path, (b"x", b"a\r\nb: c")], None),
            ([(b":method", b"CONNECT"), host], None),
            ([(b":method", b"TRACE"), scheme, host, path], 405),
            ([method, scheme, host, (b":path", b"/%2f")], 400),
        ]:
            stream = one.begin("", pseudo=pseudo, end=True)
            got = await one.answer(stream)
            if expect is None:
                refused = got.reset == H3_MESSAGE_ERROR or (got.heads and got.status >= 400)
                assert refused, (pseudo, got.reset, got.heads)
            else:
                assert got.heads and got.status == expect, (pseudo, got.reset, got.heads)
        assert (await one.ask("/hello")).status == 200


async def lengths_must_be_true():
    async with client() as one:
        for length, body in [("5", b"abc"), ("3", b"abcdef")]:
            got = await one.ask("/length", "PUT", [("content-length", length)], body)
            assert got.reset is not None or got.status == 400, (length, got.heads)
        # An empty piece is not the end.
        stream = one.begin("/length", "PUT", end=False)
        one.raw(stream, b"\x00\x03abc\x00\x00\x00\x00\x00\x03def\x00\x00", end=True)
        got = await one.answer(stream)
        assert (got.status, bytes(got.body)) == (200, b"6"), (got.heads, one.code)
        # A frame that its stream cuts short is no body.
        for length in [[], [("content-length", "10")]]:
            stream = one.begin("/length", "PUT", length, end=False)
            one.raw(stream, b"\x00\x0aabc")
            await asyncio.sleep(0.05)
            one.raw(stream, b"", end=True)
            got = await one.answer(stream)
            assert got.reset is not None or got.status >= 400, (length, got.heads)
        assert (await one.ask("/hello")).status == 200


async def heads_are_bounded():
    async with client() as one:
        got = await one.ask("/hello", fields=[(f"x-{n}", "y" * 1000) for n in range(40)])
        assert got.reset is not None or got.status == 431, got.heads
        got = await one.ask("/hello", fields=[(f"x-{n}", "y") for n in range(150)])
        assert got.reset is not None or got.status == 431, got.heads
        got = await one.ask("/" + "x" * 9000)
        assert got.status == 414, got.heads
        # The library would hold it until all of it is here.
        stream = one._quic.get_next_available_stream_id()
        one.answers[stream] = Answer()
        one.raw(stream, b"\x01" + encode_uint_var(1 << 40) + b"x" * 5000)
        got = await one.answer(stream)
        assert got.reset == H3_EXCESSIVE_LOAD, got.reset
        assert (await one.ask("/hello")).status == 200


async def cancelled_requests_end_at_the_service():
    async with client() as one:
        stream = one.begin("/hang")
        await asyncio.sleep(0.3)
        one._quic.stop_stream(stream, H3_REQUEST_CANCELLED)
        one.transmit()
        stream = one.begin("/hang", "POST", end=False)
        await asyncio.sleep(0.3)
        one._quic.reset_stream(stream, H3_REQUEST_CANCELLED)
        one.transmit()
        assert (await one.ask("/hello")).status == 200


async def resets_are_a_flood_at_last():
    async with client() as one:
        for _ in range(400):
            if one.closed.is_set():
                break
            stream = one.begin("/hang")
            one._quic.stop_stream(stream, H3_REQUEST_CANCELLED)
            one.transmit()
            await asyncio.sleep(0.002)
        assert await one.end() == H3_EXCESSIVE_LOAD, one.code


async def empty_frames_are_a_flood_at_last():
    async with client() as one:
        stream = one.begin("/length", "PUT", end=False)
        for _ in range(400):
            if one.closed.is_set():
                break
            one.raw(stream, b"\x00\x00" * 10)
            await asyncio.sleep(0.002)
        assert await one.end() == H3_EXCESSIVE_LOAD, one.code


async def control_frames_are_a_flood_at_last():
    async with client() as one:
        control = one.http._local_control_stream_id
        for _ in range(400):
            if one.closed.is_set():
                break
            one.raw(control, b"\x21\x01x" * 10)
            await asyncio.sleep(0.002)
        assert await one.end() == H3_EXCESSIVE_LOAD, one.code


async def sessions_are_resumed():
    tickets = []
    for ticket in [None, 0]:
        configuration = QuicConfiguration(
            is_client=True, alpn_protocols=H3_ALPN, server_name=NAME,
            session_ticket=tickets[0] if ticket == 0 else None,
        )
        configuration.load_verify_locations(CA)
        async with connect(
            "127.0.0.1", PORT, configuration=configuration, create_protocol=Client,
            session_ticket_handler=tickets.append,
        ) as one:
            assert (await one.ask("/hello")).status == 200
            resumed = one._quic.tls.session_resumed
            assert resumed == (ticket == 0), (ticket, resumed)
            assert not one._quic.tls.early_data_accepted
            while not tickets:
                await asyncio.sleep(0.01)


async def the_certificate_is_the_one_for_the_name():
    for name in ["a.test", "b.test"]:
        async with client(name) as one:
            text = str(one._quic.tls._peer_certificate.extensions)
            assert f"value='{name}'" in text, text


async def idle_connections_are_closed():
    async with client() as one:
        assert (await one.ask("/hello")).status == 200
        assert await one.end() == 0x100, one.code


async def a_client_that_stops_reading_is_cut():
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, server_name=NAME, max_data=1 << 20,
        max_stream_data=1 << 16,
    )
    configuration.load_verify_locations(CA)
    async with connect(
        "127.0.0.1", PORT, configuration=configuration, create_protocol=Client
    ) as one:
        # Windows are opened no further.
        one._quic._write_connection_limits = lambda *a, **k: None
        one._quic._write_stream_limits = lambda *a, **k: None
        got = await one.answer(one.begin("/large"))
        assert got.reset is not None and len(got.body) < len(LARGE), (got.reset, len(got.body))


async def until_told():
    """Asks on and on, also on new connections; a line with what came of it at SIGTERM."""
    done, failed, connections = 0, [], 0
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    print("asking", flush=True)
    while not told.is_set():
        try:
            async with client() as one:
                connections += 1
                for _ in range(30):
                    streams = [one.begin("/hello") for _ in range(4)]
                    for stream in streams:
                        got = await one.answer(stream)
                        if got.reset is not None or not got.heads or got.status != 200:
                            failed.append((got.reset, one.code, got.heads))
                        done += 1
        except Exception as error:
            failed.append(repr(error))
    print(f"done {done} connections {connections} failed {len(failed)} {failed[:3]}", flush=True)


async def a_drain_lets_requests_end():
    async with client() as one:
        assert (await one.ask("/hello")).status == 200
        slow = one.begin("/slow")
        await asyncio.sleep(0.2)
        print("under way", flush=True)
        got = await one.answer(slow)
        assert (got.status, bytes(got.body)) == (200, b"slow"), (got.reset, one.code, got.heads)
        assert await one.end() == 0x100, one.code


async def a_hand_over_lets_an_upload_end():
    async with client() as one:
        stream = one.begin("/length", "PUT", end=False)
        one.data(stream, b"x" * 1000, end=False)
        await asyncio.sleep(0.2)
        print("under way", flush=True)
        for _ in range(60):
            one.data(stream, b"x" * 1000, end=False)
            await asyncio.sleep(0.1)
        one.data(stream, b"x" * 1000)
        got = await one.answer(stream)
        assert got.heads and bytes(got.body) == b"62000", (got.heads, got.reset, one.code)
        assert await one.end() == 0x100, one.code


async def nobody_is_there():
    try:
        async with client(idle_timeout=3) as one:
            await one.ask("/hello")
    except (ConnectionError, asyncio.TimeoutError):
        return
    raise AssertionError("somebody answered")


async def main():
    failed = False
    for name in sys.argv[3:]:
        try:
            await asyncio.wait_for(globals()[name](), 150)
            print(f"ok {name}", flush=True)
        except BaseException:
            failed = True
            print(f"FAILED {name}", flush=True)
            traceback.print_exc()
    sys.exit(1 if failed else 0)


asyncio.run(main())
