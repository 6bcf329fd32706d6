"""The picture docs/benchmarks.svg: one panel of bars for each workload, drawn by hand."""

from typing import Any
from xml.sax.saxutils import escape

from harness.entrants import BASE, BY_NAME
from harness.workloads import BARS, WORKLOADS

WIDTH, MARGIN, GAP = 900, 24, 40
LABELS = 130
"""Room for the names on the left of each panel."""
VALUES = 52
"""Room for the figures on the right of the longest bar."""
ROW, BAR, HEAD = 24, 15, 62
LONGEST = 4.0
"""Ratio at which bars are cut: a bar that is fifteen times as long would hide all others."""

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .small { font-size: 11px; fill: #57606a }
  .title { font-size: 17px; font-weight: 600 }
  .panel { font-weight: 600 }
  .other { fill: #9aa4b0 } .own { fill: #1a7f5a } .limit { fill: #cdb380 }
  .one { stroke: #24292f; stroke-dasharray: 3 3 } .goal { stroke: #c4321f; stroke-width: 2 }
  .cut { stroke: #ffffff; stroke-width: 3 } .page { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9da7b3 } .other { fill: #5c6773 } .own { fill: #3fb98a }
    .limit { fill: #8c7a50 } .one { stroke: #e6edf3 } .goal { stroke: #ff7b6b }
    .cut { stroke: #0d1117 } .page { fill: #0d1117 }
  }
"""


def draw(found: dict[str, Any]) -> str:
    panels = [
        (workload, of)
        for workload in WORKLOADS
        if (of := _ratios(found["workloads"].get(workload.name, {})))
    ]
    column = (WIDTH - 2 * MARGIN - GAP) // 2
    parts, top = [], 76
    for start in range(0, len(panels), 2):
        row = panels[start : start + 2]
        for place, (workload, of) in enumerate(row):
            left = MARGIN + place * (column + GAP)
            parts += _panel(workload.name, workload.title, of, left, top, column)
        top += HEAD + ROW * max(len(of) for _, of in row)
    legend = f"Lower is better. Dashed: NGINX. Red: the limit Yumen sets itself. {found['date']}, {found['commit']}"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" role="img">',
        "<title>CPU time per request, as a ratio to NGINX</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{top}"/>',
        _text(MARGIN, 32, "CPU time per request, NGINX = 1", "title"),
        _text(MARGIN, 52, legend, "small"),
        *parts,
        "</svg>\n",
    ])


def _ratios(of: dict[str, Any]) -> dict[str, float]:
    """The second NGINX shows noise, not speed: it is left to the tables."""
    return {
        name: told["ratio"]["cpu"][0]
        for name, told in of.items()
        if told["ratio"]["cpu"] and name != "nginx-again"
    }


def _panel(name: str, title: str, of: dict[str, float], left: int, top: int, width: int) -> list[str]:
    zero = left + LABELS
    longest = min(LONGEST, max(of.values()))
    unit = (width - LABELS - VALUES) / longest
    parts = [_text(left, top + 14, title, "panel")]
    bottom = top + 26 + ROW * len(of)
    for row, (entrant, ratio) in enumerate(of.items()):
        y = top + 26 + row * ROW
        kind = {"yumen": "own", "relay": "limit"}.get(entrant, "other")
        length = min(ratio, LONGEST) * unit
        parts.append(_text(zero - 8, y + 12, BY_NAME[entrant].title, "", "end"))
        parts.append(f'<rect class="{kind}" x="{zero}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>')
        if ratio > LONGEST:
            x = zero + length - 14
            parts.append(f'<line class="cut" x1="{x:.1f}" y1="{y + BAR + 2}" x2="{x + 6:.1f}" y2="{y - 2}"/>')
        # Behind the NGINX line, too: a figure that is crossed by it cannot be read.
        parts.append(_text(zero + max(length, unit) + 6, y + 12, f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"))
    if BASE in of:
        parts.append(_line("one", zero + unit, top + 22, bottom))
    limits = [bar.limit for bar in BARS if bar.workload == name and bar.rival == BASE]
    if "yumen" in of and limits:
        y = top + 26 + list(of).index("yumen") * ROW
        parts.append(_line("goal", zero + limits[0] * unit, y - 3, y + BAR + 3))
    return parts


def _line(kind: str, x: float, y1: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" y1="{y1}" x2="{x:.1f}" y2="{y2}"/>'


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'
