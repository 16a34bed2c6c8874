"""The network drawn from its own description (Fig 2.1)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pleura.page.canvas import figure
from pleura.page.palette import GREY

COLOURS = {  # greys: colours have a meaning elsewhere on the page
    "double convolution": "#f0f0f0",
    "max-pool and dropout": "#d4d4d4",
    "transposed convolution": "#b4b4b4",
    "skip and double convolution": "#909090",
    "1×1 convolution to one logit": "#606060",
}


def network_png(architecture: Mapping[str, Any], path: Path) -> None:
    """Draw the network as a U, with a box for each stage and arrows for skips.

    Deeper levels are drawn lower; in and below each box are channels, side in pixels, and
    parameters.
    """
    stages = architecture["stages"]
    full = architecture["input"][1]
    with figure(path, (13, 6)) as drawn:
        axis = drawn.subplots()
        centres = {}
        for number, stage in enumerate(stages):
            level = _level(full, stage["side"])
            centres[stage["name"]] = (number, -level)
            _stage(axis, stage, number, level)
            if number:
                before = centres[stages[number - 1]["name"]]
                _arrow(axis, before, (number, -level))
        for name, (number, height) in centres.items():
            other = centres.get(name.replace("down", "merge"))
            if name.startswith("down") and other:
                _skip(axis, (number, height), other)
        for kind, colour in COLOURS.items():
            axis.bar(0, 0, color=colour, alpha=0.6, edgecolor="#333333", label=kind)
        axis.set_xlim(-0.8, len(stages) - 0.2)
        axis.set_ylim(-max(_level(full, s["side"]) for s in stages) - 0.6, 0.5)
        axis.axis("off")
        axis.set_title(
            f"one slice of {full} × {full} in, one logit a pixel out; "
            f"{architecture['parameters']:,} parameters",
            loc="left",
        )
        drawn.legend(
            loc="outside lower center", ncols=3, handles=axis.get_legend_handles_labels()[0]
        )


def _stage(axis: Any, stage: Mapping[str, Any], number: int, level: int) -> None:
    """The box of a stage, with its numbers."""
    colour = COLOURS.get(stage["kind"], GREY)
    place = {"x": number, "height": 0.52, "width": 0.86, "bottom": -level - 0.26, "zorder": 3}
    axis.bar(**place, color="white")  # a skip passes behind
    axis.bar(**place, color=colour, alpha=0.6, edgecolor="#333333", linewidth=1.5)
    words = f"{stage['channels']} ch\n{stage['side']}²"
    axis.text(number, -level, words, ha="center", va="center", fontsize=12, zorder=4)
    if stage["parameters"]:
        below: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 11, "color": "#333333"}
        axis.text(number, -level - 0.29, f"{stage['parameters']:,}", **below)


def _skip(axis: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """The dashed arrow of a skip connection."""
    style = {"arrowstyle": "->", "linestyle": "--", "color": GREY, "shrinkA": 32, "shrinkB": 32}
    axis.annotate("", end, start, arrowprops=style, zorder=2)
    middle = (start[0] + end[0]) / 2
    axis.text(middle, start[1] + 0.05, "skip", ha="center", fontsize=12, color=GREY)


def _level(full: int, side: int) -> int:
    return (full // side).bit_length() - 1


def _arrow(axis: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "->", "color": "black", "shrinkA": 26, "shrinkB": 26}
    if start[1] != end[1]:
        axis.annotate("", end, start, arrowprops=style)
