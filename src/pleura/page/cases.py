"""How scores spread over cases: each lung of each case a point, with the median of those that were held out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from pleura.page.canvas import GREY, ORANGE, SKY, figure

METRICS = {"dice": "Dice", "msd_mm": "mean surface distance, mm", "hd95_mm": "HD95, mm"}
SIDES = {"right": (ORANGE, "o"), "left": (SKY, "s")}
TRAINING = ("train", "validation")
WIDTH = 0.5
"""Points of one lung lie side by side over this width, in case order: no two runs shift them otherwise."""


def distributions_png(cases: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw Dice, mean surface distance and HD95 of each lung, a panel a metric; training cases hollow.

    Args:
        cases: as `scores.json` has them; an undefined value has no point, and each panel says how many there are.
        path: the PNG to write.
    """
    with figure(path, (12, 4.4)) as drawn:
        for axis, (metric, words) in zip(drawn.subplots(1, len(METRICS)), METRICS.items(), strict=True):
            ticks = []
            for place, side in enumerate(SIDES):
                count = _side(axis, place, side, [(c[side].get(metric), c["split"]) for c in cases if c.get(side)])
                ticks.append(f"{side} lung\nn = {count}")
            axis.set_xticks(range(len(SIDES)), ticks)
            axis.set_xlim(-0.6, len(SIDES) - 0.4)
            axis.set_ylabel(words)
            axis.grid(axis="y", alpha=0.3)
        handles = [
            axis.scatter([], [], s=55, color=GREY, label="test case"),
            axis.scatter([], [], s=55, facecolors="none", edgecolors=GREY, linewidths=1.8, label="training or validation case"),
            *axis.plot([], [], color="black", linewidth=1.5, label="median of the test cases (of all, where there is none)"),
        ]
        drawn.legend(handles=handles, loc="outside lower center", ncols=3)


def _side(axis: Any, place: int, side: str, values: Sequence[tuple[float | None, str | None]]) -> int:
    colour, marker = SIDES[side]
    known = [(value, split) for value, split in values if value is not None]
    for k, (value, split) in enumerate(known):
        across = place + (WIDTH * ((k + 0.5) / len(known) - 0.5))
        inside = "none" if split in TRAINING else colour
        axis.scatter([across], [value], s=55, marker=marker, facecolors=inside, edgecolors=colour, linewidths=1.8, zorder=3)
    if known:
        middle = median([value for value, split in known if split not in TRAINING] or [value for value, _ in known])
        axis.plot([place - 0.35, place + 0.35], [middle] * 2, color="black", linewidth=1.5, zorder=4)
    return len(known)
