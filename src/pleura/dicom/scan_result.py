"""The result of `pleura scan`: a row for each series, and an account of every file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pleura.core.errors import Exit
from pleura.core.findings import Verdict
from pleura.core.results import Table, batch_exit
from pleura.core.text import counted, shown_uid
from pleura.files.accounting import Accounting
from pleura.files.listing import RefusedFile
from pleura.files.walk import refusal_findings

if TYPE_CHECKING:
    from pleura.dicom.descriptions import Description
    from pleura.dicom.series import Series

NOT_CHOSEN = "not chosen"
"""Kind of the files of usable series that `--rules` leave out."""

IMAGE_KINDS = ("nii.gz", "nii", "nrrd", "nhdr", "mha", "mhd")
"""Kinds of files that are CT volumes or masks in image formats, as `files.contents` names them."""

MOST_LISTED = 3
"""[series] A line lists at most this many."""

UNREADABLE = "unreadable"
"""Id of the entry of the files that could not be read."""


@dataclass(frozen=True)
class ScanResult:
    """Every series of an input, sorted by id, and an account of every file.

    `content` tells whether pixels were checked, and `slices_read` on how many slices, by series id.
    `refused` are the files that could not be read.
    `descriptions` are folder, files, description and date by series id, where `paths` asked for
    them.
    """

    series: tuple["Series", ...]
    content: bool = True
    slices_read: Mapping[str, int] = field(default_factory=dict)
    accounting: Accounting = field(default_factory=Accounting)
    refused: tuple[RefusedFile, ...] = ()
    descriptions: Mapping[str, "Description"] | None = None

    @property
    def exit_code(self) -> Exit:
        """0 if every series can be used, 1 if something was refused, 3 if no CT can be used."""
        usable = sum(series.usable for series in self.series)
        refused = sum(series.verdict is Verdict.REFUSED for series in self.series)
        return batch_exit(usable, refused + len(self.refused))

    def as_json(self) -> list[dict[str, Any]]:
        """An entry for each series, one for each unreadable file, and the account of all files.

        `spacing` is `[slice, row, column]` in mm or null. The last entry, with the id `files`,
        exists where a file belongs to no series: `files` = `used` + the sum of `refused` (by code)
        + the sum of `other` (by kind).
        """
        entries = [self._series_entry(series) for series in self.series if series.id != UNREADABLE]
        many = len(self.refused) > 1
        for number, file in enumerate(self.refused, 1):
            entries.append(self._file_entry(file, f"{UNREADABLE}-{number}" if many else UNREADABLE))
        if self.refused or set(self.accounting.other) - {NOT_CHOSEN}:
            entries.append(_empty_entry("files", Verdict.OK) | self.accounting.as_json())
        return entries

    def _series_entry(self, series: "Series") -> dict[str, Any]:
        entry = _entry(series) | {
            "content_checked": self.content and bool(series.grid),
            "slices_read": self.slices_read.get(series.id, 0),
        }
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
        """Id, modality, size, spacing, verdict and codes; the sentences are in `notes`."""
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
        lines += self._sampled()
        usable = sum(series.usable for series in self.series)
        volumes = counted(usable, "usable CT volume", "usable CT volumes")
        lines.append(f"scan: {volumes} of {len(self.series)} series")
        lines.append(f"scan: {self.accounting.sentence()}")
        return lines

    def _sampled(self) -> list[str]:
        """A line that says how many slices were read, where these are not all."""
        parts = []
        for series in self.series:
            read = self.slices_read.get(series.id, series.slices)
            if 0 < read < series.slices:
                parts.append(f"{read} of {series.slices} ({series.id})")
        if not parts:
            return []
        listed = ", ".join(parts[:MOST_LISTED])
        if len(parts) > MOST_LISTED:
            listed += f" and {len(parts) - MOST_LISTED} more series"
        return [f"scan: pixels of some slices were read: {listed}; segment and prepare read all"]

    def _no_dicom(self) -> str:
        images = 0
        for kind, count in self.accounting.other.items():
            if kind in IMAGE_KINDS:
                images += count
        if not images:
            return "scan: no DICOM files found: check the path"
        return (
            f"scan: no DICOM files found; {counted(images, 'image file', 'image files')} "
            "(NIfTI, NRRD, MetaImage) can be read by segment, prepare and load"
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
    """Slice and pixel spacing in words; one number for square pixels, to fit into 80 columns."""
    step, *pixel = (f"{mm:.3g}" for mm in spacing_mm)
    return f"{step} × {'×'.join(dict.fromkeys(pixel))}"


def _entry(series: "Series") -> dict[str, Any]:
    from pleura.dicom.values import in_words

    return {
        "id": series.id,
        "series_uid": shown_uid(series.series_uid),
        "study_uid": shown_uid(series.study_uid),
        "modality": series.modality,
        "sop_class_uid": shown_uid(series.sop_class_uid),
        "sop_class": in_words(series.sop_class_uid),
        "transfer_syntaxes": {
            uid: in_words(uid)
            for uid in sorted({shown_uid(plane.syntax) for plane in series.files} - {""})
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
        "slices_read": 0,
    }
