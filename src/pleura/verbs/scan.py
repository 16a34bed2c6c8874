"""`pleura scan`: what is in a folder, and what of it can be used."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pleura.core.errors import Exit, InputRefused
from pleura.core.findings import Finding, Verdict
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit

if TYPE_CHECKING:
    from pleura.dicom.series import Series

LOOK_AT_ALL = ("RESCALE-DIFFERS", "CELLS-DIFFER", "SLICES-ALTERNATE")
"""Codes of faults in single slices, which may lie between the sampled ones."""


@dataclass(frozen=True)
class ScanResult:
    """Every series found, sorted by id. `content` says whether pixels were looked at."""

    series: tuple["Series", ...]
    content: bool = True

    @property
    def exit_code(self) -> Exit:
        """0 where every series can be used, 1 where some were refused, 3 where no CT volume can be used."""
        usable = sum(series.usable for series in self.series)
        refused = sum(series.verdict is Verdict.REFUSED for series in self.series)
        return batch_exit(usable, refused)

    def as_json(self) -> list[dict[str, Any]]:
        """One entry a series; `spacing` is `[slice, row, column]` in mm or null."""
        return [_entry(series) | {"content_checked": self.content and bool(series.grid)} for series in self.series]

    def table(self) -> Table | None:
        """Id, modality, size, spacing, verdict and codes of what was found; `notes` has the sentences."""
        if not self.series:
            return None
        rows = tuple(
            (
                series.id,
                series.modality,
                str(series.slices),
                f"{series.rows}×{series.columns}" if series.rows else "-",
                _spacing(series.spacing_mm) if series.spacing_mm else "-",
                series.verdict.word,
                " ".join(finding.code for finding in series.findings if finding.verdict is not Verdict.OK),
            )
            for series in self.series
        )
        return Table("Series", ("id", "modality", "slices", "size", "spacing [mm]", "verdict", "why"), rows)

    def notes(self) -> Sequence[str]:
        """One line for each series that is refused or wants review, then the count."""
        if not self.series:
            return ["scan: no DICOM files here: check the path"]
        lines = [f"{s.verdict.word}: {s.id}: {s.reason}" for s in self.series if s.verdict >= Verdict.REVIEW]
        usable = sum(series.usable for series in self.series)
        unseen = (
            [] if self.content else ["scan: headers alone were read; whether the pixels are HU and a chest was not checked"]
        )
        return [*lines, *unseen, f"scan: {usable} usable CT volume(s) of {len(self.series)} series"]


def _spacing(spacing_mm: tuple[float, float, float]) -> str:
    """Between slices, and the pixel's: one number where it is square, for a line holds 80 characters."""
    step, *pixel = (f"{mm:.3g}" for mm in spacing_mm)
    return f"{step} × {'×'.join(dict.fromkeys(pixel))}"


def _entry(series: "Series") -> dict[str, Any]:
    from pleura.dicom.values import in_words

    return {
        "id": series.id,
        "series_uid": series.series_uid,
        "study_uid": series.study_uid,
        "modality": series.modality,
        "sop_class_uid": series.sop_class_uid,
        "sop_class": in_words(series.sop_class_uid),
        "transfer_syntaxes": {uid: in_words(uid) for uid in sorted({plane.syntax for plane in series.files})},
        "body_part": series.header.get("BodyPartExamined"),
        "patient_position": series.header.get("PatientPosition"),
        "manufacturer": series.header.get("Manufacturer"),
        "kernel": series.header.get("ConvolutionKernel"),
        "files": len({plane.file for plane in series.files}),
        "slices": series.slices,
        "rows": series.rows,
        "columns": series.columns,
        "spacing": None if series.spacing_mm is None else list(series.spacing_mm),
        "orientation": None if series.grid is None else series.grid.orientation(),
        "verdict": series.verdict.word,
        "reason": series.reason,
        "usable": series.usable,
        "findings": [finding.as_json() for finding in series.findings],
        "header": dict(series.header),
    }


def scan(
    source: Path,
    *,
    headers: bool = False,
    rules: list[str] | None = None,
    gaps: Literal["refuse", "interpolate", "split"] = "refuse",
    workers: int = 0,
    progress: Progress = silent,
) -> ScanResult:
    """List every series of a folder with a verdict and a reason.

    Files are found by content, whatever they are called, in zip and tar files too. Headers are read, and some slices of each
    CT series, spread over it: are these HU, is it a chest, whole, the right way round? Nothing is written.

    Args:
        source: Folder (or file) to look through.
        headers: Read headers alone; pixels stay unchecked, and the result says so.
        rules: Keep one CT series per study, chosen by these in turn: thinnest, most-slices, first, or a kernel's name
            (STANDARD); may be given several times.
        gaps: How a series with lost slices is judged: as prepare, segment and run have it with refuse, interpolate or split.
        workers: Threads that read; 0 chooses.

    Returns:
        The series, sorted by id, each with its findings.

    Raises:
        UsageError: `source` does not exist.
    """
    from pleura.dicom.series import find_series

    found = find_series(source, gaps=gaps, workers=workers, progress=progress)
    if not headers:
        checked = []
        for done, series in enumerate(found, 1):
            checked.append(_content_checked(series) if series.usable else series)
            progress("look at pixels", done, len(found))
        found = checked
    return ScanResult(tuple(_chosen(found, rules) if rules else found), not headers)


def _content_checked(series: "Series") -> "Series":
    """The series with what the gate found in its pixels."""
    from pleura.quality.gate import SAMPLE_SLICES, gate

    try:
        few = all(finding.code not in LOOK_AT_ALL for finding in series.findings)
        findings = gate(series.sample(SAMPLE_SLICES) if few else series.read()).findings
    except InputRefused as error:
        findings = (Finding(error.code, Verdict.REFUSED, str(error)),)
    return replace(series, findings=(*series.findings, *findings))


def _chosen(found: Sequence["Series"], rules: Sequence[str]) -> list["Series"]:
    """Of each study the usable CT series that the rules put first; what is no usable CT is left out."""
    studies: dict[str, list[Series]] = {}
    for series in found:
        if series.usable:
            studies.setdefault(series.study_uid or series.id, []).append(series)
    best = [min(group, key=lambda one: tuple(_rank(one, rule) for rule in rules)) for group in studies.values()]
    return sorted(best, key=lambda one: one.id)


def _rank(series: "Series", rule: str) -> float:
    """How well a rule likes a series: the lower the better."""
    if rule == "thinnest":
        return series.spacing_mm[0] if series.spacing_mm else float("inf")
    if rule == "most-slices":
        return -series.slices
    if rule == "first":
        return series.files[0].series_number
    return 0.0 if rule.lower() in series.header.get("ConvolutionKernel", "").lower().split("\\") else 1.0
