"""The load: one request to see that a gateway answers rightly, then many."""

import http.client
import socket
import ssl
import time
from dataclasses import dataclass

from harness import drive, process
from harness.process import Process
from harness.workloads import Workload, prefix


@dataclass
class Run:
    """What one run showed. Times in seconds."""

    requests: float
    """Per second."""
    cpu: float
    """CPU time of the gateway for one request."""
    p50: float
    p99: float
    p999: float
    busy: float
    """Share of the run in which the gateway was running: below 1, the load side was the limit."""
    foreign: float
    """Share of the gateway's core that somebody else took."""
    wrong: str = ""
    """Why the run does not count; empty if it does."""


def probe(port: int, workload: Workload, route: int) -> str:
    """What is wrong with the answer to one request; empty if nothing is."""
    if workload.door == "tls":
        # A certificate that nobody signed.
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        method = "POST" if workload.post else "GET"
        body = b"x" * workload.post if workload.post else None
        fields = dict(field.replace("#", str(route)).split(": ", 1) for field in workload.fields)
        connection.request(method, prefix(route) + workload.answer, body, {"User-Agent": "bench"} | fields)
        answer = connection.getresponse()
        length = len(answer.read())
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error!r}"
    finally:
        connection.close()
    if answer.status != 200:
        return f"answered {answer.status}"
    return "" if length == workload.body else f"answered {length} bytes, not {workload.body}"


def first_answer(port: int, path: str, gateway: Process, patience: float, fields: tuple[str, ...] = ()) -> float:
    """Waits for the first 200; says when it came. Asks anew every millisecond."""
    lines = "".join(f"{field}\r\n" for field in fields)
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\nConnection: close\r\n{lines}\r\n".encode()
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=patience) as stream:
                stream.sendall(request)
                if stream.recv(64).startswith(b"HTTP/1.1 200"):
                    return time.monotonic()
        except OSError:
            pass
        if not gateway.alive():
            raise RuntimeError(f"it ended: {gateway.last_words()}")
        time.sleep(0.001)
    raise RuntimeError(f"no answer within {patience:.0f} s: {gateway.last_words()}")


def first_connection(port: int, server: Process, patience: float) -> None:
    """Waits until connections are taken."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and server.alive():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=patience).close()
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"nobody listens: {server.last_words()}")


def run(gateway: Process, port: int, workload: Workload, routes: range, seconds: int) -> Run:
    """One warm-up, one measured run."""
    # The others check every answer themselves.
    wrong = probe(port, workload, routes[-1]) if workload.tool == "wrk" else ""
    if wrong:
        return Run(0, 0, 0, 0, 0, 0, 0, wrong)
    drive.drive(port, workload, routes, 1)
    busy_before, steal_before = process.core_times(process.PROXY_CORE)
    cpu_before, started = gateway.cpu_seconds(), time.monotonic()
    figures = drive.drive(port, workload, routes, seconds)
    cpu, elapsed = gateway.cpu_seconds() - cpu_before, time.monotonic() - started
    busy_after, steal_after = process.core_times(process.PROXY_CORE)
    requests, duration, received, p50, p99, p999, *errors = figures
    counted = [f"{count} {name}" for name, count in zip(drive.ERRORS, errors) if count]
    if received < requests * workload.body:
        counted.append("answers too short")
    foreign = max(0.0, busy_after - busy_before - cpu) + steal_after - steal_before
    return Run(
        requests=requests * 1e6 / max(duration, 1),
        cpu=cpu / max(requests, 1),
        p50=p50 / 1e6,
        p99=p99 / 1e6,
        p999=p999 / 1e6,
        busy=cpu / elapsed,
        foreign=foreign / elapsed,
        wrong="errors: " + ", ".join(counted) if counted else "" if requests else "no request was answered",
    )


class IdleClients:
    """Many kept connections, each of which has had one answer."""

    def __init__(self, port: int, count: int, routes: range):
        self._streams: list[socket.socket] = []
        for index in range(count):
            stream = socket.create_connection(("127.0.0.1", port), timeout=10)
            self._streams.append(stream)
            path = prefix(routes[index % len(routes)]) + "s"
            stream.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            head = stream.recv(4096)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"connection {index} was answered {head[:40]!r}")

    def open(self) -> int:
        """How many the gateway has not closed."""
        count = 0
        for stream in self._streams:
            stream.setblocking(False)
            try:
                count += bool(stream.recv(4096))
            except BlockingIOError:
                count += 1
            except OSError:
                pass
        return count

    def close(self) -> None:
        for stream in self._streams:
            stream.close()
