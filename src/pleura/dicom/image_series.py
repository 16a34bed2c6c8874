"""One series: files in slice order, a grid and a verdict; pixels are read by `read()`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pleura.core.errors import InputRefused, UnreadableFile
from pleura.core.findings import Finding, Verdict, reason, refusing_code, worst
from pleura.core.progress import Progress, silent
from pleura.dicom.assembly import CT_CLASSES
from pleura.dicom.gaps import interpolate_missing
from pleura.dicom.plane import Plane
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume


@dataclass(frozen=True, eq=False)
class Series:
    """One CT volume, or one series of other objects.

    `files` ascend along cross(row cosine, column cosine). `header` has technical attributes only.
    `missing` are slices without files, which `read` interpolates. `folder` is the case folder
    (`Case_<digits>`) of the files, or `None`. `image` is the file of a volume that is not DICOM
    (`store.volume_files`).
    """

    id: str
    series_uid: str
    study_uid: str
    frame_uid: str
    modality: str
    sop_class_uid: str
    rows: int
    columns: int
    slices: int
    grid: Grid | None
    findings: tuple[Finding, ...]
    files: Sequence[Plane]
    folder: Path | None = None
    header: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[int, ...] = ()
    image: Path | None = None

    @property
    def spacing_mm(self) -> tuple[float, float, float] | None:
        """`[slice, row, column]` in mm, or `None` without a grid."""
        if self.grid is None:
            return None
        return self.grid.spacing_mm

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        return worst(self.findings)

    @property
    def reason(self) -> str:
        """The message of the finding that decided the verdict."""
        return reason(self.findings)

    @property
    def refusing_code(self) -> str:
        """The code of the finding that refuses it; `NOT-CT` where none does."""
        return refusing_code(self.findings) or "NOT-CT"

    @property
    def is_ct(self) -> bool:
        """Whether its SOP class is a CT image."""
        return self.sop_class_uid in CT_CLASSES

    @property
    def usable(self) -> bool:
        """Whether `read` returns a volume."""
        return self.is_ct and self.grid is not None and self.verdict is not Verdict.REFUSED

    def read(self, progress: Progress = silent) -> Volume:
        """Read the pixels: true HU, int16 `[slice, row, column]`, with the padding marked.

        Raises:
            InputRefused: the series is refused; the message says why.
            UnreadableFile: pixel data are truncated or cannot be decoded.
        """
        from pleura.dicom.pixels import read_hu

        if not self.usable:
            raise InputRefused(
                f"{self.id}: {self.reason or 'not a CT volume'}", code=self.refusing_code
            )
        assert self.grid is not None
        try:
            hu, padding, _ = read_hu(tuple(self.files), progress=progress)
        except UnreadableFile as error:
            message = f"{self.id}: {error}"
            raise UnreadableFile(message, code=error.code, evidence=error.evidence) from error
        if self.missing:
            hu, padding = interpolate_missing(hu, padding, self.missing)
        return Volume(hu, self.grid, padding)

    def measured(self) -> "Series":
        """The series without interpolated slices, at true positions."""
        if not self.missing or self.grid is None:
            return self
        numbers = np.setdiff1d(np.arange(self.slices), self.missing)
        affine = self.grid.affine.copy()
        affine[:3, 0] *= (self.slices - 1) / (len(numbers) - 1)
        positions = numbers * self.grid.spacing_mm[0]
        grid = Grid((len(numbers), self.rows, self.columns), affine, positions)
        return replace(self, slices=len(numbers), grid=grid, missing=())

    def sample_step(self, most: int) -> int:
        """Which n-th slices `sample` reads; 1 = all."""
        if self.grid is None or self.missing:
            return 1
        return -(-self.slices // most)

    def sample(self, most: int) -> Volume:
        """Read every n-th slice, at most `most` of them, on a grid of their own.

        Raises:
            InputRefused: as `read`.
        """
        step = self.sample_step(most)
        if step == 1 or self.grid is None:
            return self.read()
        files = self.files[::step]
        positions, mean = self.grid.positions_mm, float(step)
        if positions is not None:
            positions = positions[::step]
            mean = positions[-1] / (len(files) - 1) / self.grid.spacing_mm[0]
        affine = self.grid.affine.copy()
        affine[:3, 0] *= mean
        grid = Grid((len(files), self.rows, self.columns), affine, positions)
        return replace(self, files=files, slices=len(files), grid=grid).read()
