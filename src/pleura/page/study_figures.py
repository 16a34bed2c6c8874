"""The figures of a study: each patient's difference to the baseline, and lines over levels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pleura.page.canvas import figure, figure_names
from pleura.page.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY)


@dataclass(frozen=True)
class DifferenceRow:
    """An arm minus its reference: the difference of each patient, their mean, and its interval."""

    label: str
    differences: Mapping[str, float]
    mean: float
    low: float
    high: float


def differences_png(
    rows: Sequence[DifferenceRow], patients: Sequence[str], axis_label: str, path: Path
) -> None:
    """Draw a row for each arm: a mark for each patient, a bar for mean and interval."""
    styles = _styles(patients)
    with figure(path, (9.5, 1.6 + 0.42 * len(rows))) as drawn:
        axis = drawn.subplots()
        axis.axvline(0, color=BLACK, linewidth=1)
        for height, row in enumerate(reversed(rows)):
            axis.plot([row.low, row.high], [height, height], color=GREY, linewidth=5, alpha=0.4)
            axis.plot([row.mean], [height], "|", color=BLACK, markersize=16, markeredgewidth=2.5)
            for patient, value in row.differences.items():
                colour, marker, _ = styles[patient]
                axis.plot([value], [height], marker, color=colour, markersize=7)
        axis.set_ylim(-0.6, len(rows) - 0.4)
        axis.set_yticks(range(len(rows)), [row.label for row in reversed(rows)])
        axis.set_xlabel(axis_label)
        axis.grid(axis="x", alpha=0.3)
        _legend(drawn, axis, styles)


def levels_png(
    values: Mapping[str, Mapping[float, float]], axis_labels: tuple[str, str], path: Path
) -> None:
    """Draw a line for each patient over the levels of a factor; `values` by patient and level."""
    styles = _styles(list(values))
    with figure(path, (7.5, 4.4)) as drawn:
        axis = drawn.subplots()
        for patient, by_level in values.items():
            colour, marker, _ = styles[patient]
            levels = sorted(by_level)
            axis.plot(
                range(len(levels)),
                [by_level[level] for level in levels],
                color=colour,
                marker=marker,
                markersize=7,
                linewidth=2,
            )
            axis.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
        axis.set_xlabel(axis_labels[0])
        axis.set_ylabel(axis_labels[1])
        axis.grid(alpha=0.3)
        _legend(drawn, axis, styles)


def _styles(patients: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Patient to colour, marker and name; colour and marker differ together at most once in 24."""
    names = figure_names(list(patients))
    return {
        patient: (COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)], names[patient])
        for k, patient in enumerate(patients)
    }


def _legend(drawn: object, axis: object, styles: Mapping[str, tuple[str, str, str]]) -> None:
    for colour, marker, name in styles.values():
        key = {"color": colour, "markersize": 7, "label": name}
        axis.plot([], [], marker, **key)  # type: ignore[attr-defined]
    drawn.legend(loc="outside right upper", fontsize=10)  # type: ignore[attr-defined]
