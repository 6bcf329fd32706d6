"""A profile of one gateway's hot path under one load: which functions take the time."""

import argparse
import dataclasses
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from harness import entrants, load, measure, network, process, tools
from harness.configs import Command, Job, Writer
from harness.entrants import BY_NAME, Gateway
from harness.workloads import PROTOCOLS, ROUTES, SMALL, WORKLOADS, Workload

LOADS = {workload.name: workload for workload in WORKLOADS + PROTOCOLS}

ENTRIES = 45
SAMPLES_PER_SECOND = 2999


def _said(command: list[str]) -> str:
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if outcome.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {outcome.stderr.strip()[-600:]}")
    return outcome.stdout


def _head(text: str, entries: int = ENTRIES) -> str:
    lines = [line.rstrip(" -")[:160] for line in text.splitlines()]
    return "\n".join([line for line in lines if line and not line.startswith("#")][:entries])


def with_perf(gateway: Gateway, workload: Workload, folder: Path, seconds: int) -> None:
    """Samples by the clock, as virtual machines often have no cycle counter."""
    data = str(folder / "perf.data")
    pids = ",".join(map(str, gateway.process.tree()))
    record = ["perf", "record", "-e", "cpu-clock", "-F", str(SAMPLES_PER_SECOND), "-g", "-o", data, "-p", pids]
    recorder = threading.Thread(target=_said, args=([*record, "--", "sleep", str(seconds)],))
    recorder.start()
    run = load.run(gateway.process, gateway.doors[workload.door], workload, ROUTES, seconds)
    recorder.join()
    print(f"{run.requests:,.0f} requests/s, {run.cpu * 1e6:.2f} µs CPU each (slowed by the profile) {run.wrong}\n")
    report = ["perf", "report", "-i", data, "--stdio", "--no-children", "-g", "none"]
    print("self time by program and library\n" + _head(_said([*report, "--sort", "dso"]), 8))
    print("\nself time by function\n" + _head(_said([*report, "--sort", "symbol"])))
    print("\nself time by function, without the kernel\n" + _head(_without_kernel(_said([*report, "--sort", "symbol"]))))


def _without_kernel(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if "[k]" not in line)


def under_callgrind(write: Writer, out: Path) -> Writer:
    """The same gateway, counted instruction by instruction from when it is told to."""

    def wrapped(job: Job, program: str) -> Command:
        command = write(job, program)
        valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
        return Command([*valgrind, *command.argv], command.env)

    return wrapped


def with_callgrind(gateway: Gateway, workload: Workload, out: Path, seconds: int) -> None:
    pid = str(gateway.process.pid)
    _said(["callgrind_control", "-i", "on", pid])
    run = load.run(gateway.process, gateway.doors[workload.door], workload, ROUTES, seconds)
    _said(["callgrind_control", "-i", "off", pid])
    _said(["callgrind_control", "--dump", pid])
    print(f"{run.requests:,.0f} requests/s under callgrind {run.wrong}\n")
    dumps = sorted(out.parent.glob(out.name + "*"), key=lambda file: file.stat().st_size)
    print("instructions outside the kernel by function (self)\n" + _head(_said(["callgrind_annotate", str(dumps[-1])])))


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/profile.sh", description=__doc__)
    parser.add_argument("tool", nargs="?", choices=["perf", "callgrind"], help="perf if it works here, else callgrind")
    parser.add_argument("--entrant", choices=list(BY_NAME), default="yumen")
    parser.add_argument("--workload", choices=list(LOADS), default=SMALL.name)
    parser.add_argument("--seconds", type=int, default=8)
    chosen = parser.parse_args()
    folder = tools.WORK / "profile"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tool = chosen.tool or ("perf" if _perf_works(folder) else "callgrind")
    if shutil.which("valgrind" if tool == "callgrind" else "perf") is None:
        print("neither perf nor valgrind works here; run: apt-get install linux-perf valgrind")
        return 1
    ready = entrants.find(BY_NAME[chosen.entrant])
    measure.build_backends()
    network.isolate()
    process.raise_descriptor_limit()
    os.sched_setaffinity(0, {process.LOAD_CORE})
    try:
        _profile(ready, tool, LOADS[chosen.workload], folder, chosen.seconds)
    finally:
        process.stop_all()
    return 0


def _perf_works(folder: Path) -> bool:
    try:
        _said(["perf", "record", "-e", "cpu-clock", "-o", str(folder / "probe.data"), "true"])
    except (OSError, RuntimeError):
        return False
    return True


def _profile(ready: entrants.Ready, tool: str, workload: Workload, folder: Path, seconds: int) -> None:
    backends = measure.start_backends(folder)
    out = folder / "callgrind.out"
    if tool == "callgrind":
        wrapped = under_callgrind(ready.entrant.write, out)
        ready = dataclasses.replace(ready, entrant=dataclasses.replace(ready.entrant, write=wrapped))
    gateway = entrants.start(ready, backends, ROUTES, folder)
    print(f"{ready.entrant.title}, {workload.title}, {len(ROUTES):,} routes, {tool}")
    if tool == "callgrind":
        with_callgrind(gateway, workload, out, seconds)
    else:
        with_perf(gateway, workload, folder, seconds)


if __name__ == "__main__":
    sys.exit(main())
