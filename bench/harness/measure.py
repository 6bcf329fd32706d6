"""The measurements: alternating rounds of load, a large table next to a small one, idle
connections, and the first answer after a start."""

import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from harness import entrants, load, process, tools
from harness.entrants import Backends, Gateway, Ready
from harness.load import Run
from harness.process import Process
from harness.workloads import ALL_ROUTES, IDLE_CONNECTIONS, ROUTES, SMALL, SPREAD_ROUTES, START_ROUTES, Workload

Runs = dict[str, list[Run]]
"""By entrant, one for each round."""

SPARE_DESCRIPTORS = 200
"""Files that a gateway or a load needs besides its connections."""
START_BUDGET = 10.0
"""Seconds after which an entrant's start is not repeated."""


@dataclass(frozen=True)
class Bench:
    """Where and how long is measured."""

    backends: Backends
    folder: Path
    rounds: int
    seconds: int


def tell(text: str) -> None:
    print(text, flush=True)


def build_backends() -> None:
    """Builds what `start_backends` starts, while there still is a network to fetch from."""
    for name in ("bench-backend", "bench-talk"):
        tools.crate(name)()


def start_backends(folder: Path) -> Backends:
    program, _ = tools.crate("bench-backend")()
    port = process.free_port()
    running = Process([program, f"127.0.0.1:{port}"], process.LOAD_CORE, folder / "backend.log")
    load.first_answer(port, "/s", running, 10)
    return Backends(port, _start_talk("grpc", folder), _start_talk("websocket", folder))


def _start_talk(kind: str, folder: Path) -> int:
    program, _ = tools.crate("bench-talk")()
    port = process.free_port()
    running = Process([program, kind, f"127.0.0.1:{port}"], process.LOAD_CORE, folder / f"{kind}.log")
    load.first_connection(port, running, 10)
    return port


def start_all(ready: list[Ready], bench: Bench) -> tuple[dict[str, Gateway], dict[str, str]]:
    """Those that serve all routes, and why the others do not."""
    running, failed = {}, {}
    for one in ready:
        try:
            running[one.name] = entrants.start(one, bench.backends, ROUTES, bench.folder)
            tell(f"  {one.entrant.title}: serves {len(ROUTES)} routes")
        except RuntimeError as error:
            failed[one.name] = f"did not start: {error}"
            tell(f"!! {one.entrant.title} is left out: it did not start: {error}")
    return running, failed


def _once(name: str, gateway: Gateway, workload: Workload, routes: range, seconds: int) -> Run:
    try:
        port = gateway.doors[workload.door]
        run = load.run(gateway.process, port, workload, routes, seconds)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        run = Run(0, 0, 0, 0, 0, 0, 0, str(error))
    if run.wrong and not gateway.process.alive():
        run.wrong += f"; it ended: {gateway.process.last_words()}"
    figures = (
        f"INVALID: {run.wrong}"
        if run.wrong
        else f"{run.requests:9,.0f}/s  {run.cpu * 1e6:7.2f} µs CPU  p50 {run.p50 * 1e3:.2f} "
        f"p99 {run.p99 * 1e3:.2f} p99.9 {run.p999 * 1e3:.2f} ms  core {run.busy:.0%}"
        + (f"  (others {run.foreign:.0%})" if run.foreign > 0.03 else "")
    )
    tell(f"    {name:16} {figures}")
    return run


def loads(running: dict[str, Gateway], workload: Workload, bench: Bench) -> Runs:
    """A B C A B C ...: what disturbs one round disturbs all who run in it."""
    if workload.talk:
        running = {name: one for name, one in running.items() if entrants.BY_NAME[name].talks}
    runs: Runs = {name: [] for name in running}
    tell(f"{workload.title}")
    for number in range(bench.rounds):
        tell(f"  round {number + 1} of {bench.rounds}")
        for name, gateway in running.items():
            runs[name].append(_once(name, gateway, workload, ROUTES, bench.seconds))
    return runs


def scale(ready: Ready, bench: Bench) -> Runs:
    """The same requests with 1,000 and with 100,000 routes, in turn."""
    tell(f"{ready.entrant.title} with {len(ALL_ROUTES):,} routes next to itself with {len(SPREAD_ROUTES):,}")
    few = entrants.start(ready, bench.backends, SPREAD_ROUTES, bench.folder)
    many = entrants.start(ready, bench.backends, ALL_ROUTES, bench.folder)
    runs: Runs = {"few": [], "many": []}
    for _ in range(bench.rounds):
        runs["few"].append(_once("1,000 routes", few, SMALL, SPREAD_ROUTES, bench.seconds))
        runs["many"].append(_once("100,000 routes", many, SMALL, SPREAD_ROUTES, bench.seconds))
    few.process.stop()
    many.process.stop()
    return runs


def memory(ready: Ready, bench: Bench) -> dict[str, float]:
    """What one kept, idle connection costs a fresh gateway, in bytes of its process tree."""
    # The relay holds two connections for each client.
    limit = process.raise_descriptor_limit() // (2 if ready.name == "relay" else 1)
    count = min(IDLE_CONNECTIONS, limit - SPARE_DESCRIPTORS)
    gateway = entrants.start(ready, bench.backends, ROUTES, bench.folder)
    try:
        load.IdleClients(gateway.port, 100, ROUTES).close()
        time.sleep(0.5)
        before = gateway.process.memory_bytes()
        clients = load.IdleClients(gateway.port, count, ROUTES)
        time.sleep(1)
        after = gateway.process.memory_bytes()
        still_open = clients.open()
        clients.close()
    finally:
        gateway.process.stop()
    if still_open < count:
        raise RuntimeError(f"it closed {count - still_open:,} of {count:,} connections within the test")
    each = (after - before) / count
    tell(f"    {ready.name:16} {each / 1024:7.2f} KiB each of {count:,}; {before / 2**20:.1f} MiB before")
    return {"before": before, "connections": count, "each": each}


def startup(ready: Ready, bench: Bench) -> dict[str, float]:
    """Median seconds from the start of the process to its first 200, by number of routes."""
    found = {}
    for count in START_ROUTES:
        times: list[float] = []
        while len(times) < bench.rounds and sum(times) < START_BUDGET:
            gateway = entrants.start(ready, bench.backends, range(count), bench.folder)
            gateway.process.stop()
            times.append(gateway.startup)
        found[str(count)] = statistics.median(times)
    told = ", ".join(f"{float(seconds) * 1e3:,.0f} ms with {count} routes" for count, seconds in found.items())
    tell(f"    {ready.name:16} {told}")
    return found
