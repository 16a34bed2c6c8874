"""`pleura scan`: which series a folder has, and which of them can be used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pleura.core.errors import Exit, InputRefused
from pleura.core.findings import Finding, Verdict
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit
from pleura.files.accounting import Accounting
from pleura.files.listing import RefusedFile
from pleura.files.walk import refusal_findings

if TYPE_CHECKING:
    from pleura.dicom.descriptions import Description
    from pleura.dicom.series import Series

ALL_SLICES = ("RESCALE-DIFFERS", "CELLS-DIFFER", "SLICES-ALTERNATE")
"""Codes of faults in single slices, which may lie between the sampled ones."""

NOT_CHOSEN = "not chosen"
"""Kind of the files of usable series that `--rules` leave out."""

UNREADABLE = "unreadable"
"""Id of the entry of the files that could not be read."""


@dataclass(frozen=True)
class ScanResult:
    """Every series found, sorted by id, and an account of every file.

    `content` says whether pixels were examined. `refused` are the files that could not be read.
    `descriptions` are folder, files, description and date by series id, where `paths` asked for
    them.
    """

    series: tuple["Series", ...]
    content: bool = True
    accounting: Accounting = field(default_factory=Accounting)
    refused: tuple[RefusedFile, ...] = ()
    descriptions: Mapping[str, "Description"] | None = None

    @property
    def exit_code(self) -> Exit:
        """0 where every series can be used, 1 where something was refused, 3 where no CT volume
        can be used.
        """
        usable = sum(series.usable for series in self.series)
        refused = sum(series.verdict is Verdict.REFUSED for series in self.series)
        return batch_exit(usable, refused + len(self.refused))

    def as_json(self) -> list[dict[str, Any]]:
        """One entry per series, then one per file that could not be read, then the account of the
        files.

        `spacing` is `[slice, row, column]` in mm or null. The last entry, with the id `files`, is
        there where a file belongs to
        no series: `files` = `used` + the sum of `refused` (by code) + the sum of `other` (by kind).
        """
        entries = [self._series_entry(series) for series in self.series if series.id != UNREADABLE]
        many = len(self.refused) > 1
        for number, file in enumerate(self.refused, 1):
            entries.append(self._file_entry(file, f"{UNREADABLE}-{number}" if many else UNREADABLE))
        if self.refused or set(self.accounting.other) - {NOT_CHOSEN}:
            entries.append(_empty_entry("files", Verdict.OK) | self.accounting.as_json())
        return entries

    def _series_entry(self, series: "Series") -> dict[str, Any]:
        entry = _entry(series) | {"content_checked": self.content and bool(series.grid)}
        if self.descriptions is not None:
            described = self.descriptions[series.id]
            entry["folders"] = list(described.folders)
            entry["paths"] = list(described.files)
            entry["description"] = described.description
            entry["date"] = described.date
        return entry

    def _file_entry(self, file: RefusedFile, name: str) -> dict[str, Any]:
        (found,) = refusal_findings([file])
        entry = _empty_entry(name, Verdict.REFUSED)
        entry |= {
            "files": 1,
            "reason": f"{found.code}: {found.message}",
            "findings": [found.as_json()],
        }
        if self.descriptions is not None:
            entry["paths"] = [file.name]
        return entry

    def table(self) -> Table | None:
        """Id, modality, size, spacing, verdict and codes of what was found; `notes` has the
        sentences.
        """
        if not self.series:
            return None
        columns = ("id", "modality", "slices", "size", "spacing [mm]", "verdict", "why")
        return Table("Series", columns, tuple(_row(series) for series in self.series))

    def notes(self) -> Sequence[str]:
        """One line per series that is refused or needs review, then the counts."""
        if not self.series:
            return [self._no_dicom(), f"scan: {self.accounting.sentence()}"]
        lines = [
            f"{s.verdict.word}: {s.id}: {s.reason}"
            for s in self.series
            if s.verdict >= Verdict.REVIEW
        ]
        if self.descriptions is not None:
            lines += [
                f"{name}: {described.sentence()}" for name, described in self.descriptions.items()
            ]
            lines += [f"{file.code}: {file.name}" for file in self.refused]
        elif self.refused:
            lines.append("scan: --paths names the files that could not be read")
        if not self.content:
            lines.append("scan: only headers were read; pixels were not checked")
        usable = sum(series.usable for series in self.series)
        lines.append(f"scan: {usable} usable CT volume(s) of {len(self.series)} series")
        lines.append(f"scan: {self.accounting.sentence()}")
        return lines

    def _no_dicom(self) -> str:
        from pleura.images.reading import map_suffix

        images = sum(
            count for kind, count in self.accounting.other.items() if map_suffix(Path(f"x.{kind}"))
        )
        if not images:
            return "scan: no DICOM files found: check the path"
        return (
            f"scan: no DICOM files found; {images} image file(s) (NIfTI, NRRD, MetaImage) can be "
            "read by segment, prepare and load"
        )


def _row(series: "Series") -> tuple[str, ...]:
    return (
        series.id,
        series.modality,
        str(series.slices),
        f"{series.rows}×{series.columns}" if series.rows else "-",
        _spacing(series.spacing_mm) if series.spacing_mm else "-",
        series.verdict.word,
        " ".join(finding.code for finding in series.findings if finding.verdict is not Verdict.OK),
    )


def _spacing(spacing_mm: tuple[float, float, float]) -> str:
    """Between slices, and the pixel's: one number where it is square, for a line holds 80
    characters.
    """
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
        "transfer_syntaxes": {
            uid: in_words(uid) for uid in sorted({plane.syntax for plane in series.files})
        },
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


def _empty_entry(name: str, verdict: Verdict) -> dict[str, Any]:
    """An entry that is not a series, with the keys of one."""
    return {
        "id": name,
        "series_uid": "",
        "study_uid": "",
        "modality": "",
        "sop_class_uid": "",
        "sop_class": "",
        "transfer_syntaxes": {},
        "slices": 0,
        "rows": 0,
        "columns": 0,
        "spacing": None,
        "orientation": None,
        "verdict": verdict.word,
        "reason": "",
        "usable": False,
        "findings": [],
        "header": {},
        "content_checked": False,
    }


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

    Files are found by content, not by name, in zip and tar files too. Headers are read, and some
    slices of each CT series,
    spread over it: are the values HU, is it a chest, complete, the right way round? Every file is
    accounted for: used, refused with a code, or counted by kind. Nothing is written.

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

    found = survey(source, gaps=gaps, workers=workers, progress=progress)
    series = list(found.series)
    if not headers:
        series = _all_checked(series, progress)
    chosen = _chosen(series, rules) if rules else series
    return ScanResult(
        tuple(chosen),
        content=not headers,
        accounting=found.accounting(series, chosen, NOT_CHOSEN),
        refused=found.walk.refused,
        descriptions=found.descriptions(chosen) if paths else None,
    )


def _all_checked(found: Sequence["Series"], progress: Progress) -> list["Series"]:
    checked = []
    for done, series in enumerate(found, 1):
        checked.append(_content_checked(series) if series.usable else series)
        progress("check pixels", done, len(found))
    return checked


def _content_checked(series: "Series") -> "Series":
    """The series with what the gate found in its pixels."""
    from pleura.quality.gate import SAMPLE_SLICES, gate

    try:
        few = all(finding.code not in ALL_SLICES for finding in series.findings)
        findings = gate(series.sample(SAMPLE_SLICES) if few else series.read()).findings
    except InputRefused as error:
        findings = (Finding(error.code, Verdict.REFUSED, str(error)),)
    return replace(series, findings=(*series.findings, *findings))


def _chosen(found: Sequence["Series"], rules: Sequence[str]) -> list["Series"]:
    """Of each study the usable CT series that the rules put first; what is no usable CT is left
    out.
    """
    studies: dict[str, list[Series]] = {}
    for series in found:
        if series.usable:
            studies.setdefault(series.study_uid or series.id, []).append(series)
    best = [
        min(group, key=lambda one: tuple(_rank(one, rule) for rule in rules))
        for group in studies.values()
    ]
    return sorted(best, key=lambda one: one.id)


def _rank(series: "Series", rule: str) -> float:
    """How well a rule likes a series: the lower the better."""
    if rule == "thinnest":
        return series.spacing_mm[0] if series.spacing_mm else float("inf")
    if rule == "most-slices":
        return -series.slices
    if rule == "first":
        return series.files[0].series_number
    return (
        0.0
        if rule.lower() in series.header.get("ConvolutionKernel", "").lower().split("\\")
        else 1.0
    )
