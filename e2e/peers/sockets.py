"""WebSockets through the gateway: `websockets` over HTTP/1.1, hyper-h2 with wsproto over HTTP/2.

Prints one line for each check. Argument: the gateway's address.
"""

import asyncio
import os
import socket
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

HOST, _, PORT = sys.argv[1].rpartition(":")
PATIENCE = 30
SIZES = [0, 1, 125, 126, 65535, 65536, 5 << 20]
CODES = [1000, 1001, 1008, 1011, 3000, 4999]


def by_http1(path, **more):
    return connect(f"ws://{HOST}:{PORT}{path}", max_size=64 << 20, **more)


async def sizes_http1():
    for compression in ["deflate", None]:
        async with by_http1("/sizes", compression=compression) as one:
            for size in SIZES:
                message = os.urandom(size)
                await one.send(message)
                assert await one.recv() == message, size
                await one.send("x" * size)
                assert await one.recv() == "x" * size, size


async def fragments_http1():
    async with by_http1("/fragments") as one:
        pieces = [piece async for piece in one.recv_streaming()]
        assert len(pieces) > 1 and "".join(pieces) == "fragmented", pieces
        await one.send(["玉", "門", "x" * 100_000])
        assert await one.recv() == "玉門" + "x" * 100_000


async def pings_http1():
    async with by_http1("/pings/100") as one:
        assert await one.recv() == "all were answered"
        for _ in range(100):
            await asyncio.wait_for(await one.ping(os.urandom(125)), PATIENCE)


async def closes_http1():
    for code in CODES:
        async with by_http1(f"/close/{code}") as one:
            try:
                await one.recv()
                raise AssertionError("it is not closed")
            except ConnectionClosed as closed:
                assert (closed.rcvd.code, closed.rcvd.reason) == (code, "as you like"), closed
        async with by_http1("/closed") as one:
            await one.close(code, "we have had enough")
            assert one.close_code == code, one.close_code


async def subprotocol_http1():
    async with by_http1("/chat", subprotocols=["chat", "other"]) as one:
        assert one.subprotocol == "chat", one.subprotocol


class Stream:
    """A WebSocket on a stream of HTTP/2."""

    def __init__(self, path):
        self.socket = socket.create_connection((HOST, int(PORT)), PATIENCE)
        self.http2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.http2.initiate_connection()
        self.frames = Connection(ConnectionType.CLIENT)
        self.status, self.fields, self.windows, self.ended = None, {}, 0, False
        self.flush()
        while self.http2.remote_settings.enable_connect_protocol != 1:
            self.pump()
        self.stream = self.http2.get_next_available_stream_id()
        fields = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "http"),
            (":path", path),
            (":authority", f"{HOST}:{PORT}"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "chat"),
        ]
        self.http2.send_headers(self.stream, fields)
        self.flush()
        while self.status is None:
            self.pump()
        assert self.status == "200", (self.status, self.fields)

    def flush(self):
        self.socket.sendall(self.http2.data_to_send())

    def pump(self):
        """Takes what comes."""
        data = self.socket.recv(65536)
        assert data, "the connection is gone"
        for event in self.http2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.fields = dict(event.headers)
                self.status = self.fields.pop(":status")
            elif isinstance(event, h2.events.DataReceived):
                if event.data:
                    self.frames.receive_data(event.data)
                self.http2.acknowledge_received_data(event.flow_controlled_length, self.stream)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended = True
            elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                raise AssertionError(event)
        self.flush()

    def send(self, event):
        self.write(self.frames.send(event))

    def write(self, data):
        while data:
            room = self.http2.local_flow_control_window(self.stream)
            piece = data[: min(room, self.http2.max_outbound_frame_size)]
            if not piece:
                self.pump()
                continue
            self.http2.send_data(self.stream, piece)
            self.flush()
            data = data[len(piece) :]

    def events(self):
        while True:
            yield from self.frames.events()
            if self.ended:
                return
            self.pump()

    def message(self):
        whole = None
        for event in self.events():
            if isinstance(event, Ping):
                self.send(event.response())
            elif isinstance(event, (TextMessage, BytesMessage)):
                whole = event.data if whole is None else whole + event.data
                if event.message_finished:
                    return whole
            else:
                return event
        raise AssertionError("no message")

    def finish(self):
        """Says goodbye and waits for the answer and the end."""
        self.send(CloseConnection(code=1000))
        assert self.message().code == 1000
        self.http2.end_stream(self.stream)
        self.flush()
        while not self.ended:
            self.pump()
        self.socket.close()


async def sizes_http2():
    one = Stream("/sizes")
    assert "sec-websocket-accept" not in one.fields, one.fields
    assert one.fields["sec-websocket-protocol"] == "chat", one.fields
    for size in SIZES:
        message = os.urandom(size)
        one.send(BytesMessage(data=message))
        assert one.message() == message, size
        one.send(TextMessage(data="x" * size))
        assert one.message() == "x" * size, size
    one.finish()


async def fragments_http2():
    one = Stream("/fragments")
    assert one.message() == "fragmented"
    for piece, last in [("玉", False), ("門", False), ("x" * 100_000, True)]:
        one.send(TextMessage(data=piece, message_finished=last))
    assert one.message() == "玉門" + "x" * 100_000
    one.finish()


async def pings_http2():
    one = Stream("/pings/100")
    assert one.message() == "all were answered"
    for _ in range(100):
        payload = os.urandom(125)
        one.send(Ping(payload=payload))
        answer = one.message()
        assert isinstance(answer, Pong) and answer.payload == payload, answer
    one.finish()


async def closes_http2():
    for code in CODES:
        one = Stream(f"/close/{code}")
        closed = one.message()
        assert (closed.code, closed.reason) == (code, "as you like"), closed
        one.send(closed.response())
        while not one.ended:
            one.pump()
        one.socket.close()


async def many_small_http2():
    """A chatty one is no flood."""
    one = Stream("/small")
    for number in range(1500):
        one.send(TextMessage(data=str(number)))
        assert one.message() == str(number)
    one.finish()


async def main():
    failed = 0
    for check in [
        sizes_http1,
        fragments_http1,
        pings_http1,
        closes_http1,
        subprotocol_http1,
        sizes_http2,
        fragments_http2,
        pings_http2,
        closes_http2,
        many_small_http2,
    ]:
        try:
            await check()
            print(f"ok {check.__name__}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED {check.__name__}: {error!r}", flush=True)
    sys.exit(1 if failed else 0)


asyncio.run(main())
