"""Plots of tools/bench: a small SVG a row, its metrics below each other, a bar a peer.

The colours are chosen so that text and bars can be read on white and on black. Bars are as long as the figure, in
proportion to the longest of the metric; where more is better that is said.
"""
import os
from xml.sax.saxutils import escape

from bench_figures import gain, more_is_better, text_of

COLOURS = {"agner": "#2f81f7", "beam": "#c2528b", "caf": "#b7791f", "go": "#2a9d8f", "ei": "#8b6fd6",
           "to_beam": "#6b93c9", "from_beam": "#5f7fb0"}
GREY = "#7d8590"
WIDTH, LEFT, BAR, LINE = 640, 84, 360, 17


def _text(x, y, what, weight="400"):
    return f'<text x="{x}" y="{y}" fill="{GREY}" font-weight="{weight}">{escape(what)}</text>'


def _bar(y, peer, figure, longest, ours):
    length = max(1.0, BAR * figure["median"] / longest) if longest > 0 else 1.0
    label = text_of(figure["median"])
    better = gain(ours["median"], figure["median"], figure["unit"]) if ours and ours is not figure else None
    if better is not None:
        label += f"  ({better:.2g}x)" if better >= 1 else f"  (ours {1 / better:.2g}x behind)"
    return (_text(4, y + 12, peer, "600" if peer == "agner" else "400") +
            f'<rect x="{LEFT}" y="{y + 2}" width="{length:.1f}" height="{LINE - 5}" rx="2" '
            f'fill="{COLOURS.get(peer, GREY)}"/>' + _text(round(LEFT + length + 6), y + 12, label))


def svg(row, figures, peers):
    """The picture of one row; None when it has no figures."""
    metrics = []
    for (name, _, metric) in figures:
        if name == row and metric not in metrics:
            metrics.append(metric)
    parts, y = [], 0
    for metric in metrics:
        there = [(p, figures[(row, p, metric)]) for p in peers if (row, p, metric) in figures]
        if not there:
            continue
        unit = there[0][1]["unit"]
        longest = max(f["median"] for _, f in there)
        better = "more" if more_is_better(unit) else "less"
        parts.append(_text(4, y + 13, f"{row}  {metric}  ({unit}, {better} is better)", "600"))
        y += 20
        ours = figures.get((row, "agner", metric))
        for peer, figure in there:
            parts.append(_bar(y, peer, figure, longest, ours))
            y += LINE
        y += 8
    if not parts:
        return None
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
            f'font-family="system-ui, sans-serif" font-size="12">\n' + "\n".join(parts) + "\n</svg>\n")


def write_all(folder, figures, rows, peers):
    """A file a row; returns their names."""
    os.makedirs(folder, exist_ok=True)
    names = []
    for row in rows:
        picture = svg(row, figures, peers)
        if picture is not None:
            names.append(row + ".svg")
            with open(os.path.join(folder, names[-1]), "w") as f:
                f.write(picture)
    return names
