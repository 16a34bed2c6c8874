"""How scores spread over cases: a point a lung and case, and the median of the test cases."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from pleura.page.canvas import figure, figure_names
from pleura.page.palette import BOTH_LUNGS, GREY, LEFT_LUNG, RIGHT_LUNG

METRICS = {"dice": "Dice", "msd_mm": "mean surface distance, mm", "hd95_mm": "HD95, mm"}
SIDES = {"right": (RIGHT_LUNG, "o"), "left": (LEFT_LUNG, "s")}
UNSIDED = {"both": (BOTH_LUNGS, "D")}
NAMES = {"right": "right lung", "left": "left lung", "both": "both lungs"}
TRAINING = ("train", "validation")
FAR_MM = 60.0
"""Distances beyond this are drawn on an axis that is linear to 1 mm and logarithmic above."""
MANY = 20
"""More points than these are drawn small."""
WIDTH = 0.5
"""Width over which the points of a lung lie side by side, in case order, so figures are equal."""


def distributions_png(cases: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw Dice, mean surface distance and HD95 of each lung (of both where no mask has sides), a
    panel for each metric.

    Training cases are hollow; the worst case of each lung is named.

    Args:
        cases: as `scores.json` has them; an undefined value has no point, and each panel says how
            many there are.
        path: the PNG to write.
    """
    sides = sides_of(cases)
    names = figure_names([case["case"] for case in cases])
    parts = {case["split"] for case in cases}
    with figure(path, (12, 4.4)) as drawn:
        for axis, (metric, words) in zip(
            drawn.subplots(1, len(METRICS)), METRICS.items(), strict=True
        ):
            ticks = []
            for place, (side, look) in enumerate(sides.items()):
                values = [
                    (c[side].get(metric), c["split"], names[c["case"]])
                    for c in cases
                    if c.get(side)
                ]
                count = _side(axis, place, look, values, worst=min if metric == "dice" else max)
                ticks.append(f"{NAMES[side]}\nn = {count}")
            axis.set_xticks(range(len(sides)), ticks)
            axis.set_xlim(-0.6, len(sides) - 0.4)
            # a missed lung must not squeeze all others against the axis
            if metric != "dice" and axis.get_ylim()[1] > FAR_MM:
                axis.set_yscale("symlog", linthresh=1.0)
                axis.set_ylim(0, 1.6 * axis.get_ylim()[1])
                axis.yaxis.set_major_formatter("{x:g}")
            axis.set_ylabel(words)
            axis.grid(axis="y", alpha=0.3)
        full, median = "case", "median"
        handles = []
        if parts & set(TRAINING):
            full, median = "test case", "median of the test cases (of all, where there is none)"
            hollow = {"facecolors": "none", "edgecolors": GREY, "linewidths": 1.8}
            handles = [axis.scatter([], [], s=55, label="training or validation case", **hollow)]
        handles.insert(0, axis.scatter([], [], s=55, color=GREY, label=full))
        handles += axis.plot([], [], color="black", linewidth=1.5, label=median)
        drawn.legend(handles=handles, loc="outside lower center", ncols=3)


def sides_of(cases: Sequence[Mapping[str, Any]]) -> Mapping[str, tuple[str, str]]:
    """The structures to draw, with colour and marker: right and left, or both if none has sides."""
    if any(case.get(side) for case in cases for side in SIDES):
        return SIDES
    return UNSIDED


def _side(
    axis: Any,
    place: int,
    look: tuple[str, str],
    values: Sequence[tuple[float | None, str | None, str]],
    worst: Any,
) -> int:
    colour, marker = look
    known = [(value, split, case) for value, split, case in values if value is not None]
    size, width = (55, 1.8) if len(known) <= MANY else (22, 0.8)
    for k, (value, split, case) in enumerate(known):
        across = place + (WIDTH * ((k + 0.5) / len(known) - 0.5))
        inside = "none" if split in TRAINING else colour
        style = {"facecolors": inside, "edgecolors": colour, "linewidths": width}
        axis.scatter([across], [value], s=size, marker=marker, zorder=3, **style)
        if len(known) > 1 and (value, case) == worst((value, case) for value, _, case in known):
            axis.annotate(
                case,
                (across, value),
                (6, 0),
                textcoords="offset points",
                fontsize=9,
                va="center",
                zorder=5,
            )
    if known:
        middle = median(
            [value for value, split, _ in known if split not in TRAINING]
            or [value for value, *_ in known]
        )
        axis.plot(
            [place - 0.35, place + 0.35], [middle] * 2, color="black", linewidth=1.5, zorder=4
        )
    return len(known)
