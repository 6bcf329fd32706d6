"""Puts a gateway that counts what runs of it under all loads of the benchmark, with and without what watches it."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from harness import costs, drive, entrants, measure, network, process, tools
from harness.entrants import BY_NAME, Ready
from harness.measure import Bench, tell
from harness.workloads import PROTOCOLS, ROUTES, WORKLOADS

SECONDS = 2
"""Of each load: what is counted hardly changes after that."""


def train(ready: Ready, folder: Path) -> None:
    backends = measure.start_backends(folder)
    gateway = entrants.start(ready, backends, ROUTES, folder)
    for workload in WORKLOADS + PROTOCOLS:
        tell(f"  {workload.title}")
        drive.drive(gateway.doors[workload.door], workload, ROUTES, SECONDS)
    # What was counted is written down at the end of the process.
    gateway.process.stop()
    variants = costs.watch_variants(backends.http) + costs.policy_variants()
    ours = [variant for variant in variants if variant.of == ready.name]
    costs.measure(ours, {ready.name: ready}, Bench(backends, folder, 1, SECONDS))


def main() -> int:
    parser = argparse.ArgumentParser(prog="harness.train", description=__doc__)
    parser.parse_args()
    folder = tools.WORK / "train"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ready = entrants.find(BY_NAME["yumen"])
    measure.build_backends()
    network.isolate()
    process.raise_descriptor_limit()
    os.sched_setaffinity(0, {process.LOAD_CORE})
    try:
        train(ready, folder)
    finally:
        process.stop_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
