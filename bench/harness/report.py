"""The page docs/benchmarks.md: figures as tables, with what they mean and how sure they are."""

import statistics
from typing import Any

from harness import picture, tools
from harness.entrants import BY_NAME
from harness.workloads import PROTOCOLS, WORKLOADS

PAGE = tools.ROOT / "docs/benchmarks.md"
PICTURE = tools.ROOT / "docs/benchmarks.svg"
DISTURBED = 0.03
"""Share of the gateway's core taken by others from which a workload's figures are marked."""

Json = dict[str, Any]


def table(head: list[str], rows: list[list[str]]) -> str:
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def title(name: str) -> str:
    return BY_NAME[name].title


def present(found: Json) -> list[str]:
    """Entrants of any load, in their fixed order."""
    there = {name for of in found["workloads"].values() for name in of}
    return [name for name in BY_NAME if name in there]


def spread(values: list[float] | None, invalid: list[str] | None = None) -> str:
    if values is None:
        return "invalid" if invalid else "-"
    middle, least, most = (f"{value:.2f}" if value < 10 else f"{value:.1f}" for value in values)
    return f"**{middle}** ({least}-{most})"


def ratios(found: Json) -> str:
    """CPU time per request of everybody in every load, NGINX = 1."""
    of = found["workloads"]
    if not of:
        return ""
    rows = [
        [title(name)]
        + [
            spread(runs[name]["ratio"]["cpu"], runs[name]["invalid"]) if name in runs else "-"
            for runs in of.values()
        ]
        for name in present(found)
    ]
    return table(["CPU time per request, NGINX = 1", *of], rows)


def amount(value: float | None, unit: str) -> str:
    if value is None:
        return "not measured"
    if unit == "bytes":
        return f"{value / 1024:.2f} KiB"
    if unit == "seconds":
        return f"{value * 1e3:,.0f} ms"
    return f"{value:,.0f}" if unit == "count" else f"{value:.2f}"


def bars(found: Json) -> str:
    rows = []
    for bar in found["bars"]:
        goal = f" (goal {bar['goal']:.2f})" if bar.get("goal") else ""
        near = bar.get("spread")
        measured = amount(bar["found"], bar["unit"]) + (f" ({near[0]:.2f}-{near[1]:.2f})" if near else "")
        met = {True: "yes", False: "**no**", None: "-"}[bar["met"]]
        rows.append([bar["what"], f"{amount(bar['limit'], bar['unit'])}{goal}", measured, met])
    return table(["Yumen", "at most", "measured", "met"], rows)


def workload(name: str, of: Json) -> str:
    described = next((one.title for one in WORKLOADS + PROTOCOLS if one.name == name), name)
    rows = []
    for entrant, told in of.items():
        if not told["runs"]:
            rows.append([title(entrant), f"invalid: {told['invalid'][0]}", "", "", "", "", "", ""])
            continue

        def with_ratio(metric: str, figure: str, told: Json = told) -> str:
            by = told["ratio"][metric]
            return f"{figure} ({by[0]:.2f})" if by else figure

        invalid = f" ({len(told['invalid'])} invalid)" if told["invalid"] else ""
        rows.append([
            title(entrant) + invalid,
            with_ratio("requests", f"{told['requests']:,.0f}"),
            with_ratio("cpu", f"{told['cpu'] * 1e6:.1f} µs"),
            *(with_ratio(key, f"{told[key] * 1e3:.2f} ms") for key in ("p50", "p99", "p999")),
            f"{told['busy']:.0%}",
            f"{told['foreign']:.0%}",
        ])
    head = ["", "requests/s", "CPU/request", "p50", "p99", "p99.9", "core used", "by others"]
    return f"### {name}: {described}\n\n{table(head, rows)}"


def scale(found: Json) -> str:
    of = found["scale"]
    rows = []
    for key, label in (("few", "1,000 routes"), ("many", "100,000 routes")):
        told = of[key]
        if told["runs"]:
            cpu, by = told["cpu"] * 1e6, spread(told["ratio"]["cpu"])
            rows.append([label, f"{told['requests']:,.0f}", f"{cpu:.1f} µs", by])
        else:
            rows.append([label, f"invalid: {told['invalid'][0]}", "", ""])
    return table(["Yumen", "requests/s", "CPU/request", "ratio"], rows)


def brief(told: Json) -> str:
    """Why there is no figure, as far as it fits a table."""
    return told.get("wrong", "-").splitlines()[0][:80]


def reload(found: Json) -> str:
    of = found["reload"]
    labels = {"without": "without reloads", "again": "without, once more", "with": "a reload every second"}
    rows = [
        [label, f"{statistics.median(of[key]) * 1e3:.2f} ms", f"{min(of[key]) * 1e3:.2f}-{max(of[key]) * 1e3:.2f} ms"]
        for key, label in labels.items()
    ]
    live = f"A change is live after {of['live'] * 1e3:.0f} ms (median; the slowest: {of['slowest'] * 1e3:.0f} ms)."
    return table(["10,000 routes, 2 connections", "p99, median of runs", "least-largest"], rows) + "\n\n" + live


def handover(found: Json) -> str:
    of = found["handover"]
    titles = {workload.name: workload.title for workload in WORKLOADS}
    rows = [
        [titles[name], f"{p99['without'] * 1e3:.2f} ms", f"{p99['with'] * 1e3:.2f} ms"] for name, p99 in of["p99"].items()
    ]
    told = f"{of['count']} hand-overs, {of['requests']:,} requests beside them, {of['failed']} refused or failed."
    return table(["p99, median of runs", "without", "a hand-over every second"], rows) + "\n\n" + told


def memory(found: Json) -> str:
    of = found["memory"]
    base = of.get("nginx", {}).get("each")
    rows = []
    for name, told in of.items():
        if "wrong" in told:
            rows.append([title(name), f"none: {brief(told)}", "", ""])
            continue
        by = f" ({told['each'] / base:.2f})" if base else ""
        each = f"{told['each'] / 1024:.2f} KiB{by}"
        rows.append([title(name), each, f"{told['connections']:,}", f"{told['before'] / 2**20:.1f} MiB"])
    return table(["", "each connection (ratio)", "connections", "whole process before"], rows)


def start(found: Json) -> str:
    of = found["start"]
    base = of.get("nginx", {})
    counts = list(dict.fromkeys(count for told in of.values() for count in told if count != "wrong"))
    rows = []
    for name, told in of.items():
        row = [title(name)]
        for count in counts:
            if count not in told:
                row.append(brief(told))
                continue
            by = f" ({told[count] / base[count]:.2f})" if count in base else ""
            row.append(f"{told[count] * 1e3:,.0f} ms{by}")
        rows.append(row)
    return table(["", *(f"{int(count):,} routes" for count in counts)], rows)


def noise(found: Json) -> str:
    """What the second NGINX and the rest of the machine say about the figures."""
    twins = [
        of["nginx-again"]["ratio"]["cpu"]
        for of in found["workloads"].values()
        if of.get("nginx-again", {}).get("ratio", {}).get("cpu")
    ]
    lines = []
    if twins:
        least, most = min(twin[0] for twin in twins), max(twin[0] for twin in twins)
        single = min(twin[1] for twin in twins), max(twin[2] for twin in twins)
        lines.append(
            f"A second, equal NGINX ran in every round. Its ratio to the first should be 1.00; its medians were "
            f"{least:.2f} to {most:.2f}, single rounds {single[0]:.2f} to {single[1]:.2f}. Differences smaller "
            f"than that mean nothing."
        )
    disturbed = [
        name for name, of in found["workloads"].items()
        if any((told["foreign"] or 0) > DISTURBED for told in of.values())
    ]
    if disturbed:
        lines.append(
            f"Other programs took more than {DISTURBED:.0%} of the gateway's core in: {', '.join(disturbed)}. "
            f"CPU time per request and its ratios stand this fairly well; requests/s and p99.9 do not."
        )
    return "\n\n".join(lines) or "Not measured in this run."


def text(found: Json) -> str:
    """The short form for a terminal."""
    parts = [ratios(found)]
    parts += [part(found) for key, part in (("reload", reload), ("handover", handover), ("memory", memory), ("start", start)) if key in found]
    if "yumen" in found["versions"]:
        parts.append(bars(found))
    return "\n\n".join(part for part in parts if part)


def facts(found: Json) -> str:
    machine = found["machine"]
    network = f"; in {machine['network']}" if "network" in machine else ""
    versions = "\n".join(
        f"- {title(name)}: {version or 'built from this commit'}" for name, version in found["versions"].items()
    )
    missing = "\n".join(
        f"- left out: {title(name)} ({why.splitlines()[0][:200]})" for name, why in found["missing"].items()
    )
    return (
        f"- {machine['processor']}, {machine['memory']}, {machine['system']}; load average before: "
        f"{machine['load_before']}{network}\n- measured {found['date']} at {found['commit']} in {found['minutes']:.0f} minutes\n"
        f"{versions}" + (f"\n{missing}" if missing else "")
    )


def page(found: Json) -> str:
    sections = [
        INTRO.format(command=found["command"]),
        "## CPU time per request\n\nMedian of the rounds (least-largest); lower is better.\n\n" + ratios(found),
        "## The bars\n\n" + bars(found),
        "## Every workload\n\nMedians; in brackets the ratio to NGINX in the same round. *Core used* is the share of "
        "its core that the gateway was running: where it is below 100 %, the load generator and the backend on the "
        "other core were the limit, so requests/s understates the gateway, and CPU time per request is the figure to "
        "compare.",
        *(workload(name, of) for name, of in found["workloads"].items()),
    ]
    if "scale" in found:
        sections.append("## 100,000 routes\n\nTwo Yumen in turn, the same requests.\n\n" + scale(found))
    if "reload" in found:
        sections.append(
            "## Reloads under load\n\nOne Yumen, runs in turn, all of it on one core: the configuration is compiled in the "
            "time that requests leave.\n\n" + reload(found)
        )
    if "handover" in found:
        sections.append(
            "## Hand-overs under load\n\nOne Yumen that is replaced by a new process every second, all of them on one core; "
            "the old ones end what they have under way.\n\n" + handover(found)
        )
    if "memory" in found:
        sections.append(
            "## Memory of idle connections\n\nGrowth of the process tree (proportional set size) by 10,000 kept "
            "connections that had one answer each; the kernel's own share is the same for all and not counted. The "
            "relay keeps a connection to the backend for each, and as many clients as its open files allow.\n\n" + memory(found)
        )
    if "start" in found:
        sections.append(
            "## First answer after start\n\nFrom the start of the process to the first 200 on the last route; "
            "median.\n\n" + start(found)
        )
    sections += ["## Machine and versions\n\n" + facts(found), METHOD, "## Noise\n\n" + noise(found)]
    return "\n\n".join(sections) + "\n"


def write(found: Json) -> None:
    PAGE.write_text(page(found))
    PICTURE.write_text(picture.draw(found))


INTRO = """# Benchmarks

Yumen next to other gateways, side by side on one machine. This page is written by the command below, from
`bench/results/latest.json`; nothing in it is typed by hand.

```sh
{command}
```

![CPU time per request, as a ratio to NGINX](benchmarks.svg)"""

METHOD = """## How it is measured

- The gateway runs with one worker on one core; wrk and the backend (`bench/backend`, answers from memory) run on
  another. All on loopback, plain HTTP/1.1, access logs off, kept connections on both sides.
- The network is one of the measurement's own if the machine allows that, with cubic or reno as congestion control: one
  that paces (bbr) adds timers to every large write on loopback, which says nothing of gateways.
- The other protocols: TLS with an ECDSA P-256 certificate; handshakes by `openssl s_time -new`; HTTP/2 and gRPC by
  h2load (gRPC clients in clear text, to a service that talks HTTP/2 in clear text); WebSocket by `bench/talk`, one
  message at a time on each connection. NGINX proxies gRPC with `grpc_pass`.
- Every gateway has 1,000 routes by path prefix to one service; the requests go through all of them in turn. The
  configurations are in `bench/harness/configs.py`: as an expert of each would write them for plain proxying. The
  others are not asked for forwarding fields, request ids or strict path rules; Yumen does all of its default work.
- Entrants take turns (A B C, A B C, ...), each run after one second of warm-up. A ratio compares two runs of the same
  round; the median of the rounds' ratios is shown.
- CPU time is the kernel's clock of the gateway's whole process tree (user and system, to the nanosecond), divided by
  the requests that wrk counted. On loopback it contains the network stack's work of delivering what the gateway sends.
- A run with a status from 400 on, a socket error, a timeout, or fewer bytes than its answers must have does not count
  and is shown as invalid. Before each run one answer is checked for status 200 and its length.
- Streamed answers come in 16 chunks with a short time between them, and say `X-Accel-Buffering: no`, so that NGINX
  passes each on as it comes, as the others do.
- The byte relay (`bench/relay`) copies bytes between two connections and understands nothing: less than its work can
  only be done by something that also saves reads and writes.
- wrk reports latency as its closed loop sees it, at full load: it tells gateways apart, not what a client would see at
  a moderate load."""
