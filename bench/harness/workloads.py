"""What is asked of every gateway, and the limits that Yumen sets itself."""

from dataclasses import dataclass

ROUTES = range(1000)
"""Route numbers that every gateway is given for the load workloads."""

ALL_ROUTES = range(100_000)
SPREAD_ROUTES = range(0, 100_000, 100)
"""A table of 100,000 routes and every hundredth of it: both serve the same requests."""


def prefix(route: int) -> str:
    """Everything below this path belongs to the route. Of one length for every route."""
    return f"/r{route:06d}/"


@dataclass(frozen=True)
class Workload:
    """One kind of load. Its requests go through all routes in turn."""

    name: str
    title: str
    connections: int
    answer: str
    """The last letter of the path: what the backend answers (bench/backend)."""
    body: int
    """Bytes of the answer's body."""
    post: int = 0
    """Bytes of the request's body; 0 is a GET."""
    close: bool = False
    """A new connection for every request."""
    door: str = "plain"
    """Where it knocks: `plain`, `tls`, or `h2c`, HTTP/2 in clear text."""
    tool: str = "wrk"
    """What makes the load: `wrk`, `h2load`, `handshakes` (openssl), or `messages` (bench/talk)."""
    streams: int = 1
    """Requests at once on each connection, with h2load."""
    fields: tuple[str, ...] = ()
    """Header fields of each request, with wrk; `#` in them is the number of its route."""

    @property
    def talk(self) -> bool:
        """It asks for more than HTTP/1.1 in clear text."""
        return self.door != "plain" or self.tool != "wrk"


GRPC_PATH = "/bench.Echo/Say"
WEBSOCKET_PATH = "/websocket"

WORKLOADS = [
    Workload("small-64", "small GET, 64 connections", 64, "s", 100),
    Workload("small-512", "small GET, 512 connections", 512, "s", 100),
    Workload("post", "1 KiB POST, 64 connections", 64, "s", 100, post=1024),
    Workload("big", "100 KiB answer, 64 connections", 64, "b", 100 * 1024),
    Workload("chunked", "streamed answer, 16 chunks of 1 KiB, 64 connections", 64, "c", 16 * 1024),
    Workload("close", "small GET, a new connection each, 64 at once", 64, "s", 100, close=True),
]
PROTOCOLS = [
    Workload("https", "HTTPS, small GET, 64 connections", 64, "s", 100, door="tls"),
    Workload("handshake", "TLS 1.3 handshake, nothing else", 2, "", 0, door="tls", tool="handshakes"),
    Workload("http2", "HTTP/2 client, HTTP/1.1 service, small GET, 64 connections, 4 streams each", 64, "s", 100,
             door="h2c", tool="h2load", streams=4),
    Workload("http2-tls", "the same over TLS", 64, "s", 100, door="tls", tool="h2load", streams=4),
    Workload("grpc", "gRPC, unary, 100 bytes, 16 connections, 16 streams each", 16, "g", 105,
             post=105, door="h2c", tool="h2load", streams=16),
    Workload("websocket", "WebSocket, echo of 100 bytes, 64 connections", 64, "w", 100, tool="messages"),
]
"""Loads on those that talk more than HTTP/1.1 in clear text."""

SMALL = WORKLOADS[0]
EXTRAS = ["scale", "reload", "handover", "memory", "start"]
"""Measurements that are not a load on every gateway."""

RELOAD = Workload("reload", "small GET, 2 connections", 2, "s", 100)
RELOAD_ROUTES = range(10_000)
LIVE_BAR = 0.1
"""Seconds until a change among so many routes is live."""

IDLE_CONNECTIONS = 10_000
START_ROUTES = [100, 10_000]


@dataclass(frozen=True)
class Bar:
    """CPU time per request of Yumen in a workload: at most `limit` times a rival's."""

    workload: str
    rival: str
    limit: float


BARS = [
    Bar("small-64", "nginx", 0.80),
    Bar("small-64", "haproxy", 0.80),
    Bar("small-64", "envoy", 0.40),
    Bar("small-512", "nginx", 0.80),
    Bar("small-512", "haproxy", 0.80),
    Bar("small-512", "envoy", 0.40),
    Bar("post", "nginx", 0.75),
    Bar("big", "nginx", 0.85),
    Bar("chunked", "nginx", 1.00),
    Bar("close", "nginx", 1.00),
    Bar("https", "nginx", 0.80),
    Bar("handshake", "nginx", 1.00),
    Bar("http2", "nginx", 0.80),
    Bar("grpc", "nginx", 1.00),
]
GOALS = {("small-64", "nginx"): 0.70, ("small-512", "nginx"): 0.70}
SCALE_BAR = 1.05
MEMORY_BAR = 8 * 1024
START_BARS = {100: 0.1, 10_000: 1.0}
