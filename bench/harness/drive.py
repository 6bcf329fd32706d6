"""What makes a load: wrk, h2load, openssl, and the messages of bench/talk. All say the same figures."""

import re
import subprocess
import tempfile
from pathlib import Path

from harness import process, tools
from harness.workloads import GRPC_PATH, Workload, prefix

SCRIPT = Path(__file__).with_name("load.lua")
ERRORS = ["connect", "read", "write", "status", "timeout"]

Figures = list[int]
"""Requests, microseconds, bytes of bodies, three percentiles in microseconds, errors."""


def drive(port: int, workload: Workload, routes: range, seconds: int) -> Figures:
    """Loads a gateway for so long."""
    tool = {"wrk": _wrk, "h2load": _h2load, "handshakes": _handshakes, "messages": _messages}
    return tool[workload.tool](port, workload, routes, seconds)


def _output(command: list[str], seconds: int) -> str:
    pinned = ["taskset", "-c", str(process.LOAD_CORE), *command]
    outcome = subprocess.run(pinned, capture_output=True, text=True, timeout=seconds + 30)
    return outcome.stdout + outcome.stderr


def _result(said: str) -> Figures:
    for line in said.splitlines():
        if line.startswith("RESULT "):
            return [int(word) for word in line.split()[1:]]
    raise RuntimeError(f"the load said nothing useful: {said[-600:]}")


def _url(port: int, workload: Workload) -> str:
    return f"{'https' if workload.door == 'tls' else 'http'}://127.0.0.1:{port}"


def _wrk(port: int, workload: Workload, routes: range, seconds: int) -> Figures:
    command = [
        *("wrk", "-t1", f"-c{workload.connections}"),
        *(f"-d{seconds}s", "--timeout", "5s", "-s", str(SCRIPT), f"{_url(port, workload)}/", "--"),
        *("POST" if workload.post else "GET", str(routes.start), str(routes.step)),
        *(str(len(routes)), workload.answer, str(workload.post)),
        "close" if workload.close else "keep",
        *workload.fields,
    ]
    return _result(_output(command, seconds))


def _h2load(port: int, workload: Workload, routes: range, seconds: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "paths"
        times = Path(folder) / "times"
        command = [
            *("h2load", "-t1", f"-c{workload.connections}", f"-m{workload.streams}", f"-D{seconds}"),
            *("--log-file", str(times), "-i", str(paths)),
        ]
        if workload.post:
            # One message of gRPC: not compressed, its length, its bytes.
            message = workload.post - 5
            body = Path(folder) / "body"
            body.write_bytes(b"\0" + message.to_bytes(4, "big") + b"x" * message)
            command += ["-d", str(body), "-H", "content-type: application/grpc", "-H", "te: trailers"]
            found = [GRPC_PATH]
        else:
            found = [prefix(route) + workload.answer for route in routes]
        paths.write_text("".join(f"{_url(port, workload)}{path}\n" for path in found))
        said = _output(command, seconds)
        taken = sorted(int(line.split()[2]) for line in times.read_text().splitlines())
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said)
    data = re.search(r"traffic:.* \((\d+)\) data", said)
    if not counts or not data or not taken:
        raise RuntimeError(f"h2load said nothing useful: {said[-600:]}")
    _, succeeded, failed, errored, timeout = map(int, counts.groups())
    percentiles = [taken[len(taken) * part // 1000] for part in (500, 990, 999)]
    return [succeeded, seconds * 1_000_000, int(data[1]), *percentiles, 0, errored, 0, failed - errored, timeout]


def _handshakes(port: int, workload: Workload, routes: range, seconds: int) -> Figures:
    """Full handshakes one after the other, by as many clients at once as there are connections."""
    command = [
        *("taskset", "-c", str(process.LOAD_CORE), "openssl", "s_time", "-new", "-tls1_3"),
        *("-connect", f"127.0.0.1:{port}", "-time", str(seconds)),
    ]
    clients = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(workload.connections)
    ]
    count = 0
    for client in clients:
        said, _ = client.communicate(timeout=seconds + 30)
        found = re.search(r"^(\d+) connections in \d+ real seconds", said, re.M)
        if client.returncode or not found:
            raise RuntimeError(f"openssl said: {said[-600:]}")
        count += int(found[1])
    return [count, seconds * 1_000_000, 0, 0, 0, 0, 0, 0, 0, 0, 0]


def _messages(port: int, workload: Workload, routes: range, seconds: int) -> Figures:
    program, _ = tools.crate("bench-talk")()
    address = f"127.0.0.1:{port}"
    return _result(_output([program, "load", address, str(workload.connections), str(seconds)], seconds))
