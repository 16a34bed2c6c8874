"""Scores as tidy rows and tables: one number a row; an undefined one is empty, with a reason."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pleura.core.results import Table
from pleura.core.text import counted, visible
from pleura.metrics.case import ABSENT, PLACES, STRUCTURES
from pleura.metrics.overlap import RATIOS
from pleura.metrics.ranking import worse_lung, worst_first

SCORE_COLUMNS = ("case", "structure", "metric", "value", "unit", "note")
NUMERIC = {"value", "slice", "position_mm"}
"""Columns that hold numbers, where a leading minus is not a formula."""
SLICE_COLUMNS = ("case", "slice", "position_mm", "structure", "class", "metric", "value")

RAW = "raw_"
"""Prefix of the metrics of a mask before cleaning."""
BY_PLACE = tuple(f"_{place}_ml" for place in PLACES)
"""Endings of volumes by place, which are of both lungs together."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that starts with one of these runs as a formula in a spreadsheet (OWASP CSV injection)."""

Row = tuple[str, ...]


def unit(metric: str) -> str:
    """The unit of a metric: `ml`, `mm`, `slices`, or `ratio`."""
    if metric.removeprefix(RAW).startswith("slices_"):
        return "slices"
    if metric.endswith("_ml"):
        return "ml"
    if "_mm" in metric and "surface_dice" not in metric:
        return "mm"
    return "ratio"


def score_rows(case: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of a case for `scores.csv`: every structure and metric; then before cleaning."""
    name = str(case["case"])
    for structure in STRUCTURES:
        notes = case["notes"].get(structure, {})
        for metric in case["both"]:
            if structure != "both" and metric.endswith(BY_PLACE):
                continue
            value = case[structure].get(metric)
            yield (
                name,
                structure,
                metric,
                text(value),
                unit(metric),
                notes.get(metric, notes.get("*", "")),
            )
    yield name, "both", "mean_slice_dice", text(case["mean_slice_dice"]), "ratio", ""
    raw = case.get("raw")
    if raw:
        for metric, value in raw["both"].items():
            yield (
                name,
                "both",
                f"{RAW}{metric}",
                text(value),
                unit(metric),
                "" if value is not None else ABSENT,
            )
        yield name, "both", f"{RAW}mean_slice_dice", text(raw["mean_slice_dice"]), "ratio", ""


def slice_rows(name: str, tables: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """The rows of a case for `slices.csv`, ascending: of the mask, then `raw_…` before cleaning."""
    for table in tables:
        before = RAW if table["source"] == "raw" else ""
        for k, number in enumerate(table["slice"]):
            place = (
                name,
                str(number),
                text(table["position_mm"][k]),
                table["structure"],
                table["class"][k],
            )
            for metric in RATIOS:
                yield *place, f"{before}{metric}", text(table[metric][k])


def text(value: float | int | None) -> str:
    """A number as tidy files have it: six decimals at most, empty where undefined."""
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    return f"{value:.6f}".rstrip("0").rstrip(".")


def cell(value: str) -> str:
    """A text for a CSV cell: controls as escapes, `'` before what a spreadsheet would run."""
    plain = visible(value)
    if value.startswith(FORMULA):
        return f"'{plain}"
    return plain


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Rows as CSV with a heading, RFC 4180 quoting and line feeds; texts pass through `cell`."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    numeric = {k for k, column in enumerate(columns) if column in NUMERIC}
    for row in rows:
        writer.writerow([value if k in numeric else cell(value) for k, value in enumerate(row)])
    return file.getvalue()


def case_table(cases: Sequence[Mapping[str, Any]]) -> Table:
    """One row for each case for the terminal, the worst first; distances are of the worse lung."""
    rows = []
    for case in worst_first(cases):
        rows.append(
            (
                visible(str(case["case"])),
                case["split"] or "-",
                _rounded(case["both"]["dice"], 4),
                *(
                    _rounded(worse_lung(case, metric)[0], 2)
                    for metric in ("hd95_mm", "hd95_mm_voxel", "hd_mm")
                ),
                *_missed(case),
                hallucinated(case),
            )
        )
    columns = (
        "case",
        "split",
        "Dice",
        "HD95 area [mm]",
        "HD95 voxel [mm]",
        "max. [mm]",
        "missed R [slices]",
        "missed L [slices]",
        "hallucinated [empty slices]",
    )
    return Table(
        "Lungs against references, worst case first; distances of the worse lung",
        columns,
        tuple(rows),
    )


def hallucinated(case: Mapping[str, Any]) -> str:
    """`n of N`: slices with predicted lung among those without lung in the reference."""
    counts = case["slices"]
    return f"{counts['hallucinated']} of {counts['hallucinated'] + counts['empty']}"


def _missed(case: Mapping[str, Any]) -> tuple[str, str]:
    """Missed slices of right and left lung; of both in the first column without sides."""
    if not case["right"]:
        return f"{case['slices']['missed']} (both)", "-"
    return str(case["right"]["slices_missed"]), str(case["left"]["slices_missed"])


def _rounded(value: float | None, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value:.{digits}f}"


def score_notes(scores: Mapping[str, Any]) -> list[str]:
    """Lines for the terminal: refusals with their reasons, findings, masks and references without a
    counterpart, and the comparison of two methods.
    """
    lines = [f"{entry['case']}: refused: {entry['reason']}" for entry in scores["refused"]]
    for case in scores["cases"]:
        lines += [f"{case['case']}: {one['code']}: {one['message']}" for one in case["findings"]]
    if scores["cases"] and all(_is_perfect(case) for case in scores["cases"]):
        lines.append(
            "every mask equals its reference: check that PRED and REF are not the same masks"
        )
    without = {
        "unanswered": ("reference has no mask in PRED", "references have no mask in PRED"),
        "without_reference": ("mask has no reference", "masks have no reference"),
    }
    lines += [_some(scores[key], *words) for key, words in without.items() if scores[key]]
    other = scores["against"]
    if other:
        lines += [
            f"AGAINST: {entry['case']}: refused: {entry['reason']}" for entry in other["refused"]
        ]
        if other["unanswered"]:
            words = ("reference has no mask in AGAINST", "references have no mask in AGAINST")
            lines.append(_some(other["unanswered"], *words))
        lines += [
            _compared(test) for test in other["tests"] if test["metric"] in ("dice", "hd95_mm")
        ]
    return [visible(line) for line in lines]


def _is_perfect(case: Mapping[str, Any]) -> bool:
    scored = [case[name] for name in STRUCTURES if case.get(name)]
    return bool(scored) and all(one.get("dice") == 1.0 for one in scored)


def _some(names: Sequence[str], one: str, several: str) -> str:
    more = " …" if len(names) > 5 else ""
    return f"{counted(len(names), one, several)}: {', '.join(names[:5])}{more}"


def _compared(test: Mapping[str, Any]) -> str:
    p = "no difference"
    if test["p"] is not None:
        p = f"effect {test['effect']:+.2f}, p {test['adjusted_p']:.3g} after Holm"
    return (
        f"{test['structure']} {test['metric']}: {test['first']:.4g} against {test['second']:.4g}, "
        f"{test['n']} patients: {p}"
    )
