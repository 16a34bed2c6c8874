"""`pleura scan`: which series a folder has, and which of them can be used."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pleura.core.errors import InputRefused
from pleura.core.findings import Finding, Verdict
from pleura.core.progress import Progress, silent
from pleura.dicom.scan_result import NOT_CHOSEN, ScanResult
from pleura.store.remote import on_folders

if TYPE_CHECKING:
    from pleura.dicom.series import Series

ALL_SLICES = ("RESCALE-DIFFERS", "CELLS-DIFFER", "SLICES-ALTERNATE")
"""Codes of faults in single slices, which may lie between the sampled ones."""


@on_folders
def scan(
    source: Path,
    *,
    headers: bool = False,
    rules: list[str] | None = None,
    gaps: Literal["refuse", "interpolate", "split"] = "refuse",
    paths: bool = False,
    workers: int = 0,
    progress: Progress = silent,
) -> ScanResult:
    """List every series of a folder with a verdict and a reason.

    Files are found by content, not by name, in zip and tar files too. Headers are read, and up to
    48 slices of each CT series, spread over it: are the values HU, is it a chest, complete, the
    right way round? Every file is accounted for: used, refused with a code, or counted by kind.
    Nothing is written.

    Args:
        source: Folder, file, archive or DICOMDIR to scan.
        headers: Read headers only; pixels stay unchecked, and the result says so.
        rules: Keep one CT series per study, chosen by these in turn: thinnest, most-slices, first,
            or a kernel's name (STANDARD); can be given several times.
        gaps: What to do with a series with missing slices, as in prepare, segment and run: refuse,
            interpolate or split.
        paths: Show folder and file names, series description and date. They can identify a patient.
        workers: Threads that read headers (0 = automatic).

    Returns:
        The series, sorted by id, each with its findings, and the account of every file.

    Raises:
        UsageError: `source` does not exist.
    """
    from pleura.dicom.series import survey
    from pleura.store.addresses import refuse_remote

    refuse_remote(source)
    found = survey(source, gaps=gaps, workers=workers, progress=progress)
    series = list(found.series)
    slices_read: dict[str, int] = {}
    if not headers:
        series, slices_read = _all_checked(series, progress)
    chosen = _chosen(series, rules) if rules else series
    used = bytearray(len(found.walk.files))
    for one in chosen:
        if one.verdict is not Verdict.REFUSED:
            for number in found.numbers_of(plane.file for plane in one.files):
                used[number] = True
    return ScanResult(
        tuple(chosen),
        content=not headers,
        slices_read=slices_read,
        accounting=found.accounting(used, NOT_CHOSEN, series),
        refused=found.walk.refused,
        descriptions=found.descriptions(chosen) if paths else None,
    )


def _all_checked(
    found: Sequence["Series"], progress: Progress
) -> tuple[list["Series"], dict[str, int]]:
    """Every series, and by id how many slices of it were read."""
    checked, slices_read = [], {}
    for done, series in enumerate(found, 1):
        if series.usable:
            step = _step(series)
            checked.append(_content_checked(series, step))
            slices_read[series.id] = -(-series.slices // step)
        else:
            checked.append(series)
        progress("check pixels", done, len(found))
    return checked, slices_read


def _step(series: "Series") -> int:
    """Which n-th slices of a series are read; 1 = all."""
    from pleura.quality.gate import SAMPLE_SLICES

    if any(finding.code in ALL_SLICES for finding in series.findings):
        return 1
    return series.sample_step(SAMPLE_SLICES)


def _content_checked(series: "Series", step: int) -> "Series":
    """The series with what the gate found in every n-th of its slices."""
    from pleura.quality.gate import SAMPLE_SLICES, gate

    try:
        if step > 1:
            findings = gate(series.sample(SAMPLE_SLICES), every=step).findings
        else:
            findings = gate(series.read()).findings
    except InputRefused as error:
        findings = (Finding(error.code, Verdict.REFUSED, str(error)),)
    return replace(series, findings=(*series.findings, *findings))


def _chosen(found: Sequence["Series"], rules: Sequence[str]) -> list["Series"]:
    """The usable CT series of each study that the rules put first, sorted by id."""
    studies: dict[str, list[Series]] = {}
    for series in found:
        if series.usable:
            studies.setdefault(series.study_uid or series.id, []).append(series)

    def ranks(series: "Series") -> tuple[float, ...]:
        return tuple(_rank(series, rule) for rule in rules)

    best = [min(group, key=ranks) for group in studies.values()]
    return sorted(best, key=lambda series: series.id)


def _rank(series: "Series", rule: str) -> float:
    """How well a rule likes a series: the lower the better."""
    if rule == "thinnest":
        return series.spacing_mm[0] if series.spacing_mm else float("inf")
    if rule == "most-slices":
        return -series.slices
    if rule == "first":
        return series.files[0].series_number
    kernels = series.header.get("ConvolutionKernel", "").lower().split("\\")
    return float(rule.lower() not in kernels)
