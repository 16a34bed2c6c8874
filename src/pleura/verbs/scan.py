"""`pleura scan`: what is in a folder, and what of it can be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleura.core.errors import Exit
from pleura.core.findings import Verdict
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit

if TYPE_CHECKING:
    from pleura.dicom.series import Series


@dataclass(frozen=True)
class ScanResult:
    """Every series found, sorted by id."""

    series: tuple["Series", ...]

    @property
    def exit_code(self) -> Exit:
        """0 where every series can be used, 1 where some were refused, 3 where no CT volume can be used."""
        usable = sum(series.usable for series in self.series)
        refused = sum(series.verdict is Verdict.REFUSED for series in self.series)
        return batch_exit(usable, refused)

    def as_json(self) -> list[dict[str, Any]]:
        """One entry a series; `spacing` is `[slice, row, column]` in mm or null."""
        return [_entry(series) for series in self.series]

    def table(self) -> Table | None:
        """Id, modality, size, spacing, verdict and codes of what was found; `notes` has the sentences."""
        if not self.series:
            return None
        rows = tuple(
            (
                series.id,
                series.modality,
                str(series.slices),
                f"{series.rows} × {series.columns}" if series.rows else "-",
                " × ".join(f"{mm:.3g}" for mm in series.spacing_mm) if series.spacing_mm else "-",
                series.verdict.word,
                " ".join(finding.code for finding in series.findings if finding.verdict is not Verdict.OK),
            )
            for series in self.series
        )
        return Table("Series", ("id", "modality", "slices", "size", "spacing [mm]", "verdict", "why"), rows)

    def notes(self) -> Sequence[str]:
        """One line for each series that is refused or wants review, then the count."""
        if not self.series:
            return ["scan: no DICOM files here: check the path; archives must be unpacked first"]
        lines = [f"{s.verdict.word}: {s.id}: {s.reason}" for s in self.series if s.verdict >= Verdict.REVIEW]
        usable = sum(series.usable for series in self.series)
        return [*lines, f"scan: {usable} usable CT volume(s) of {len(self.series)} series"]


def _entry(series: "Series") -> dict[str, Any]:
    return {
        "id": series.id,
        "series_uid": series.series_uid,
        "study_uid": series.study_uid,
        "modality": series.modality,
        "sop_class_uid": series.sop_class_uid,
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


def scan(source: Path, *, workers: int = 0, progress: Progress = silent) -> ScanResult:
    """List every series of a folder with a verdict and a reason.

    Files are found by content, whatever they are called; headers are read, pixels are not. Nothing is written.

    Args:
        source: Folder (or file) to look through.
        workers: Threads that read; 0 chooses.

    Returns:
        The series, sorted by id, each with its findings.

    Raises:
        UsageError: `source` does not exist.
    """
    from pleura.dicom.series import find_series

    return ScanResult(tuple(find_series(source, workers=workers, progress=progress)))
