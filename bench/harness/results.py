"""From runs to figures: medians, and ratios that compare only what ran in the same round."""

import statistics
from typing import Any

from harness.entrants import BASE
from harness.load import Run
from harness.measure import Runs
from harness.workloads import BARS, GOALS, LIVE_BAR, MEMORY_BAR, PROTOCOLS, SCALE_BAR, START_BARS, WORKLOADS

METRICS = ["requests", "cpu", "p50", "p99", "p999"]

Json = dict[str, Any]


def _valid(runs: list[Run]) -> list[Run]:
    return [run for run in runs if not run.wrong]


def ratio(runs: list[Run], base: list[Run], metric: str) -> list[float] | None:
    """Median, least and largest of the rounds' ratios; only rounds in which both runs count."""
    pairs = [(a, b) for a, b in zip(runs, base) if not a.wrong and not b.wrong]
    ratios = [getattr(a, metric) / getattr(b, metric) for a, b in pairs if getattr(b, metric)]
    if not ratios:
        return None
    return [round(value, 4) for value in (statistics.median(ratios), min(ratios), max(ratios))]


def summary(runs: Runs, base: str) -> Json:
    """By entrant: medians of every metric and its ratio to the base."""
    told: Json = {}
    for name, own in runs.items():
        valid = _valid(own)
        told[name] = {
            "runs": len(valid),
            "invalid": [run.wrong for run in own if run.wrong],
            "ratio": {metric: ratio(own, runs.get(base, []), metric) for metric in METRICS},
        }
        for metric in [*METRICS, "busy", "foreign"]:
            values = [getattr(run, metric) for run in valid]
            told[name][metric] = float(f"{statistics.median(values):.5g}") if values else None
    return told


def bars(runs: dict[str, Runs], extras: Json) -> list[Json]:
    """Every limit with what was found and whether it is met; `None` where nothing was measured."""
    titles = {workload.name: workload.title for workload in WORKLOADS + PROTOCOLS}
    found = [_load_bar(runs, bar, titles) for bar in BARS]
    scale = extras.get("scale", {}).get("many", {}).get("ratio", {}).get("cpu")
    found.append(_bar("CPU, 100,000 routes against itself with 1,000", scale and scale[0], SCALE_BAR))
    reload = extras.get("reload", {})
    found.append(_bar("a change is live, 10,000 routes", reload.get("live"), LIVE_BAR, "seconds"))
    found.append(_bar("p99 during reloads against the slowest run without", p99_moved(reload) if reload else None, 1.0))
    handover = extras.get("handover", {})
    found.append(_bar("requests refused or failed during hand-overs", handover.get("failed"), 0, "count"))
    memory = extras.get("memory", {}).get("yumen", {}).get("each")
    found.append(_bar("memory of an idle connection", memory, MEMORY_BAR, "bytes"))
    for count, limit in START_BARS.items():
        seconds = extras.get("start", {}).get("yumen", {}).get(str(count))
        found.append(_bar(f"first answer after start, {count:,} routes", seconds, limit, "seconds"))
    return found


def p99_moved(reload: Json) -> float:
    """The median of the runs with reloads as a ratio to the slowest of those without."""
    return statistics.median(reload["with"]) / max(reload["without"] + reload["again"])


def _load_bar(runs: dict[str, Runs], bar: Any, titles: dict[str, str]) -> Json:
    of = runs.get(bar.workload, {})
    found = ratio(of.get("yumen", []), of.get(bar.rival, []), "cpu")
    told = _bar(f"CPU, {titles[bar.workload]}, of {bar.rival}", found and found[0], bar.limit)
    told |= {"workload": bar.workload, "rival": bar.rival, "spread": found and found[1:]}
    told["goal"] = GOALS.get((bar.workload, bar.rival))
    return told


def _bar(what: str, found: float | None, limit: float, unit: str = "ratio") -> Json:
    met = None if found is None else found <= limit
    return {"what": what, "found": found, "limit": limit, "unit": unit, "met": met}


def base_of(runs: Runs) -> str:
    """NGINX, or whoever is first where it does not run."""
    return BASE if BASE in runs else next(iter(runs), BASE)
