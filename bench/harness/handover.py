"""Hand-overs to a new process beside a load: what is refused, what fails, what the slowest wait for."""

import os
import re
import signal
import statistics
import threading
import time

from harness import drive, entrants
from harness.entrants import Gateway, Ready
from harness.measure import Bench, tell
from harness.workloads import ROUTES, WORKLOADS

PAUSE = 1.0
"""Seconds between two hand-overs."""
PATIENCE = 10.0
LOADS = [workload for workload in WORKLOADS if workload.name in ("small-64", "close")]
"""On kept connections, and with a new connection for every request."""


class Dynasty:
    """A gateway whose process is replaced again and again."""

    def __init__(self, gateway: Gateway):
        self._gateway = gateway
        self._reigns = gateway.process.pid
        self.count = 0

    def hand_over(self) -> None:
        """Asks the one that reigns for an heir, and waits until it has taken over."""
        os.kill(self._reigns, signal.SIGUSR2)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            heirs = re.findall(r"^yumen: process (\d+) has taken over$", self._gateway.process.log.read_text(), re.M)
            if len(heirs) > self.count:
                self.count = len(heirs)
                self._reigns = int(heirs[-1])
                return
            time.sleep(0.005)
        raise RuntimeError(f"nobody took over: {self._gateway.process.last_words()}")

    def keep_handing_over(self, stop: threading.Event) -> None:
        while not stop.wait(PAUSE):
            self.hand_over()


def handover(ready: Ready, bench: Bench) -> dict[str, object]:
    """Runs without and with hand-overs, in turn: failures, and p99."""
    tell(f"{ready.entrant.title}: hand-overs to a new process under load")
    gateway = entrants.start(ready, bench.backends, ROUTES, bench.folder)
    dynasty = Dynasty(gateway)
    found: dict[str, object] = {}
    failed = requests = 0
    try:
        for workload in LOADS:
            p99: dict[str, list[float]] = {"without": [], "with": []}
            for _ in range(bench.rounds):
                for name, figures in p99.items():
                    stop = threading.Event()
                    changer = threading.Thread(target=dynasty.keep_handing_over, args=(stop,))
                    if name == "with":
                        changer.start()
                    run = drive.drive(gateway.port, workload, ROUTES, max(bench.seconds, 3))
                    stop.set()
                    if name == "with":
                        changer.join()
                        failed += sum(run[6:])
                        requests += run[0]
                    figures.append(run[4] / 1e6)
                    tell(f"    {workload.name:9} {name:8} p99 {run[4] / 1e3:.2f} ms  {run[0]:,} requests, {sum(run[6:])} failed")
            found[workload.name] = {name: statistics.median(figures) for name, figures in p99.items()}
    finally:
        gateway.process.stop()
    tell(f"    {dynasty.count} hand-overs, {requests:,} requests, {failed} failed")
    return {"count": dynasty.count, "requests": requests, "failed": failed, "p99": found}
