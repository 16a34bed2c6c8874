"""The page of a cohort: distributions, verdicts, scanners, and a paged table of cases, outliers
first. Pictures are linked, so that a page of 10,000 cases opens quickly.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura import __version__
from pleura.page.html import page_html
from pleura.store.layout import PLANES

VERDICTS = ("ok", "repaired", "review", "refused")
NUMBERS = {
    "right [ml]": ("right", "ml"),
    "left [ml]": ("left", "ml"),
    "both [ml]": ("both", "ml"),
    "mean [HU]": ("both", "mean_hu"),
    "Perc15 [HU]": ("both", "perc15_hu"),
}
"""Heading to the measure, in the order of the table's columns."""
JUDGED = ("both [ml]", "mean [HU]", "Perc15 [HU]")
"""Measures whose distance from the cohort's median makes an outlier."""
DRAWN = ("both [ml]", "mean [HU]")
BINS = 40
NORMAL_MAD = 1.4826
"""Standard deviations of a normal distribution in its median absolute deviation."""

Values = NDArray[np.float64]


def cohort_page(cases: Sequence[Mapping[str, Any]], title: str) -> str:
    """The page as text.

    Args:
        cases: records as `segmenting.recipe` makes them.
        title: heading of the page.
    """
    values = {heading: _values(cases, *where) for heading, where in NUMBERS.items()}
    outlying = outlier_scores([values[heading] for heading in JUDGED])
    counts = Counter(case["verdict"] for case in cases)
    context = {
        "title": title,
        "version": __version__,
        "count": len(cases),
        "summary": ", ".join(f"{counts[word]} {word}" for word in VERDICTS if counts[word]),
        "codes": _codes(cases),
        "groups": _groups(cases, values),
        "histograms": [_histogram(heading, values[heading]) for heading in DRAWN],
        "data": _data(cases, values, outlying),
    }
    return page_html("cohort.html.j2", [], context)


def outlier_scores(columns: Sequence[Values]) -> Values:
    """Distance of each case from the median of its cohort, in robust standard deviations.

    Args:
        columns: one array for each measure: a value for every case, NaN where it has none.

    Returns:
        The largest distance over the measures, `(cases,)`; NaN where a case has no value.
    """
    scores = np.full(len(columns[0]), np.nan)
    for column in columns:
        known = column[np.isfinite(column)]
        if not known.size:
            continue
        middle = np.median(known)
        spread = NORMAL_MAD * np.median(np.abs(known - middle))
        if spread > 0:
            scores = np.fmax(scores, np.abs(column - middle) / spread)
        else:
            scores = np.fmax(scores, np.where(np.isfinite(column), 0.0, np.nan))
    return scores


def _values(cases: Sequence[Mapping[str, Any]], side: str, name: str) -> Values:
    found = [((case.get("measures") or {}).get(side) or {}).get(name) for case in cases]
    return np.array(found, dtype=np.float64)  # NaN for None


def _codes(cases: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, int]]:
    """Verdict, code and number of cases of each finding, the worst and most frequent first."""
    found: Counter[tuple[str, str]] = Counter()
    for case in cases:  # a finding counts once for each case
        found.update({(one["verdict"], one["code"]) for one in case["findings"]})
    rows = [(verdict, code, n) for (verdict, code), n in found.items() if verdict != "ok"]
    return sorted(rows, key=lambda row: (-VERDICTS.index(row[0]), -row[2], row[1]))


def _scanner(case: Mapping[str, Any]) -> str:
    return (case.get("scan") or {}).get("scanner") or ""


def _site(case: Mapping[str, Any]) -> str:
    return case.get("site") or ""


def _groups(
    cases: Sequence[Mapping[str, Any]], values: Mapping[str, Values]
) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Heading and rows by site, where a table names sites, and by scanner."""
    groups = [("scanner", _rows_of([_scanner(case) for case in cases], cases, values))]
    if any("site" in case for case in cases):
        groups.insert(0, ("site", _rows_of([_site(case) for case in cases], cases, values)))
    return groups


def _rows_of(
    names: Sequence[str], cases: Sequence[Mapping[str, Any]], values: Mapping[str, Values]
) -> list[tuple[str, ...]]:
    """A row for each name: cases, those for review, refused ones, median volume and density."""
    numbers = defaultdict(list)
    for number, name in enumerate(names):
        numbers[name].append(number)
    verdicts = [case["verdict"] for case in cases]
    rows = []
    for name, listed in sorted(numbers.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        counts = Counter(verdicts[number] for number in listed)
        medians = (_median(values[heading][listed]) for heading in DRAWN)
        numbers_of = (len(listed), counts["review"], counts["refused"])
        rows.append((name or "unknown", *map(str, numbers_of), *medians))
    return rows


def _median(values: Values) -> str:
    known = values[np.isfinite(values)]
    return f"{np.median(known):.0f}".replace("-", "−") if known.size else "-"


def _histogram(heading: str, values: Values) -> dict[str, Any]:
    """Bars of an SVG drawing 400 wide and 100 high, and the words below it."""
    known = values[np.isfinite(values)]
    if not known.size:
        return {"heading": heading, "bars": [], "low": "", "high": "", "middle": "", "count": 0}
    low, high = np.percentile(known, [0.5, 99.5])
    clipped = np.clip(known, low, high)  # values beyond are in the last bars
    counts, _ = np.histogram(clipped, bins=BINS, range=(low, high if high > low else low + 1))
    heights = 100.0 * counts / counts.max()
    width = 400 / BINS
    bars = [
        (round(width * number, 1), round(100.0 - height, 1), round(height, 1))
        for number, height in enumerate(heights)
    ]
    return {
        "heading": heading,
        "bars": bars,
        "low": _median(np.array([low])),
        "high": _median(np.array([high])),
        "middle": _median(known),
        "count": int(known.size),
    }


def _data(
    cases: Sequence[Mapping[str, Any]], values: Mapping[str, Values], outlying: Values
) -> str:
    """The rows of the table as JSON that is safe in a script element."""
    scanners = sorted({_scanner(case) for case in cases})
    rows = []
    for number, case in enumerate(cases):
        codes = dict.fromkeys(one["code"] for one in case["findings"] if one["verdict"] != "ok")
        measured = [_whole(values[heading][number]) for heading in NUMBERS]
        score = outlying[number]
        rows.append(
            [
                case["id"],
                VERDICTS.index(case["verdict"]),
                " ".join(codes),
                *measured,
                round(float(score), 1) if np.isfinite(score) else None,
                scanners.index(_scanner(case)),
                case["reason"],
                int(case.get("mask") is not None),
            ]
        )
    about = {
        "verdicts": VERDICTS,
        "numbers": list(NUMBERS),
        "scanners": scanners,
        "picture": PLANES,
        "rows": rows,
    }
    text = json.dumps(about, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _whole(value: float) -> int | None:
    return round(float(value)) if np.isfinite(value) else None
