"""Figures of tools/bench: medians, how they are written, what is lost against a stored run."""
import json

# A loss below this is never told: no machine is that steady.
NOISE_MIN = 0.05
# Fewer rounds than this say nothing of the noise, which then counts as ...
ROUNDS_MIN = 3
# ... this much.
NOISE_UNKNOWN = 0.25


def median(values):
    v = sorted(values)
    k = len(v) // 2
    return v[k] if len(v) % 2 else (v[k - 1] + v[k]) / 2


def more_is_better(unit):
    return unit.endswith("/s")


def text_of(x):
    for limit, letter in ((1e6, "M"), (1e4, "k")):
        if abs(x) >= limit:
            return f"{x / (1e6 if letter == 'M' else 1e3):.3g}{letter}"
    return f"{x:.4g}" if abs(x) >= 100 else f"{x:.3g}"


def gain(ours, theirs, unit):
    """How many times better ours is; None where that means nothing."""
    if ours <= 0 or theirs <= 0:
        return None
    return ours / theirs if more_is_better(unit) else theirs / ours


def lines_of(row, got):
    """What is stored of a row's rounds: {peer: {metric: (values, unit)}}, as one dict a figure."""
    for peer, metrics in got.items():
        for metric, (values, unit) in metrics.items():
            yield dict({"row": row, "peer": peer, "metric": metric, "unit": unit}, **summary(values))


def summary(values):
    return {"median": median(values), "min": min(values), "max": max(values), "runs": len(values), "values": values}


def read(path):
    """A stored run: {(row, peer, metric): figure}, in order. Rounds that were appended later count as rounds of the
    same run. ValueError: what is wrong."""
    figures = {}
    with open(path) as f:
        for number, line in enumerate(f, 1):
            if not line.strip():
                continue
            try:
                figure = json.loads(line)
                key = (figure["row"], figure["peer"], figure["metric"])
                figure.update(summary(figures.get(key, {"values": []})["values"] + figure["values"]))
                figures[key] = figure
            except (ValueError, KeyError, TypeError, IndexError) as why:
                raise ValueError(f"{path}:{number}: no figure: {why!r}")
    if not figures:
        raise ValueError(f"{path}: no figures")
    return figures


def noise(old, new):
    """The share by which the median of a figure may be worse, and nothing be lost: half the range of either run's
    rounds, together."""
    if min(old["runs"], new["runs"]) < ROUNDS_MIN:
        return NOISE_UNKNOWN
    ranges = [(f["max"] - f["min"]) / f["median"] / 2 if f["median"] > 0 else 0 for f in (old, new)]
    return max(NOISE_MIN, sum(ranges))


def losses(stored, now, rows, ours):
    """What our figures of `rows` lost: [(name, text)]. A figure that is there no more is lost too."""
    lost = []
    for key, old in stored.items():
        row, peer, metric = key
        if row not in rows or peer not in ours:
            continue
        name = f"{row} {metric}" if peer == "agner" else f"{row} {metric} ({peer})"
        new = now.get(key)
        if new is None:
            lost.append((name, "has no figure any more"))
            continue
        ratio = gain(old["median"], new["median"], old["unit"])
        allowed = noise(old, new)
        if ratio is not None and ratio > 1 + allowed:
            lost.append((name, f"{text_of(old['median'])} -> {text_of(new['median'])} {old['unit']}: "
                               f"{(ratio - 1) * 100:.0f} % worse, noise {allowed * 100:.0f} %"))
    return lost


def table(figures, rows, peers):
    """The figures as lines of Markdown: a line a metric, a column a peer that has any."""
    columns = [p for p in peers if any(key[1] == p and key[0] in rows for key in figures)]
    yield "| row | unit | " + " | ".join(columns) + " |"
    yield "|---|---|" + "---|" * len(columns)
    for row in rows:
        metrics = []
        for (name, _, metric) in figures:
            if name == row and metric not in metrics:
                metrics.append(metric)
        for metric in metrics:
            cells, unit = [], ""
            ours = figures.get((row, "agner", metric))
            for peer in columns:
                f = figures.get((row, peer, metric))
                if f is None:
                    cells.append("")
                    continue
                unit = f["unit"]
                if peer == "agner":
                    cells.append(f"{text_of(f['median'])} ({text_of(f['min'])}..{text_of(f['max'])})")
                    continue
                better = gain(ours["median"], f["median"], unit) if ours else None
                cells.append(text_of(f["median"]) + ("" if better is None else f" ({better:.2g}x)"))
            yield f"| `{row}` {metric} | {unit} | " + " | ".join(cells) + " |"
