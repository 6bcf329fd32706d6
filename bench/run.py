#!/usr/bin/env python3
"""Measures Yumen next to other gateways on this machine; see docs/benchmarks.md and --help."""

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import entrants, handover, measure, network, process, reload, report, results, tools
from harness.entrants import BY_NAME, Ready
from harness.measure import Bench, tell
from harness.workloads import EXTRAS, PROTOCOLS, WORKLOADS

LATEST = tools.BENCH / "results/latest.json"
LAST = tools.WORK / "last.json"
QUICK_ENTRANTS = ["relay", "yumen", "nginx", "haproxy"]
QUICK_MEASUREMENTS = ["small-64", "post", "start"]


def arguments() -> argparse.Namespace:
    known = [workload.name for workload in WORKLOADS + PROTOCOLS] + EXTRAS

    def some_of(names: list[str]):
        def read(text: str) -> list[str]:
            chosen = text.split(",")
            for name in chosen:
                if name not in names:
                    raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(names)}")
            return [name for name in names if name in chosen]

        return read

    parser = argparse.ArgumentParser(
        description="Measures Yumen next to other gateways. A full run of this tree's own build writes "
        "bench/results/latest.json and docs/benchmarks.md; a partial one, or one with YUMEN_BIN, only prints and "
        "writes bench/work/last.json.",
    )
    parser.add_argument("--quick", action="store_true", help="a smoke test of less than a minute: 2 rounds, few workloads")
    parser.add_argument("--only", type=some_of(list(BY_NAME)), metavar="ENTRANT,..", help="of: " + ", ".join(BY_NAME))
    parser.add_argument("--workloads", type=some_of(known), metavar="NAME,..", help="of: " + ", ".join(known))
    parser.add_argument("--rounds", type=int, help="rounds of every workload (5)")
    parser.add_argument("--seconds", type=int, help="seconds of every run after 1 s of warm-up (4)")
    parser.add_argument("--require", action="store_true", help="fail if an entrant is missing or does not start")
    parser.add_argument("--strict", action="store_true", help="fail if a bar is not met")
    parser.add_argument("--publish", action="store_true", help="write the results and the page after a partial run too")
    parser.add_argument("--render", action="store_true", help="only write docs/benchmarks.md from the last full results")
    chosen = parser.parse_args()
    full = not (chosen.quick or chosen.only or chosen.workloads)
    # Figures of a binary from elsewhere, which may be anything, are never published as Yumen's.
    foreign = "YUMEN_BIN" in os.environ
    if chosen.publish and foreign:
        parser.error("YUMEN_BIN is set: only a build of this tree is published")
    chosen.publish = chosen.publish or (full and not foreign)
    chosen.only = chosen.only or (QUICK_ENTRANTS if chosen.quick else list(BY_NAME))
    chosen.workloads = chosen.workloads or (QUICK_MEASUREMENTS if chosen.quick else known)
    chosen.rounds = chosen.rounds or (2 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (1 if chosen.quick else 4)
    return chosen


def prepare(names: list[str]) -> tuple[list[Ready], dict[str, str]]:
    """Those whose programs are there, and why the others are missing."""
    ready, missing = [], {}
    tell("programs")
    for name in names:
        try:
            ready.append(entrants.find(BY_NAME[name]))
            tell(f"  {ready[-1].entrant.title}: {ready[-1].version or ready[-1].program}")
        except tools.Missing as why:
            missing[name] = str(why)
            tell(f"!! {BY_NAME[name].title} is left out: {why}")
    tools.apt("wrk")()
    tools.apt("nghttp2-client", "h2load")()
    measure.build_backends()
    return ready, missing


def run_loads(ready: list[Ready], names: list[str], bench: Bench, missing: dict[str, str]) -> dict[str, measure.Runs]:
    chosen = [workload for workload in WORKLOADS + PROTOCOLS if workload.name in names]
    if not chosen:
        return {}
    running, failed = measure.start_all(ready, bench)
    missing |= failed
    runs = {workload.name: measure.loads(running, workload, bench) for workload in chosen}
    for gateway in running.values():
        gateway.process.stop()
    return runs


def run_extras(ready: list[Ready], names: list[str], bench: Bench, missing: dict[str, str]) -> results.Json:
    found: results.Json = {}
    yumen = [one for one in ready if one.name == "yumen" and one.name not in missing]
    if "scale" in names and yumen:
        try:
            found["scale"] = results.summary(measure.scale(yumen[0], bench), "few")
        except RuntimeError as error:
            tell(f"!!  Yumen with 100,000 routes: {error}")
    if "reload" in names and yumen:
        try:
            found["reload"] = reload.reload(yumen[0], bench)
        except RuntimeError as error:
            tell(f"!!  Yumen while it reloads: {error}")
    if "handover" in names and yumen:
        try:
            found["handover"] = handover.handover(yumen[0], bench)
        except RuntimeError as error:
            tell(f"!!  Yumen while it hands over: {error}")
    for name, title, one_of in (
        ("memory", "memory of idle connections", measure.memory),
        ("start", "first answer after start", measure.startup),
    ):
        if name not in names:
            continue
        tell(title)
        found[name] = {}
        for one in ready:
            # The second NGINX shows the noise of load; the relay has no routes to start with.
            if one.name in missing or one.name == "nginx-again" or (name, one.name) == ("start", "relay"):
                continue
            try:
                found[name][one.name] = one_of(one, bench)
            except (RuntimeError, OSError) as error:
                tell(f"!!  {one.entrant.title}: {error}")
                found[name][one.name] = {"wrong": str(error)}
    return found


def run_everything(chosen: argparse.Namespace, folder: Path) -> results.Json:
    began = time.time()
    ready, missing = prepare(chosen.only)
    load_before = os.getloadavg()[0]
    where = network.isolate()
    tell(f"measured in {where}")
    # Only now: building on one core takes twice as long.
    os.sched_setaffinity(0, {process.LOAD_CORE})
    bench = Bench(measure.start_backends(folder), folder, chosen.rounds, chosen.seconds)
    runs = run_loads(ready, chosen.workloads, bench, missing)
    extras = run_extras(ready, chosen.workloads, bench, missing)
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime(began)),
        "commit": tools.commit(),
        "command": shlex.join(["bench/run", *sys.argv[1:]]),
        "minutes": round((time.time() - began) / 60, 1),
        "machine": tools.machine() | {"load_before": round(load_before, 2), "network": where},
        "rounds": chosen.rounds,
        "seconds": chosen.seconds,
        "versions": {one.name: one.version for one in ready},
        "missing": missing,
        "workloads": {name: results.summary(of, results.base_of(of)) for name, of in runs.items()},
        **extras,
        "bars": results.bars(runs, extras),
    }


def verdict(found: results.Json, chosen: argparse.Namespace) -> int:
    """The exit code."""
    invalid = [
        f"{workload}: {why}"
        for workload, of in found["workloads"].items()
        for why in of.get("yumen", {}).get("invalid", [])
    ]
    missed = [bar["what"] for bar in found["bars"] if bar["met"] is False]
    for why in invalid:
        tell(f"!! invalid run of yumen, {why}")
    for what in missed:
        tell(f"!! bar not met: {what}")
    if chosen.require and found["missing"]:
        tell(f"!! missing: {', '.join(found['missing'])}")
        return 1
    return 1 if invalid or (chosen.strict and missed) else 0


def main() -> int:
    chosen = arguments()
    if chosen.render and not LATEST.exists():
        tell(f"!! there is no {LATEST.relative_to(tools.ROOT)} yet; a full run writes it")
        return 1
    if chosen.render:
        report.write(json.loads(LATEST.read_text()))
        return 0
    # A stop signal must stop what was started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if (os.cpu_count() or 1) < 2:
        tell("!! this machine has one core; the gateway and its load need one each")
        return 2
    process.raise_descriptor_limit()
    folder = tools.WORK / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        found = run_everything(chosen, folder)
    finally:
        process.stop_all()
    publish = chosen.publish and "yumen" in found["versions"]
    place = LATEST if publish else LAST
    place.parent.mkdir(exist_ok=True)
    # Where this tree lies is nobody's business.
    told = json.dumps(found, indent=1, ensure_ascii=False).replace(f"{tools.ROOT}/", "")
    place.write_text(told + "\n")
    found = json.loads(told)
    if publish:
        report.write(found)
    tell("\n" + report.text(found))
    tell(f"written: {place.relative_to(tools.ROOT)}" + (" and docs/benchmarks.md" if publish else ""))
    return verdict(found, chosen)


if __name__ == "__main__":
    sys.exit(main())
