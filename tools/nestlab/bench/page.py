# SPDX-License-Identifier: GPL-2.0-only
"""One self-contained HTML page with plots of the last runs.

As a program it draws; the lab's own process needs no plot library.
"""

import html
import io
import re
import sys
from pathlib import Path

from nestlab import paths, proc
from nestlab.bench import doc, figures
from nestlab.bench.figures import Row, Run
from nestlab.setup import hosttools

PAGE = paths.BUILD / "bench" / "performance.html"
COLOURS = {"ours": "#1b7f5c", "peer": "#b0b7c3"}
STYLE = """body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}table{border-collapse:collapse}
td,th{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:right}td:first-child,th:first-child{text-align:left}
.missed{color:#b00020;font-weight:bold}svg{max-width:100%;height:auto}"""


def write() -> Path:
    """Generate the page; fetches what draws."""
    hosttools.need(["python3-matplotlib"])
    env = {"PYTHONPATH": str(paths.PACKAGE.parent), "PATH": "/usr/bin:/bin", "MPLCONFIGDIR": str(paths.cache("matplotlib"))}
    proc.run(["/usr/bin/python3", "-m", "nestlab.bench.page", str(PAGE)], "drawing the page", env=env)
    return PAGE


def svg(figure) -> str:
    """A figure as an element to put into a page."""
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    return re.search(r"<svg.*</svg>", out.getvalue(), re.S)[0]


def chart(title: str, mode: str, columns: dict[Run, dict[tuple[str, str], Row]]) -> str:
    """Medians side by side on a logarithmic axis, from minimum to the 90th percentile as a line, goals as a mark."""
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = title         # the same page for the same numbers
    from matplotlib import pyplot
    names = [name for name in list(doc.WHAT)[1:] if any((mode, name) in rows for rows in columns.values())]
    figure, axes = pyplot.subplots(figsize=(9, 0.8 + 0.55 * len(names)))
    height = 0.8 / len(columns)
    for number, (run, rows) in enumerate(columns.items()):
        found = [(place, rows[mode, name]) for place, name in enumerate(names) if (mode, name) in rows]
        found = [(place, row) for place, row in found if not row.error]
        where = [place + (number - (len(columns) - 1) / 2) * height for place, _ in found]
        medians = [row.median for _, row in found]
        spread = [[row.median - row.min for _, row in found], [max(0, row.p90 - row.median) for _, row in found]]
        bars = axes.barh(where, medians, height * 0.9, color=COLOURS[run.side], label=run.title, xerr=spread,
                         error_kw={"elinewidth": 1, "ecolor": "#555"})
        axes.bar_label(bars, [f" {value:,.0f}" for value in medians], fontsize=8)
    marked = False
    for place, name in enumerate(names):
        limit = figures.goal(Row(mode, name), any(run.nested for run in columns))
        if limit:
            axes.plot([limit, limit], [place - 0.45, place + 0.45], color="#b00020", linewidth=2,
                      label=None if marked else "goal, at most")
            marked = True
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_xlabel("instructions of the whole machine (median; the line reaches from the minimum to the 90th percentile)")
    axes.set_title(title)
    axes.set_xlim(left=1)
    axes.legend(loc="upper right", bbox_to_anchor=(1, -0.08 - 0.3 / len(names)), ncol=3, fontsize=8)
    text = svg(figure)
    pyplot.close(figure)
    return text


def page() -> str:
    loaded = {run: figures.load(run) for run in doc.runs()}
    parts = ["<h1>Exit latency</h1><p>Figures are instructions executed by the whole machine (QEMU, -icount shift=0): "
             "how much work an exit costs, not how long a given core takes.</p>"]
    for each in doc.tables({run: rows for run, (_, rows) in loaded.items()}):
        parts += [chart(f"{each.title}, -cpu {each.cpu}", each.mode, each.columns), table(each.columns, each.mode)]
    head = f"<meta charset=utf-8><title>Exit latency</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang=en>{head}{''.join(parts)}</html>\n"


def table(columns: dict[Run, dict[tuple[str, str], Row]], mode: str) -> str:
    """doc's table as HTML."""
    lines = [re.split(r" ?\| ?", line)[1:-1] for line in doc.table(columns, mode).splitlines()]
    head = "".join(f"<th>{html.escape(text)}" for text in lines[0])
    body = "".join("<tr>" + "".join(cell(text) for text in line) for line in lines[2:])
    return f"<table><tr>{head}{body}</table>"


def cell(text: str) -> str:
    missed = " class=missed" if "missed" in text else ""
    return f"<td{missed}>{html.escape(text.replace('**', ''))}"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page())
