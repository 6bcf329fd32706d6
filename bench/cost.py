#!/usr/bin/env python3
"""Measures what the watch (log, metrics, traces) and each policy cost; see docs/costs.md and --help."""

import argparse
import json
import os
import shlex
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import costs, entrants, measure, network, process, report, results, tools
from harness.entrants import BY_NAME
from harness.measure import Bench, tell

RESULTS = tools.BENCH / "results/costs.json"
PAGE = tools.ROOT / "docs/costs.md"
WATCHED_BAR = 1.10
"""CPU time of a request that is logged, counted and, for every hundredth, traced: at most so many times that of one that is not."""
ENTRANTS = {"watch": ["yumen", "nginx", "haproxy"], "policies": ["yumen"]}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/cost", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[[], *ENTRANTS], default=[], help="both, if none is named")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of every variant (5)")
    parser.add_argument("--seconds", type=int, default=5, help="seconds of every run after 1 s of warm-up (5)")
    parser.add_argument("--strict", action="store_true", help="fail if the bar is not met")
    chosen = parser.parse_args()
    chosen.what = chosen.what or list(ENTRANTS)
    return chosen


def run(chosen: argparse.Namespace, folder: Path) -> results.Json:
    names = dict.fromkeys(name for what in chosen.what for name in ENTRANTS[what])
    ready = {name: entrants.find(BY_NAME[name]) for name in names}
    tools.apt("wrk")()
    tools.apt("valgrind")()
    measure.build_backends()
    where = network.isolate()
    tell(f"measured in {where}")
    # Only now: building on one core takes twice as long.
    os.sched_setaffinity(0, {process.LOAD_CORE})
    bench = Bench(measure.start_backends(folder), folder, chosen.rounds, chosen.seconds)
    found: results.Json = {}
    for what in chosen.what:
        tell("what the watch costs" if what == "watch" else "what policies cost")
        variants = costs.watch_variants(bench.backends.http) if what == "watch" else costs.policy_variants()
        runs = costs.measure(variants, ready, bench)
        counted = costs.count(variants, ready, bench)
        found[what] = {
            "command": shlex.join(["bench/cost", *sys.argv[1:]]),
            "date": time.strftime("%Y-%m-%d"),
            "commit": tools.commit(),
            "network": where,
            "variants": [_told(variant, runs, counted) for variant in variants],
        }
    return found


def _told(variant: costs.Variant, runs: measure.Runs, counted: dict[str, float]) -> results.Json:
    own, base = runs[variant.name], runs[variant.base]
    cpu = results.summary({variant.name: own}, variant.name)[variant.name]["cpu"]
    mine, bare = counted.get(variant.name), counted.get(variant.base)
    is_base = variant.base == variant.name
    return {
        "name": variant.name,
        "title": variant.title,
        "base": variant.base,
        "cpu": cpu,
        "ratio": None if is_base else results.ratio(own, base, "cpu"),
        "instructions": mine,
        "more": mine - bare if mine and bare and not is_base else None,
        "wrong": [one.wrong for one in own if one.wrong],
    }


def table(of: results.Json) -> str:
    rows = []
    for one in of["variants"]:
        cpu = f"{one['cpu'] * 1e6:.1f} µs" if one["cpu"] else "invalid"
        more = f"{one['more']:+,.0f}" if one["more"] is not None else "-"
        counted = f"{one['instructions']:,.0f}" if one["instructions"] else "-"
        rows.append([one["title"], cpu, report.spread(one["ratio"]), counted, more])
    head = ["", "CPU per request", "of that without", "instructions", "more"]
    where = f"`{of['command']}` at commit {of['commit']}, {of['date']}, in {of['network']}."
    return f"{where}\n\n{report.table(head, rows)}"


def page(found: results.Json) -> str:
    parts = [
        "# Costs\n",
        "What it costs to watch the gateway, and what each policy costs: small GETs over 64 kept connections, one worker, "
        "variants in turn. CPU time is that of the whole process, kernel, writer and shipper included; its ratio is the median of "
        "the rounds with the least and the largest. Instructions are counted outside the kernel (callgrind) and vary little "
        "between runs; they are no time.\n",
    ]
    if "watch" in found:
        watched = next(one for one in found["watch"]["variants"] if one["name"] == "watched")
        met = "met" if watched["ratio"] and watched["ratio"][0] <= WATCHED_BAR else "**not met**"
        parts += [
            "## The watch\n",
            table(found["watch"]) + "\n",
            f"Bar: with the JSON log to a file, metrics and 1 % of traces at most {WATCHED_BAR:.2f} of the bare gateway: {met}. "
            "Metrics are always counted, also in the bare gateway; what is added here is that somebody asks for them every 5 seconds (Prometheus: 15 to 60). "
            "The collector of the traces is the benchmark's own service, which answers at once.\n",
        ]
    if "policies" in found:
        parts += [
            "## Policies\n",
            table(found["policies"]) + "\n",
            "Each policy's own example (`policies/NAME/example.yaml`), with its `policies` and without. One that is not attached "
            "costs nothing: there is nothing of it in a route's chain.\n",
        ]
    return "\n".join(parts)


def main() -> int:
    chosen = arguments()
    folder = tools.WORK / "cost"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    process.raise_descriptor_limit()
    try:
        found = run(chosen, folder)
    finally:
        process.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    all_of_it = before | found
    if "YUMEN_BIN" not in os.environ:
        RESULTS.write_text(json.dumps(all_of_it, indent=1) + "\n")
        PAGE.write_text(page(all_of_it))
    for what in found:
        tell(table(found[what]))
    ratios = [one["ratio"] for one in found.get("watch", {}).get("variants", []) if one["name"] == "watched"]
    return 1 if chosen.strict and ratios and ratios[0] and ratios[0][0] > WATCHED_BAR else 0


if __name__ == "__main__":
    sys.exit(main())
