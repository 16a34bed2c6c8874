"""The page of all cases of a segmentation: picture, volumes, density, and the verdict with its
reason.

It is filled in without jinja2: importing that and compiling a template costs 0.1 s of every run of
`segment`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from pleura import __version__
from pleura.core.text import counted, sentence
from pleura.page.html import Picture, text_of
from pleura.page.palette import GREEN, LEFT_LUNG, RED, RIGHT_LUNG
from pleura.store.layout import PLANES

EMBEDDED = 100
"""Most pictures that are embedded in the page, so that browsers can open it; others are linked."""
PAGE, STYLE = "lungs.html", "style.html.j2"
HEADINGS = (
    *("lung", "volume [ml]", "mass [g]", "mean [HU]", "Perc15 [HU]", "LAA−950 [%]", "HAA [%]"),
    "dense [ml]",
)
OUTLINES = (
    *(("right lung", RIGHT_LUNG), ("left lung", LEFT_LUNG)),
    *(("dense right lung", RED), ("dense left lung", GREEN)),
)
"""Names and colours, as `page.overlay` draws them."""
ORDER = ("refused", "review", "repaired", "ok")
"""Cases that need a look come first."""


def lungs_page(out: Path, cases: Sequence[Mapping[str, Any]], title: str) -> str:
    """The page as text.

    Args:
        out: the output folder; `ID/planes.png` lies below it.
        cases: records as `segmenting.recipe` makes them.
        title: heading of the page.
    """
    ordered = sorted(cases, key=lambda case: (ORDER.index(case["verdict"]), case["id"]))
    entries = [_entry(out, case, number < EMBEDDED) for number, case in enumerate(ordered)]
    counts = Counter(case["verdict"] for case in cases)
    summary = ", ".join(f"{counts[word]} {word}" for word in reversed(ORDER) if counts[word])
    return Template(text_of(PAGE)).substitute(
        title=escape(title),
        style=text_of(STYLE).removesuffix("\n"),
        version=escape(__version__),
        cases=counted(len(entries), "case", "cases"),
        summary=escape(summary or "no cases"),
        outlines=_outlines(entries),
        sections="".join(_section(entry) for entry in entries),
    )


def _outlines(entries: Sequence[Mapping[str, Any]]) -> str:
    """The colours of outlines; those of dense parts where a case has them."""
    dense = any(len(row) == len(HEADINGS) for entry in entries for row in entry["rows"])
    return " ".join(
        f'<span><i style="border-color: {colour}"></i>{name}</span>'
        for name, colour in OUTLINES[: len(OUTLINES) if dense else 2]
    )


def _section(entry: Mapping[str, Any]) -> str:
    """The HTML of one case."""
    id, verdict = escape(entry["id"]), escape(entry["verdict"])
    lines = ['<section class="case">']
    lines.append(f'<h3>{id} <span class="verdict {verdict}">{verdict}</span></h3>')
    lines += [f"<p>{escape(note)}</p>" for note in entry["notes"]]
    if entry["picture"]:
        lines.append(
            f'<div class="planes"><img src="{escape(entry["picture"])}" alt="Outlines of the '
            f'lungs of {id} in three axial planes, a coronal and a sagittal one"></div>'
        )
    if entry["rows"]:
        lines += _table(entry["rows"])
    if entry["scan"]:
        cut = " Numbers are of an incomplete lung." if entry["incomplete"] and entry["rows"] else ""
        lines.append(f"<p>Scan: {escape(entry['scan'])}.{cut}</p>")
    return "\n".join([*lines, "</section>", ""])


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of the table of measures, without its last column where the rows do not have it."""
    headings = "".join(f"<th>{heading}</th>" for heading in HEADINGS[: len(rows[0])])
    lines = ['<div class="scroll"><table>', f"<thead><tr>{headings}</tr></thead>", "<tbody>"]
    for row in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return [*lines, "</tbody></table></div>"]


def _entry(out: Path, case: Mapping[str, Any], embedded: bool) -> dict[str, Any]:
    path = out / case["id"] / PLANES
    picture = None
    if case.get("mask") is not None and path.is_file():
        drawn = Picture("", path, "", "")
        picture = drawn.uri if embedded else f"{case['id']}/{PLANES}"
    return {
        "id": case["id"],
        "verdict": case["verdict"],
        "notes": [sentence(one["message"]) for one in case["findings"] if one["verdict"] != "ok"],
        "incomplete": case.get("incomplete") or [],
        "scan": _scan(case.get("scan") or {}),
        "picture": picture,
        "rows": _rows(case.get("measures")),
    }


def _scan(scan: Mapping[str, Any]) -> str:
    """Thickness, kernel and contrast in a line."""
    parts = []
    if scan.get("slice_thickness_mm"):
        parts.append(f"slices {scan['slice_thickness_mm']:.3g} mm thick")
    if scan.get("kernel"):
        parts.append(f"kernel {scan['kernel']}")
    if scan.get("contrast"):
        parts.append("with contrast")
    return ", ".join(parts)


def _rows(measures: Mapping[str, Any] | None) -> list[tuple[str, ...]]:
    """Right, left and both: ml, mass, mean HU, Perc15, LAA-950, HAA, and ml of `--dense`."""
    rows = []
    for side in ("right", "left", "both"):
        values = (measures or {}).get(side)
        if values is None:
            continue
        numbers = [
            f"{values['ml']:.0f}",
            f"{values['mass_g']:.0f}",
            f"{values['mean_hu']:.0f}",
            f"{values['perc15_hu']:.0f}",
            f"{values['laa950_percent']:.1f}",
            f"{values['haa_percent']:.1f}",
        ]
        if "dense_ml" in values:
            numbers.append(f"{values['dense_ml']:.0f}")
        rows.append((side, *(text.replace("-", "−") for text in numbers)))
    return rows
