"""Scores as tidy rows, and as people read them. A row says one thing; what is undefined has an empty value and its reason."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pleura.core.results import Table
from pleura.metrics.case import STRUCTURES
from pleura.metrics.overlap import RATIOS
from pleura.metrics.slices import CLASSES

SCORE_COLUMNS = ("case", "structure", "metric", "value", "unit", "note")
SLICE_COLUMNS = ("case", "slice", "position_mm", "structure", "class", "metric", "value")

RAW = "raw_"
"""Before the metrics of what a network said before cleaning, so that a name means one thing in a table."""

Row = tuple[str, ...]


def unit(metric: str) -> str:
    """The unit of a metric: `ml`, `mm`, `slices`, or `ratio`."""
    if metric.startswith(("slices_", "raw_slices_")):
        return "slices"
    if metric.endswith("_ml"):
        return "ml"
    return "mm" if "_mm" in metric and "surface_dice" not in metric else "ratio"


def score_rows(case: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of one case for `scores.csv`: every structure and metric, slices by class, and the raw answer's own."""
    name = str(case["case"])
    for structure in STRUCTURES:
        notes = case["notes"].get(structure, {})
        for metric in case["both"]:
            if metric.startswith("false_positive") and structure != "both":
                continue
            value = case[structure].get(metric)
            yield name, structure, metric, text(value), unit(metric), notes.get(metric, notes.get("*", ""))
    for prefix, told in (("", case), (RAW, case.get("raw"))):
        if not told:
            continue
        if prefix:
            for metric, value in told["both"].items():
                yield name, "both", f"{RAW}{metric}", text(value), unit(metric), "" if value is not None else "in neither mask"
        yield name, "both", f"{prefix}mean_slice_dice", text(told["mean_slice_dice"]), "ratio", ""
        for word in CLASSES:
            yield name, "both", f"{prefix}slices_{word}", text(told["slices"][word]), "slices", ""


def slice_rows(name: str, tables: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """The rows of one case for `slices.csv`, from its slice tables, ascending: the mask's, then the raw answer's as `raw_…`."""
    for table in tables:
        before = RAW if table["source"] == "raw" else ""
        for k, number in enumerate(table["slice"]):
            place = (name, str(number), text(table["position_mm"][k]), table["structure"], table["class"][k])
            for metric in RATIOS:
                yield *place, f"{before}{metric}", text(table[metric][k])


def text(value: float | int | None) -> str:
    """A number as tidy files have it: six decimals at most, empty where undefined."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.6f}".rstrip("0").rstrip(".")


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Rows as CSV with a heading, RFC 4180 quoting, one line feed a line."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return file.getvalue()


def case_table(cases: Sequence[Mapping[str, Any]]) -> Table:
    """One row a case, for the terminal."""
    rows = []
    for case in cases:
        both, slices = case["both"], case["slices"]
        numbers = [(both["dice"], 4), (both["accuracy"], 4), (both["hd95_mm"], 2)]
        told = ["-" if value is None else f"{value:.{digits}f}" for value, digits in numbers]
        rows.append((case["case"], case["split"] or "-", *told, str(slices["hallucinated"]), str(slices["missed"])))
    columns = ("case", "split", "Dice", "accuracy", "HD95 [mm]", "hallucinated [slices]", "missed [slices]")
    return Table("Both lungs against references", columns, tuple(rows))


def score_notes(scores: Mapping[str, Any]) -> list[str]:
    """Lines for people: refusals with their reasons, remarks, what had no partner, and how two methods compare."""
    lines = [f"{entry['case']}: refused: {entry['reason']}" for entry in scores["refused"]]
    lines += [f"{case['case']}: {remark}" for case in scores["cases"] for remark in case["remarks"]]
    for key, told in (("unanswered", "references have no mask in PRED"), ("without_reference", "masks have no reference")):
        if scores[key]:
            lines.append(_some(scores[key], told))
    other = scores["against"]
    if other:
        lines += [f"AGAINST: {entry['case']}: refused: {entry['reason']}" for entry in other["refused"]]
        if other["unanswered"]:
            lines.append(_some(other["unanswered"], "references have no mask in AGAINST"))
        lines += [_compared(test) for test in other["tests"] if test["metric"] in ("dice", "hd95_mm")]
    return lines


def _some(names: Sequence[str], told: str) -> str:
    return f"{len(names)} {told}: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"


def _compared(test: Mapping[str, Any]) -> str:
    p = "no difference" if test["p"] is None else f"effect {test['effect']:+.2f}, p {test['adjusted_p']:.3g} after Holm"
    return f"{test['structure']} {test['metric']}: {test['first']:.4g} against {test['second']:.4g}, {test['n']} patients: {p}"
