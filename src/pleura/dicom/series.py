"""Series: files in slice order, a grid and a verdict, without pixels until `read()`; and
`find_series`, which finds them.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from pleura.core.errors import InputRefused, UnreadableFile
from pleura.core.findings import Finding, Verdict, reason, worst
from pleura.core.progress import Progress, silent
from pleura.dicom.assembly import CT_CLASSES, LABEL_CLASSES, Candidate, candidates
from pleura.dicom.descriptions import Description, describe
from pleura.dicom.gaps import Gaps, interpolate_missing
from pleura.dicom.header import Plane
from pleura.dicom.related_series import compare_series
from pleura.dicom.tree import read_tree
from pleura.files.accounting import Accounting
from pleura.files.walk import Walk
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume

__all__ = ["CT_CLASSES", "LABEL_CLASSES", "Series", "Survey", "find_series", "survey"]

UNREADABLE = "unreadable"
"""Id of the entry of the files that could not be read."""

DUPLICATE = "duplicate slice"
"""Kind of the files whose slices are those of other files."""

CASE_FOLDER = re.compile(r"(?:Case|Deid)_\d+")


@dataclass(frozen=True, eq=False)
class Series:
    """One CT volume, or one series of other objects. `files` ascend along cross(row cosine, column
    cosine).

    `header` has technical attributes only. `missing` are slices without files, which `read`
    interpolates. `folder` is the case folder (`Case_<digits>`) of the files, or `None`; `image` is
    the file of a volume that is not DICOM (`store.volume_files`).
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
    files: tuple[Plane, ...]
    folder: Path | None = None
    header: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[int, ...] = ()
    image: Path | None = None

    @property
    def spacing_mm(self) -> tuple[float, float, float] | None:
        """`[slice, row, column]` in mm, or `None` without a grid."""
        return None if self.grid is None else self.grid.spacing_mm

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        return worst(self.findings)

    @property
    def reason(self) -> str:
        """The message of the finding that decided the verdict."""
        return reason(self.findings)

    @property
    def is_ct(self) -> bool:
        """Whether its SOP class is a CT image."""
        return self.sop_class_uid in CT_CLASSES

    @property
    def usable(self) -> bool:
        """Whether `read` returns a volume."""
        return self.is_ct and self.grid is not None and self.verdict is not Verdict.REFUSED

    def read(self, progress: Progress = silent) -> Volume:
        """Read the pixels: HU int16 `[slice, row, column]`, true values, padding marked beside
        them.

        Raises:
            InputRefused: the series is refused; the message says why.
            UnreadableFile: pixel data are truncated or cannot be decoded.
        """
        from pleura.dicom.pixels import read_hu

        if not self.usable:
            raise InputRefused(
                f"{self.id}: {self.reason or 'not a CT volume'}", code=_refusal_code(self.findings)
            )
        assert self.grid is not None
        try:
            hu, padding, _ = read_hu(self.files, progress=progress)
        except UnreadableFile as error:
            raise UnreadableFile(
                f"{self.id}: {error}", code="UNREADABLE-PIXELS", evidence=error.evidence
            ) from error
        if self.missing:
            hu, padding = interpolate_missing(hu, padding, self.missing)
        return Volume(hu, self.grid, padding)

    def measured(self) -> "Series":
        """The series of the slices that have files, at their true positions: itself, where none
        is missing.
        """
        if not self.missing or self.grid is None:
            return self
        numbers = np.setdiff1d(np.arange(self.slices), self.missing)
        affine = self.grid.affine.copy()
        affine[:3, 0] *= (self.slices - 1) / (len(numbers) - 1)
        positions = numbers * self.grid.spacing_mm[0]
        grid = Grid((len(numbers), self.rows, self.columns), affine, positions)
        return replace(self, slices=len(numbers), grid=grid, missing=())

    def sample(self, most: int) -> Volume:
        """Read every n-th slice, from the first, so that there are no more than `most`; on a grid
        of its own.

        Raises:
            InputRefused: as `read`.
        """
        step = -(-self.slices // most)
        if step == 1 or self.grid is None or self.missing:
            return self.read()
        files = self.files[::step]
        positions = None if self.grid.positions_mm is None else self.grid.positions_mm[::step]
        mean = (
            step
            if positions is None
            else positions[-1] / (len(files) - 1) / self.grid.spacing_mm[0]
        )
        affine = self.grid.affine.copy()
        affine[:3, 0] *= mean
        grid = Grid((len(files), self.rows, self.columns), affine, positions)
        return replace(self, files=files, slices=len(files), grid=grid).read()


def _refusal_code(findings: Iterable[Finding]) -> str:
    return next((found.code for found in findings if found.verdict is Verdict.REFUSED), "NOT-CT")


def find_series(
    root: Path, *, gaps: Gaps = "refuse", workers: int = 0, progress: Progress = silent
) -> list[Series]:
    """Every series at or below `root` with its verdict; only headers are read, no pixels.

    Args:
        root: a folder, a file, an archive or a DICOMDIR.
        gaps: what to do with stacks with missing slices: refuse, split at the gaps, or interpolate.
        workers: threads (0 = automatic).
        progress: called with the number of headers read.

    Returns:
        Series sorted by id. Files that cannot be read are one refused entry with the id
        `unreadable`.

    Raises:
        UsageError: `root` does not exist.
    """
    return list(survey(root, gaps=gaps, workers=workers, progress=progress).series)


@dataclass(frozen=True)
class Survey:
    """The input as a whole: its series, and every file."""

    series: tuple[Series, ...]
    walk: Walk

    def accounting(
        self,
        series: Sequence[Series] | None = None,
        chosen: Sequence[Series] | None = None,
        rest: str = "",
    ) -> Accounting:
        """Account for every file: used, refused with the code of its series, a duplicate, or of
        another kind.

        Args:
            series: those of `self`, where later checks have added findings.
            chosen: the ones that are used, where not all usable ones are.
            rest: kind of the files of those that are not chosen.
        """
        series = self.series if series is None else series
        used: set[str] = set()
        refused: dict[str, str] = {}
        kinds = {file.name: DUPLICATE for file in self.walk.dicom()}
        for one in series:
            files = self._names(one)
            if one.verdict is Verdict.REFUSED:
                refused |= dict.fromkeys(files, _refusal_code(one.findings))
            elif chosen is None or one in chosen:
                used.update(files)
            else:
                kinds |= dict.fromkeys(files, rest)
        for name in used:
            refused.pop(name, None)  # a file whose frames are of several series
        return self.walk.accounting(used, refused, kinds)

    def descriptions(self, series: Sequence[Series]) -> dict[str, Description]:
        """What a user knows each series by; identifying."""
        return {one.id: describe(one.files, self._names(one)) for one in series if one.files}

    def _names(self, series: Series) -> list[str]:
        """The names of a series' files, relative to the input."""
        return list(dict.fromkeys(self._name_of[plane.file] for plane in series.files))

    @cached_property
    def _name_of(self) -> dict[str, str]:
        return {file.location: file.name for file in self.walk.files}


def survey(
    root: Path, *, gaps: Gaps = "refuse", workers: int = 0, progress: Progress = silent
) -> Survey:
    """As `find_series`, with an account of every file of the input."""
    walk, planes = read_tree(root, workers=workers, progress=progress)
    series = [_series(candidate, walk.root) for candidate in candidates(planes, gaps)]
    found = compare_series(_with_ids(series))
    if walk.refused:
        found.append(_unreadable(walk))
    return Survey(tuple(found), walk)


def _unreadable(walk: Walk) -> Series:
    """One refused entry for all files that could not be read."""
    return Series(UNREADABLE, "", "", "", "", "", 0, 0, len(walk.refused), None, walk.findings, ())


def _series(candidate: Candidate, root: Path) -> Series:
    first = candidate.planes[0]
    return Series(
        id="",
        series_uid=first.series_uid,
        study_uid=first.study_uid,
        frame_uid=first.frame_uid,
        modality=first.modality,
        sop_class_uid=first.sop_class,
        rows=first.rows,
        columns=first.columns,
        slices=len(candidate.planes) + len(candidate.missing),
        grid=candidate.grid,
        findings=tuple(candidate.findings),
        files=tuple(candidate.planes),
        folder=_case_folder(first.path, root),
        header=first.technical,
        missing=candidate.missing,
    )


def _case_folder(path: Path, root: Path) -> Path | None:
    """The nearest folder above a file, `root` included, where its name reads `Case_<digits>`."""
    top = root.resolve() if root.is_dir() else root.resolve().parent
    for folder in path.resolve().parents:
        if CASE_FOLDER.fullmatch(folder.name):
            return folder
        if folder == top:
            return None
    return None


def _with_ids(found: Sequence[Series]) -> list[Series]:
    """Unique ids: the case folder's name where there is one, else modality and a digest of the
    SeriesInstanceUID.
    """
    groups: dict[str, list[Series]] = defaultdict(list)
    for series in found:
        groups[_base_id(series)].append(series)
    named = []
    for base, group in groups.items():
        group = sorted(group, key=_order_within_id)
        for number, series in enumerate(group, 1):
            mark = "_" if _is_case(series) else "-"
            named.append(replace(series, id=base if len(group) == 1 else f"{base}{mark}{number}"))
    return sorted(named, key=lambda series: series.id)


def _is_case(series: Series) -> bool:
    return series.folder is not None and series.is_ct


def _base_id(series: Series) -> str:
    if series.folder is not None and series.is_ct:
        return series.folder.name
    prefix = re.sub(r"[^A-Z0-9]", "", series.modality.upper())[:4] or "XX"
    uid = series.series_uid or "|".join(sorted({plane.sop_uid for plane in series.files}))
    return f"{prefix}-{_digest(uid)[:8]}"


def _order_within_id(series: Series) -> tuple[int, str, int]:
    return series.files[0].series_number, _digest(series.series_uid), -series.slices


def _digest(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()
