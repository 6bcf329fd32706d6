"""Processes that the benchmark starts: pinned to a core, watched with their children, and stopped."""

import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

_started: list["Process"] = []

PROXY_CORE = 0
LOAD_CORE = 1


class Process:
    """One started program with all its children."""

    def __init__(self, argv: list[str], core: int, log: Path, env: dict[str, str] | None = None):
        self.log = log
        quiet = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                ["taskset", "-c", str(core), *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=quiet | (env or {}),
                cwd=log.parent,
                start_new_session=True,
            )
        self.pid = self._popen.pid
        _started.append(self)

    def alive(self) -> bool:
        return self._popen.poll() is None

    def last_words(self) -> str:
        return self.log.read_text(errors="replace").strip()[-600:]

    def tree(self) -> list[int]:
        """The process and everything it started, however deep."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    # The name in brackets may hold spaces: fields count from its end.
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue  # gone meanwhile
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        found, seen = [self.pid], 0
        while seen < len(found):
            found += children.get(found[seen], [])
            seen += 1
        return found

    def cpu_seconds(self) -> float:
        """User and system time of the whole tree, to the nanosecond."""
        return sum(_cpu_clock(pid) for pid in self.tree())

    def memory_bytes(self) -> int:
        """Proportional set size of the whole tree: shared pages are counted once."""
        total = 0
        for pid in self.tree():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def stop(self) -> None:
        """Asks, waits, insists. The group is the program's own: it was started as a session."""
        if self in _started:
            _started.remove(self)
        for signal_number, patience in ((signal.SIGTERM, 2), (signal.SIGKILL, 5)):
            if not self.alive():
                break
            os.killpg(self.pid, signal_number)
            try:
                self._popen.wait(patience)
            except subprocess.TimeoutExpired:
                continue
        try:
            os.killpg(self.pid, signal.SIGKILL)  # children that outlived it
        except ProcessLookupError:
            pass


def _cpu_clock(pid: int) -> float:
    """The kernel's own clock of a process: all its threads, also those that ended."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def stop_all() -> None:
    for process in list(_started):
        process.stop()


def core_times(core: int) -> tuple[float, float]:
    """Seconds that a core was busy, and seconds that the hypervisor took from it."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _wait, irq, softirq, steal = map(int, ticks[:8])
            second = os.sysconf("SC_CLK_TCK")
            return (user + nice + system + irq + softirq) / second, steal / second
    raise RuntimeError(f"there is no core {core}")


def raise_descriptor_limit() -> int:
    """As many open files as we may have; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


_next_port = 21_000


def free_port() -> int:
    """A free port below those that the system gives to outgoing connections."""
    global _next_port
    while _next_port < 32_000:
        _next_port += 1
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", _next_port))
            except OSError:
                continue
            return _next_port
    raise RuntimeError("no free port between 21000 and 32000")
