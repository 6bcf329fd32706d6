"""Reloads beside a load: how soon a change is live, and what it does to the slowest requests."""

import os
import signal
import statistics
import threading
import time
from pathlib import Path

from harness import entrants, load
from harness.entrants import Gateway, Ready
from harness.measure import Bench, tell
from harness.workloads import RELOAD, RELOAD_ROUTES, prefix

CHANGES = 7
"""Changes of which the time to be live is measured, without a load beside them."""
PAUSE = 1.0
"""Seconds between two reloads under load."""
PATIENCE = 10.0


class Changing:
    """The configuration of a running Yumen, of which one route changes its path."""

    def __init__(self, gateway: Gateway, folder: Path):
        self._gateway = gateway
        self._file = folder / f"yumen-{gateway.port}" / "yumen.yaml"
        self._count = 0
        text = self._file.read_text()
        # Made before any load: writing them beside it would be felt.
        self._paths = ["/changed-a/", "/changed-b/"]
        for path in self._paths:
            changed = text.replace(f'"{prefix(RELOAD_ROUTES[-1])}*"', f'"{path}*"')
            self._variant(path).write_text(changed)

    def _variant(self, path: str) -> Path:
        return self._file.with_suffix("." + path.strip("/"))

    def change(self) -> str:
        """Moves one route elsewhere; its new path."""
        self._count += 1
        path = self._paths[self._count % len(self._paths)]
        # Replaced whole, as an editor does it: a file that is read half is another test.
        fresh = self._file.with_suffix(".new")
        os.link(self._variant(path), fresh)
        fresh.replace(self._file)
        os.kill(self._gateway.process.pid, signal.SIGHUP)
        return path

    def seconds_to_live(self) -> float:
        """From the signal to the first answer on the new path."""
        path = self.change()
        started = time.monotonic()
        return load.first_answer(self._gateway.port, path + "s", self._gateway.process, PATIENCE) - started

    def keep_changing(self, stop: threading.Event) -> None:
        while not stop.wait(PAUSE):
            self.change()


def reload(ready: Ready, bench: Bench) -> dict[str, object]:
    """p99 of runs without reloads, of as many more without, and of runs with them, in turn."""
    tell(f"{ready.entrant.title} with {len(RELOAD_ROUTES):,} routes: reloads")
    gateway = entrants.start(ready, bench.backends, RELOAD_ROUTES, bench.folder)
    changing = Changing(gateway, bench.folder)
    live = [changing.seconds_to_live() for _ in range(CHANGES)]
    tell(f"    live after {statistics.median(live) * 1e3:.0f} ms (at most {max(live) * 1e3:.0f})")
    found: dict[str, list[float]] = {"without": [], "again": [], "with": []}
    for _ in range(bench.rounds):
        for name, figures in found.items():
            stop = threading.Event()
            changer = threading.Thread(target=changing.keep_changing, args=(stop,))
            if name == "with":
                changer.start()
            # The last route moves about; the others stay where they are.
            run = load.run(gateway.process, gateway.port, RELOAD, RELOAD_ROUTES[:-1], bench.seconds)
            stop.set()
            if name == "with":
                changer.join()
            if run.wrong:
                gateway.process.stop()
                raise RuntimeError(f"{name} reloads: {run.wrong}")
            figures.append(run.p99)
            tell(f"    {name:8} p99 {run.p99 * 1e3:.2f} ms  p99.9 {run.p999 * 1e3:.2f} ms  {run.requests:,.0f}/s")
    gateway.process.stop()
    return {"live": statistics.median(live), "slowest": max(live), **found}

