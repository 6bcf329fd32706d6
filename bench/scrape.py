#!/usr/bin/env python3
"""Measures what a scrape of /metrics every second does to requests, with 10,000 routes; see --help."""

import argparse
import dataclasses
import functools
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import configs, costs, drive, entrants, load, measure, network, process, report, results, tools
from harness.entrants import BY_NAME, Gateway
from harness.load import Run
from harness.measure import Bench, tell
from harness.workloads import RELOAD as TWO
from harness.workloads import Workload

RESULTS = tools.BENCH / "results/scrape.json"
PAGE = tools.ROOT / "docs/scrape.md"
ROUTES = range(10_000)
LOADS = [TWO, Workload("busy", "small GET, 64 connections", 64, "s", 100)]
ARMS = ["without", "again", "with"]
"""The second one shows how much runs differ by themselves."""
BAR = 1.25
"""p99 beside scrapes: at most so many times that without, at the load that leaves the core some time."""


@dataclass
class Scrapes:
    """What asking for the metrics every second showed."""

    took: list[float] = field(default_factory=list)
    size: int = 0

    def run(self, port: int, stop: threading.Event) -> None:
        # Whoever asks has the core of the load, which is not to feel it: what is measured is the gateway.
        idle = ["chrt", "--idle", "0", "curl", "-sS", "--max-time", "20", "-o", os.devnull, "-w", "%{size_download}"]
        while not stop.wait(1):
            started = time.monotonic()
            asked = subprocess.run([*idle, f"http://127.0.0.1:{port}/metrics"], capture_output=True, text=True, check=True)
            self.took.append(time.monotonic() - started)
            self.size = max(self.size, int(asked.stdout))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/scrape", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of every load (5)")
    parser.add_argument("--seconds", type=int, default=4, help="seconds of every run after 1 s of warm-up (4)")
    parser.add_argument("--only", choices=[one.name for one in LOADS], help="one load only")
    parser.add_argument("--strict", action="store_true", help="fail if the bar is not met")
    return parser.parse_args()


def run(chosen: argparse.Namespace, folder: Path) -> results.Json:
    ready = entrants.find(BY_NAME["yumen"])
    tools.apt("wrk")()
    measure.build_backends()
    where = network.isolate()
    tell(f"measured in {where}")
    os.sched_setaffinity(0, {process.LOAD_CORE})
    bench = Bench(measure.start_backends(folder), folder, chosen.rounds, chosen.seconds)
    status = process.free_port()
    watch = f"{costs.OFF}\nstatus: {{address: '127.0.0.1:{status}'}}"
    entrant = dataclasses.replace(ready.entrant, write=functools.partial(configs.yumen, watch=watch))
    gateway = entrants.start(dataclasses.replace(ready, entrant=entrant), bench.backends, ROUTES, folder)
    # Every route has answered, so that every series is there.
    drive.drive(gateway.port, LOADS[-1], ROUTES, 2)
    scrapes = Scrapes()
    loads = [one for one in LOADS if chosen.only in (None, one.name)]
    found: results.Json = {
        "command": shlex.join(["bench/scrape", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d"),
        "commit": tools.commit(),
        "network": where,
        "loads": {one.name: told(one, runs_of(one, gateway, status, bench, scrapes)) for one in loads},
    }
    gateway.process.stop()
    return found | {"scrape": {"seconds": statistics.median(scrapes.took), "slowest": max(scrapes.took), "bytes": scrapes.size}}


def runs_of(one: Workload, gateway: Gateway, status: int, bench: Bench, scrapes: Scrapes) -> dict[str, list[Run]]:
    """Runs with and without scrapes, in turn."""
    runs: dict[str, list[Run]] = {arm: [] for arm in ARMS}
    for number in range(bench.rounds):
        # There and back again, so that nobody is always behind the same one.
        for arm in ARMS if number % 2 == 0 else ARMS[::-1]:
            stop = threading.Event()
            asking = threading.Thread(target=scrapes.run, args=(status, stop))
            if arm == "with":
                asking.start()
            try:
                done = load.run(gateway.process, gateway.port, one, ROUTES, bench.seconds)
            finally:
                stop.set()
                if arm == "with":
                    asking.join()
            runs[arm].append(done)
            tell(f"    {one.name:6} {arm:8} p99 {done.p99 * 1e3:6.2f} ms  p99.9 {done.p999 * 1e3:6.2f} ms"
                 f"  {done.cpu * 1e6:6.2f} µs CPU {done.requests:9,.0f}/s {done.wrong}")
    return runs


def told(one: Workload, runs: dict[str, list[Run]]) -> results.Json:
    base = runs["without"]
    of = results.summary(runs, "without")
    ratios = {arm: {metric: results.ratio(own, base, metric) for metric in ("cpu", "p99", "p999")} for arm, own in runs.items()}
    return {"title": one.title, "runs": of, "ratios": ratios}


def table(found: results.Json) -> str:
    rows = []
    for one in found["loads"].values():
        for arm in ARMS:
            mine, ratios = one["runs"][arm], one["ratios"][arm]
            figures = [f"{mine[metric] * 1e3:.2f} ms" if mine[metric] else "invalid" for metric in ("p99", "p999")]
            cpu = f"{mine['cpu'] * 1e6:.1f} µs" if mine["cpu"] else "invalid"
            of = [report.spread(ratios[metric]) if arm != "without" else "-" for metric in ("p99", "cpu")]
            rows.append([f"{one['title']}, {arm}", *figures, of[0], cpu, of[1]])
    head = ["", "p99", "p99.9", "p99 of that without", "CPU per request", "of that without"]
    scrape = found["scrape"]
    return (
        f"`{found['command']}` at commit {found['commit']}, {found['date']}, in {found['network']}.\n\n"
        f"{report.table(head, rows)}\n\n"
        f"One scrape: {scrape['bytes'] / 1e6:.1f} MB in {scrape['seconds'] * 1e3:.0f} ms "
        f"({scrape['slowest'] * 1e3:.0f} at most), beside the load.\n"
    )


def is_met(found: results.Json) -> bool:
    ratios = found["loads"].get(TWO.name, {}).get("ratios", {}).get("with", {}).get("p99")
    return ratios is None or ratios[0] <= BAR


def page(found: results.Json) -> str:
    met = "met" if is_met(found) else "**not met**"
    return (
        "# Scrapes\n\n"
        f"What it does to requests that somebody asks for `/metrics` every second, with {len(ROUTES):,} routes, all of which have "
        "been asked. One worker; the status thread has the same core, which is the worst case: where there are more cores than workers, "
        "or a core is not busy, it has another one. *Again* is the same as *without*, and shows how much runs differ.\n\n"
        f"{table(found)}\n"
        f"Bar: with {TWO.connections} connections p99 beside scrapes is at most {BAR:.2f} of that without: {met}.\n"
    )


def main() -> int:
    chosen = arguments()
    folder = tools.WORK / "scrape"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    process.raise_descriptor_limit()
    try:
        found = run(chosen, folder)
    finally:
        process.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
    # Figures of a binary from elsewhere, or of a part, are not published.
    if "YUMEN_BIN" not in os.environ and not chosen.only:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
        PAGE.write_text(page(found))
    tell(table(found))
    return 1 if chosen.strict and not is_met(found) else 0


if __name__ == "__main__":
    sys.exit(main())
