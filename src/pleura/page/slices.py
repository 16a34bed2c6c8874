"""Dice and accuracy of every slice in order (Figs 2.6 to 2.9), and Dice against position."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pleura.page.canvas import figure, figure_names
from pleura.page.palette import BLACK, GREY, PREDICTION, REFERENCE
from pleura.page.score_distributions import MANY, NAMES, SIDES, UNSIDED, sides_of
from pleura.page.story import SliceScore

CLASSES = {
    "lung": (BLACK, "o", "lung in both"),
    "empty": (GREY, "_", "empty in both"),
    "hallucinated": (PREDICTION, "X", "hallucinated: empty in the reference"),
    "missed": (REFERENCE, "v", "missed: lung in the reference"),
}


PANELS = 12
"""Most cases that have a panel of their own."""
NAMED = 8
"""Most cases that are named horizontally; more are named vertically, at most 40 of them."""


def slices_png(scores: Sequence[SliceScore], metric: str, title: str, path: Path) -> None:
    """Draw `dice` or `accuracy` of slices; lines separate cases, colour and shape the classes."""
    with figure(path, (12, 4.2)) as drawn:
        axis = drawn.subplots()
        _points(axis, range(len(scores)), scores, metric)
        _cases(axis, scores)
        axis.set_title(title, loc="left", pad=26 if len({s.case for s in scores}) <= NAMED else 66)
        axis.set_xlabel("slice, in case and slice order")
        axis.set_ylabel("binary accuracy")
        if metric == "dice":
            axis.set_ylabel("Dice")
            axis.set_ylim(-0.03, 1.03)
        axis.set_xlim(-1, len(scores))
        axis.grid(axis="y", alpha=0.3)
        drawn.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=4)


def _points(axis: Any, places: Sequence[float], scores: Sequence[SliceScore], metric: str) -> None:
    for kind, (colour, marker, words) in CLASSES.items():
        chosen = [
            (x, getattr(s, metric)) for x, s in zip(places, scores, strict=True) if s.kind == kind
        ]
        points = [(x, y) for x, y in chosen if y is not None]
        if points:
            xs, ys = zip(*points, strict=True)
            size = 70 if kind in ("hallucinated", "missed") else 18
            label = f"{words} ({len(chosen)})"
            axis.scatter(xs, ys, s=size, label=label, zorder=3, **_look(colour, marker))


def _look(colour: str, marker: str) -> dict[str, Any]:
    """Keywords of a marker; one that is a line has a width."""
    return {"color": colour, "marker": marker, "linewidths": 1.2 * (marker == "_")}


def _cases(axis: Any, scores: Sequence[SliceScore]) -> None:
    names = figure_names(list(dict.fromkeys(score.case for score in scores)))
    starts = [k for k, score in enumerate(scores) if k == 0 or score.case != scores[k - 1].case]
    width: float = 1
    style: dict[str, float] = {"fontsize": 11}
    if len(starts) > NAMED:
        width = 0.4
        style = {"fontsize": 9, "rotation": 90}
    every = -(-len(starts) // 40)
    for k, (start, end) in enumerate(zip(starts, [*starts[1:], len(scores)], strict=True)):
        if start:
            axis.axvline(start - 0.5, color="black", linewidth=width)
        if k % every == 0:
            place = (start + end) / 2, 1.01
            axis.text(
                *place,
                names[scores[start].case],
                transform=axis.get_xaxis_transform(),
                ha="center",
                va="bottom",
                **style,
            )


def positions_png(scores: Sequence[SliceScore], path: Path) -> None:
    """Draw Dice against the position of the slice, a panel for each case, worst first."""
    order = _worst_first(scores)
    names = figure_names(order)
    cases = order[:PANELS]
    with figure(path, (12, 1.2 + 2.6 * ((len(cases) + 1) // 2))) as drawn:
        panels = drawn.subplots(
            (len(cases) + 1) // 2, min(2, len(cases)), squeeze=False, sharey=True
        ).ravel()
        for axis, case in zip(panels, cases, strict=False):
            chosen = [score for score in scores if score.case == case]
            _points(axis, [score.position_mm for score in chosen], chosen, "dice")
            axis.set_title(names[case], loc="left")
            axis.set_xlabel("position along the slice normal, mm")
            axis.set_ylabel("Dice")
            axis.set_ylim(-0.03, 1.03)
            axis.grid(alpha=0.3)
        for axis in panels[len(cases) :]:
            axis.remove()
        kinds = {score.kind for score in scores if score.case in cases and score.dice is not None}
        handles = [_legend_entry(panels[0], *CLASSES[kind]) for kind in CLASSES if kind in kinds]
        drawn.legend(handles=handles, loc="outside lower center", ncols=4)


def _legend_entry(axis: Any, colour: str, marker: str, label: str) -> Any:
    return axis.scatter([], [], s=50, label=label, **_look(colour, marker))


def _worst_first(scores: Sequence[SliceScore]) -> list[str]:
    """Cases by the mean Dice of their slices; one without any defined Dice is the last."""
    held: dict[str, list[float]] = {score.case: [] for score in scores}
    for score in scores:
        if score.dice is not None:
            held[score.case].append(score.dice)
    means = {case: fmean(dices or [2.0]) for case, dices in held.items()}
    return sorted(held, key=lambda case: (means[case], case))


def volumes_png(rows: Sequence[tuple[str, str, float, float]], path: Path) -> None:
    """Bland–Altman of lung volume, ml. Rows: case, side (or both), predicted, reference."""
    drawn_sides = {name for _, name, _, _ in rows}
    with figure(path, (7.5, 4.6)) as drawn:
        axis = drawn.subplots()
        for side, (colour, marker) in (SIDES | UNSIDED).items():
            if side not in drawn_sides:
                continue
            chosen = [(p, r) for _, name, p, r in rows if name == side]
            axis.scatter(
                [(p + r) / 2 for p, r in chosen],
                [p - r for p, r in chosen],
                s=60 if len(rows) <= MANY else 24,
                color=colour,
                marker=marker,
                alpha=0.8,
                linewidths=0,
                label=NAMES[side],
            )
        differences = [p - r for *_, p, r in rows]
        mean = sum(differences) / len(differences)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.axhline(
            mean, color=GREY, linestyle="--", label=f"mean {mean:+.0f} ml".replace("-", "−")
        )
        if len(differences) > 2:
            spread = (
                1.96 * (sum((d - mean) ** 2 for d in differences) / (len(differences) - 1)) ** 0.5
            )
            for end in (mean - spread, mean + spread):
                axis.axhline(end, color=GREY, linestyle=":")
            axis.plot([], [], color=GREY, linestyle=":", label=f"± 1.96 SD ({spread:.0f} ml)")
        case, _, p, r = max(rows, key=lambda row: abs(row[2] - row[3]))
        axis.annotate(
            figure_names([case])[case],
            ((p + r) / 2, p - r),
            (7, 0),
            textcoords="offset points",
            fontsize=10,
            va="center",
        )
        axis.set_xlabel("mean of predicted and reference volume, ml")
        axis.set_ylabel("predicted − reference, ml")
        axis.grid(alpha=0.3)
        drawn.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=4)


def volume_rows(cases: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, float, float]]:
    """The rows that `volumes_png` draws, of cases as `scores.json` has them."""
    rows = []
    for case in cases:
        for side in sides_of(cases):
            values = case.get(side) or {}
            reference_ml = values.get("reference_volume_ml")
            if reference_ml is not None:
                rows.append((case["case"], side, values["volume_ml"], reference_ml))
    return rows
