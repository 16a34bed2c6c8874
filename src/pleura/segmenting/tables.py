"""What `segment` and `measure` write over all cases: `lungs.csv`, `lungs.json` and `index.html`."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from pleura.core.atomic import atomic_file, write_json
from pleura.core.packed import FEW, Packed
from pleura.quantify.lungs import MEASURES, REGION_MEASURES, REGIONS
from pleura.store.layout import INDEX, LUNGS_CSV, LUNGS_JSON

FORMAT = "pleura-lungs-table/1"
SIDES = ("right", "left", "both")
SCAN = ("slice_thickness_mm", "kernel", "contrast", "scanner")
COLUMNS = (
    *("case", "lung", "verdict", "incomplete", *SCAN),
    *MEASURES,
    *(f"{region}_{measure}" for region in REGIONS for measure in REGION_MEASURES),
    *("asymmetry", "reason"),
)
DENSE_ML = "dense_ml"
"""A column where --dense is given."""
SITE = "site"
"""The last column, and a key of each case, where a table names the sites."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell of text that begins so is a formula to a spreadsheet."""


def write_tables(out: Path, cases: Sequence[Mapping[str, Any]], *, title: str) -> tuple[str, ...]:
    """Write the tables and the page of all cases; return their names below OUT.

    Args:
        out: the output folder.
        cases: records as `segmenting.recipe` makes them.
        title: heading of the page.
    """
    from pleura.page.cohort_page import cohort_page
    from pleura.page.lungs_page import EMBEDDED, lungs_page

    write_json(out / LUNGS_JSON, {"format": FORMAT, "cases": Packed(map(_entry, cases), FEW)})
    with atomic_file(out / LUNGS_CSV) as part, part.open("w", encoding="utf-8", newline="") as file:
        _write_csv(file, cases)
    page = cohort_page(cases, title) if len(cases) > EMBEDDED else lungs_page(out, cases, title)
    with atomic_file(out / INDEX) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return LUNGS_JSON, LUNGS_CSV, INDEX


def _entry(case: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("id", "series_uid", "verdict", "reason", "incomplete", "scan", "measures")
    return {key: case.get(key) for key in kept} | {key: case[key] for key in {SITE} & case.keys()}


def _write_csv(file: IO[str], cases: Sequence[Mapping[str, Any]]) -> None:
    """One row for each lung and for both, a refused case one row without numbers; RFC 4180."""
    known: set[str] = set()
    for case in cases:
        known.update(*_rows(case))
    more = [name for name in (DENSE_ML, SITE) if name in known]
    writer = csv.DictWriter(file, (*COLUMNS, *more), lineterminator="\r\n")
    writer.writeheader()
    for case in cases:
        for row in _rows(case):
            writer.writerow({key: _cell(value) for key, value in row.items()})


def _rows(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    about = {"case": case["id"], "verdict": case["verdict"], "reason": case["reason"]}
    about |= {"incomplete": "; ".join(case.get("incomplete") or ())}
    about |= {key: (case.get("scan") or {}).get(key) for key in SCAN}
    about |= {key: case[key] for key in {SITE} & case.keys()}
    measures = case.get("measures")
    if measures is None:
        return [about | {"lung": ""}]
    rows = []
    for side in SIDES:
        values = measures.get(side)
        if values is None:
            continue
        row = about | {"lung": side} | {name: values[name] for name in MEASURES}
        for region in REGIONS:
            row |= {f"{region}_{name}": values[region][name] for name in REGION_MEASURES}
        row |= {key: values[key] for key in {DENSE_ML} & values.keys()}
        if side == "both":
            row["asymmetry"] = measures["asymmetry"]
        rows.append(row)
    return rows or [about | {"lung": ""}]


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
