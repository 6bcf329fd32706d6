"""What one thing costs: the same gateway with it and without it, in turn; its instructions counted too."""

import dataclasses
import functools
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import configs, drive, entrants, load, process, tools
from harness.configs import Command, Job, Writer
from harness.entrants import Gateway, Ready
from harness.hot_path import under_callgrind
from harness.load import Run
from harness.measure import Bench, Runs, tell
from harness.workloads import ROUTES, SMALL, Workload

SCRAPE_EVERY = 5
"""Seconds; Prometheus asks every 15 to 60, unless it is told otherwise."""
COUNTED_SECONDS = 4
"""Of load under callgrind, which makes everything some fifty times slower."""


@dataclass(frozen=True)
class Variant:
    """A gateway in one configuration."""

    name: str
    title: str
    of: str
    """The entrant."""
    base: str
    """The variant that it is compared with; its own name for one that others are compared with."""
    write: Callable[[Job, str], Command]
    scraped: int = 0
    """The port of its status listener, if its metrics are asked for now and then."""
    asked: tuple[str, ...] = ()
    """Header fields of the requests."""
    counted: bool = True
    """Whether its instructions are counted: not where its start alone would take minutes then."""


ASKED_WITH = re.compile(r"^# Asked with: (.+)$", re.MULTILINE)
"""How an example says what requests must bring."""
REFUSES = "# Answers: "
"""What stands in an example for which no request that is good can be written down."""
CONSUMERS = 1_000_000

JSON_LOG = "access_log: {to: {file: access.log}}"
OFF = "access_log: {to: off}"
UNSEEN = "status: {address: off}"


def watch_variants(backend: int) -> list[Variant]:
    """Yumen and two others with and without a watch on them."""
    status = process.free_port(), process.free_port()

    def traced(sample: float) -> str:
        return f"tracing: {{url: 'http://127.0.0.1:{backend}/s', sample: {sample}}}"

    def seen(port: int) -> str:
        return f"status: {{address: '127.0.0.1:{port}'}}"

    def yumen(name: str, title: str, *lines: str, scraped: int = 0) -> Variant:
        write = functools.partial(configs.yumen, watch="\n".join(lines))
        return Variant(name, title, "yumen", "yumen", write, scraped)

    template = "'%{client.address} \"%{request.method} %{request.path}\" %{response.status} %{total_ms}'"
    nginx_log = f"access_log access.log combined buffer={32}k flush=1s;"
    return [
        yumen("yumen", "Yumen, nothing of it", OFF, UNSEEN),
        yumen("json", "access log, JSON, to a file", JSON_LOG, UNSEEN),
        yumen("combined", "access log, combined", JSON_LOG.replace("}}", "}, format: combined}"), UNSEEN),
        yumen("template", "access log, a template", JSON_LOG.replace("}}", f"}}, format: {{template: {template}}}}}"), UNSEEN),
        yumen("metrics", "metrics, scraped every 5 seconds", OFF, seen(status[0]), scraped=status[0]),
        yumen("traces-1", "traces, 1 % of them recorded", OFF, UNSEEN, traced(0.01)),
        yumen("traces-100", "traces, all of them recorded", OFF, UNSEEN, traced(1)),
        yumen("watched", "JSON log, metrics scraped, traces 1 %", JSON_LOG, seen(status[1]), traced(0.01), scraped=status[1]),
        Variant("nginx", "NGINX, no access log", "nginx", "nginx", configs.nginx),
        Variant("nginx-log", "NGINX, access log, buffered", "nginx", "nginx", functools.partial(configs.nginx, log=nginx_log)),
        Variant("haproxy", "HAProxy, no log", "haproxy", "haproxy", configs.haproxy),
        Variant("haproxy-log", "HAProxy, HTTP log to a file", "haproxy", "haproxy",
                functools.partial(configs.haproxy, log="  log global\n  option httplog\n")),
    ]


def policy_variants() -> list[Variant]:
    """The example of each policy, with the policy and without it."""
    found = []
    for example in sorted((tools.ROOT / "policies").glob("*/example.yaml")):
        name, text = example.parent.name, example.read_text()
        asked = tuple(ASKED_WITH.findall(text))
        if REFUSES in text:
            continue
        found.append(Variant(f"{name}-not", f"the example of `{name}` without it", "yumen", f"{name}-not",
                             _serving(without_policies(text)), asked=asked))
        found.append(Variant(name, f"`{name}`", "yumen", f"{name}-not", _serving(text), asked=asked))
        if name == "key-auth":
            found.append(Variant("key-auth-many", f"the same with {CONSUMERS:,} keys, a thousand of them in turn", "yumen",
                                 f"{name}-not", _among_many(text), asked=("X-API-Key: a-key-of-many-#",), counted=False))
    return found


def _among_many(text: str) -> Writer:
    """The example of `key-auth` with many consumers, of which the load is each in its turn."""

    def write(job: Job, program: str) -> Command:
        command = _serving(f"directory: {{files: [consumers.jsonl]}}\n{text}")(job, program)
        with (job.folder / "consumers.jsonl").open("w") as file:
            file.writelines(
                f'{{"name":"consumer {number}","keys":[{{"key":"a-key-of-many-{number}"}}]}}\n' for number in range(CONSUMERS)
            )
        return command

    return write


def without_policies(text: str) -> str:
    """A configuration without its blocks `policies:`."""
    kept, inside = [], None
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip(" "))
        if inside is not None and (depth > inside or line.strip().startswith("- ") and depth == inside):
            continue
        inside = depth if line.strip() == "policies:" else None
        if inside is None:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _serving(text: str) -> Writer:
    """An example as it is, but for where it listens and where its service is."""

    def write(job: Job, program: str) -> Command:
        here, there = f"127.0.0.1:{job.port}", f"127.0.0.1:{job.backend}"
        served = text.replace("127.0.0.1:0", here).replace("127.0.0.1:9001", there)
        limits = f"limits: {{requests_per_connection: {configs.KEPT_REQUESTS}, connections_per_client: 20000}}"
        served = re.sub(rf"( *)address: {here}\n", rf"\g<0>\1{limits}\n", served, count=1)
        file = job.folder / "yumen.yaml"
        file.write_text(f"{configs.UNWATCHED}\n{served}")
        return Command([program, "run", str(file), "--workers", "1"])

    return write


def _ready(variant: Variant, ready: dict[str, Ready], write: Writer | None = None) -> Ready:
    of = ready[variant.of]
    return dataclasses.replace(of, entrant=dataclasses.replace(of.entrant, write=write or variant.write))


def measure(variants: list[Variant], ready: dict[str, Ready], bench: Bench) -> Runs:
    """CPU time per request of all variants, in turn: what disturbs one round disturbs all in it."""
    running: dict[str, Gateway] = {}
    for variant in variants:
        folder = bench.folder / variant.name
        folder.mkdir()
        running[variant.name] = entrants.start(_ready(variant, ready), bench.backends, ROUTES, folder, variant.asked)
    runs: Runs = {variant.name: [] for variant in variants}
    for number in range(bench.rounds):
        tell(f"  round {number + 1} of {bench.rounds}")
        # There and back again, so that nobody is always behind the same one.
        for variant in variants if number % 2 == 0 else variants[::-1]:
            run = _once(running[variant.name], variant, bench.seconds)
            runs[variant.name].append(run)
            tell(f"    {variant.name:20} {run.cpu * 1e6:7.2f} µs CPU {run.requests:9,.0f}/s {run.wrong}")
    for gateway in running.values():
        gateway.process.stop()
    return runs


def _once(gateway: Gateway, variant: Variant, seconds: int) -> Run:
    stop = threading.Event()
    asking = threading.Thread(target=_scrape, args=(variant.scraped, stop))
    if variant.scraped:
        asking.start()
    try:
        return load.run(gateway.process, gateway.port, _load_of(variant), ROUTES, seconds)
    finally:
        stop.set()
        if variant.scraped:
            asking.join()


def _load_of(variant: Variant) -> Workload:
    return dataclasses.replace(SMALL, fields=variant.asked)


def _scrape(port: int, stop: threading.Event) -> None:
    # Once within the seconds that are measured.
    while not stop.wait(SCRAPE_EVERY - 1):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read()


def count(variants: list[Variant], ready: dict[str, Ready], bench: Bench) -> dict[str, float]:
    """Instructions per request outside the kernel, of all threads; those of rivals are none of ours."""
    found = {}
    for variant in variants:
        if variant.of != "yumen" or not variant.counted:
            continue
        folder = bench.folder / f"counted-{variant.name}"
        folder.mkdir()
        out = folder / "callgrind.out"
        gateway = entrants.start(
            _ready(variant, ready, under_callgrind(variant.write, out)), bench.backends, ROUTES, folder, variant.asked
        )
        found[variant.name] = _counted(gateway, out, _load_of(variant))
        gateway.process.stop()
        tell(f"    {variant.name:20} {found[variant.name]:9,.0f} instructions")
    return found


def _counted(gateway: Gateway, out: Path, load_of_it: Workload) -> float:
    def control(*arguments: str) -> None:
        subprocess.run(["callgrind_control", *arguments], check=True, capture_output=True, timeout=60)

    pid = str(gateway.process.pid)
    # What happens once is over by then.
    drive.drive(gateway.port, load_of_it, ROUTES, 2)
    control("-i", "on", pid)
    requests = drive.drive(gateway.port, load_of_it, ROUTES, COUNTED_SECONDS)[0]
    # Lines and spans of the last second are still on their way.
    time.sleep(2)
    control("-i", "off", pid)
    control("--dump", pid)
    totals = [
        int(line.split()[1])
        for file in out.parent.glob(out.name + "*")
        for line in file.read_text(errors="replace").splitlines()
        if line.startswith("totals:")
    ]
    return sum(totals) / max(requests, 1)
