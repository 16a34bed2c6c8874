"""`Series`: files in slice order, a grid, a verdict; no pixels until `read()`. And `find_series`, which makes them."""

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
from pleura.dicom.descriptions import Description, describe
from pleura.dicom.duplicates import compared, single
from pleura.dicom.gaps import Gaps, filled_in, stacks_of
from pleura.dicom.header import Plane
from pleura.dicom.header_checks import plane_findings, remarks
from pleura.dicom.stack import ONE_PLACE, by_shape, depth, drop_copies, in_one_place, is_even, kind_of, volumes_of
from pleura.dicom.tree import read_tree
from pleura.dicom.values import in_words
from pleura.files.accounting import Accounting
from pleura.files.walk import Walk
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume

CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "CT Image",
    "1.2.840.10008.5.1.4.1.1.2.1": "Enhanced CT Image",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT Image",
}
LABEL_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.481.3": "RT Structure Set",
    "1.2.840.10008.5.1.4.1.1.66.4": "Segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation",
}
DUPLICATE = "duplicate slice"
SCANNER = ("Manufacturer", "ManufacturerModelName")
CASE_FOLDER = re.compile(r"Case_\d+")


@dataclass(frozen=True, eq=False)
class Series:
    """One volume, or one series of objects that are no CT volume. `files` ascend along cross(row cosine, column cosine).

    `header` holds technical attributes only. `lost` are slices without files, which `read` was asked to interpolate.
    `folder` is the case folder (`Case_<digits>`) that the files lie in, or `None`.
    `image` is the file of a volume that is not DICOM (`store.volume_files`).
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
    lost: tuple[int, ...] = ()
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
        """The sentence that decided."""
        return reason(self.findings)

    @property
    def is_ct(self) -> bool:
        """Whether it is of a CT image class."""
        return self.sop_class_uid in CT_CLASSES

    @property
    def usable(self) -> bool:
        """Whether `read` gives a volume."""
        return self.is_ct and self.grid is not None and self.verdict is not Verdict.REFUSED

    def read(self, progress: Progress = silent) -> Volume:
        """Read the pixels: HU int16 `[slice, row, column]`, true values, padding marked beside them.

        Raises:
            InputRefused: the series is refused; the message says why.
            UnreadableFile: pixels are cut off or do not decode.
        """
        from pleura.dicom.pixels import read_hu

        if not self.usable:
            raise InputRefused(f"{self.id}: {self.reason or 'no CT volume'}", code=_code(self.findings))
        assert self.grid is not None
        try:
            hu, padding, _ = read_hu(self.files, progress=progress)
        except UnreadableFile as error:
            raise UnreadableFile(f"{self.id}: {error}", code="UNREADABLE-PIXELS") from error
        if self.lost:
            hu, padding = filled_in(hu, padding, self.lost)
        return Volume(hu, self.grid, padding)

    def measured(self) -> "Series":
        """The series of the slices that have files, at their true places: itself, where none was lost."""
        if not self.lost or self.grid is None:
            return self
        true = np.setdiff1d(np.arange(self.slices), self.lost)
        affine = self.grid.affine.copy()
        affine[:3, 0] *= (self.slices - 1) / (len(true) - 1)
        positions = true * self.grid.spacing_mm[0]
        return replace(self, slices=len(true), grid=Grid((len(true), self.rows, self.columns), affine, positions), lost=())

    def sample(self, most: int) -> Volume:
        """Every n-th slice, from the first, so that there are no more than `most`: a quick look at a volume, on its own grid.

        Raises:
            InputRefused: as `read`.
        """
        step = -(-self.slices // most)
        if step == 1 or self.grid is None or self.lost:
            return self.read()
        files = self.files[::step]
        positions = None if self.grid.positions_mm is None else self.grid.positions_mm[::step]
        mean = step if positions is None else positions[-1] / (len(files) - 1) / self.grid.spacing_mm[0]
        affine = self.grid.affine.copy()
        affine[:3, 0] *= mean
        grid = Grid((len(files), self.rows, self.columns), affine, positions)
        return replace(self, files=files, slices=len(files), grid=grid).read()


def _code(findings: Iterable[Finding]) -> str:
    return next((f.code for f in findings if f.verdict is Verdict.REFUSED), "NOT-CT")


def find_series(root: Path, *, gaps: Gaps = "refuse", workers: int = 0, progress: Progress = silent) -> list[Series]:
    """Every series at or below `root`, each volume once, with its verdict; headers only, no pixels are decoded.

    Args:
        root: a folder, a file, or an archive.
        gaps: what becomes of stacks with lost slices: refused, parted into stacks without, or the lost slices interpolated.
        workers: threads; 0 chooses.
        progress: told of files found and headers read.

    Returns:
        Series sorted by id. Files that are DICOM but broken are gathered in one refused entry with the id `unreadable`.

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
        """Account for every file: used, refused with the code of its series, a duplicate, or of another kind.

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
                refused |= dict.fromkeys(files, _code(one.findings))
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


def survey(root: Path, *, gaps: Gaps = "refuse", workers: int = 0, progress: Progress = silent) -> Survey:
    """As `find_series`, with an account of every file of the input."""
    walk, planes = read_tree(root, workers=workers, progress=progress)
    series = [one for group, notes in _by_uid(planes) for one in _series_of(group, notes, walk.root, gaps)]
    found = compared(_named(series))
    if walk.refused:
        found.append(_unreadable(walk))
    return Survey(tuple(found), walk)


def _unreadable(walk: Walk) -> Series:
    """One refused entry for all files that could not be read."""
    return Series("unreadable", "", "", "", "", "", 0, 0, len(walk.refused), None, walk.findings, ())


def _by_uid(planes: Sequence[Plane]) -> list[tuple[list[Plane], list[Finding]]]:
    """Planes by SeriesInstanceUID and class; a UID that two studies, scanners or frames of reference share is two series."""
    groups: dict[tuple[str, ...], list[Plane]] = defaultdict(list)
    for plane in planes:
        where = str(plane.path.parent) if not plane.series_uid else ""  # without a UID, a folder is a series
        groups[plane.series_uid, plane.sop_class, where].append(plane)
    return [part for key in sorted(groups) for part in _by_origin(groups[key])]


def _by_origin(planes: list[Plane]) -> list[tuple[list[Plane], list[Finding]]]:
    if len({(p.study_uid, p.frame_uid, p.modality, id(p.technical)) for p in planes}) == 1:  # nearly always, and quickly seen
        return [(planes, [])]
    told = [(p.study_uid, p.frame_uid, p.modality, *(p.technical.get(name, "") for name in SCANNER)) for p in planes]
    telling = [len(set(values) - {""}) > 1 for values in zip(*told, strict=True)]  # a value that is missing is no other one
    parts: dict[tuple[str, ...], list[Plane]] = defaultdict(list)
    for plane, values in zip(planes, told, strict=True):
        parts[tuple(value for value, tells in zip(values, telling, strict=True) if tells)].append(plane)
    if len(parts) == 1 or max(map(len, parts.values())) == 1:  # a UID of its own for each file: an anonymiser's noise
        return [(planes, [])]
    text = f"{len(parts)} series share this SeriesInstanceUID: study, frame of reference, modality or scanner differ"
    found = Finding("UID-SHARED", Verdict.OK, text, {"n": len(parts)})
    if is_even(planes):
        found = replace(found, verdict=Verdict.REVIEW, message=f"{text}, but together they make one even stack: is this whole?")
    return [(parts[key], [found]) for key in sorted(parts)]


def _series_of(planes: Sequence[Plane], notes: Sequence[Finding], root: Path, gaps: Gaps) -> list[Series]:
    """The volumes under one SeriesInstanceUID: parted by shape and orientation, then by what tells them apart.

    `notes` are findings that hold for all of them.
    """
    first = planes[0]
    if first.sop_class not in CT_CLASSES:
        return [_make(planes, None, [_no_ct(first)], root)]
    planes, copies = drop_copies(planes)
    copies = [*notes, *copies]
    parts = by_shape(planes)
    found = []
    slices = [part for part in parts if "LOCALIZER" not in part[0].image_type]
    for part in parts:
        refusals = [*copies, *plane_findings(part), *(_in_parts(part, slices) if part in slices else ())]
        if any(finding.verdict is Verdict.REFUSED for finding in refusals):
            placed = all(plane.position and plane.orientation for plane in part)
            found.append(_make(sorted(part, key=depth) if placed else part, None, refusals, root))
            continue
        stacks, told = volumes_of(part)
        if worst(told) is Verdict.REFUSED:
            found.append(_make(stacks[0], None, [*refusals, *told], root))
            continue
        for stack in stacks:
            if len(stack) == 1:
                found.append(_make(stack, None, [*refusals, *told, single()], root))
                continue
            if in_one_place(stack):
                found.append(_make(stack, None, [*refusals, *told, ONE_PLACE], root))
                continue
            for run, grid, steps, lost in stacks_of(stack, gaps):
                notes_on_run = remarks(run) if len(run) > 1 else []  # a lone slice has no spacing to compare with
                made = _make(run, grid, [*refusals, *told, *steps, *notes_on_run], root)
                found.append(replace(made, slices=len(run) + len(lost), lost=lost))
    return found


def _no_ct(plane: Plane) -> Finding:
    if plane.sop_class in LABEL_CLASSES:
        return Finding("LABEL-OBJECT", Verdict.OK, f"{LABEL_CLASSES[plane.sop_class]}: labels, not an image")
    return Finding("NOT-CT", Verdict.REFUSED, f"no CT image but {_class_of(plane)}: not used for lungs")


def _class_of(plane: Plane) -> str:
    """An object's class in words."""
    return in_words(plane.sop_class).removesuffix(" Storage") or plane.modality or "an object of unknown class"


def _in_parts(part: Sequence[Plane], parts: Sequence[Sequence[Plane]]) -> list[Finding]:
    """Whether a series holds more than this part of it: slices that differ in geometry, or projections beside slices."""
    kind = kind_of(part[0].image_type)
    like = sum(len(other) for other in parts if kind_of(other[0].image_type) == kind) - len(part)
    unlike = sum(map(len, parts)) - len(part) - like
    findings = []
    if like:
        text = f"{like} slice(s) of this series differ in size, spacing or orientation and are listed apart; is this whole?"
        findings.append(Finding("SERIES-IN-PARTS", Verdict.REVIEW, text, {"others": like}))
    if unlike:
        text = f"{unlike} slice(s) of another kind (ImageType) share this series and are listed apart"
        findings.append(Finding("SPLIT-BY-ATTRIBUTE", Verdict.OK, text, {"by": "ImageType"}))
    return findings


def _make(planes: Sequence[Plane], grid: Grid | None, findings: Sequence[Finding], root: Path) -> Series:
    first = planes[0]
    return Series(
        id="",
        series_uid=first.series_uid,
        study_uid=first.study_uid,
        frame_uid=first.frame_uid,
        modality=first.modality,
        sop_class_uid=first.sop_class,
        rows=first.rows,
        columns=first.columns,
        slices=len(planes),
        grid=grid,
        findings=tuple(findings),
        files=tuple(planes),
        folder=_case_folder(first.path, root),
        header=first.technical,
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


def _named(found: Sequence[Series]) -> list[Series]:
    """Ids: the case folder's name where it says so, else modality and a digest of the SeriesInstanceUID; all unique."""
    cases: dict[Path, list[Series]] = defaultdict(list)
    others: dict[str, list[Series]] = defaultdict(list)
    for series in found:
        if series.folder is not None and series.is_ct:
            cases[series.folder].append(series)
        else:
            prefix = re.sub(r"[^A-Z0-9]", "", series.modality.upper())[:4] or "XX"
            uid = series.series_uid or "|".join(sorted({plane.sop_uid for plane in series.files}))
            others[f"{prefix}-{hashlib.sha256(uid.encode()).hexdigest()[:8]}"].append(series)
    wanted: dict[str, list[Series]] = defaultdict(list)
    for folder, group in cases.items():
        wanted[folder.name] += group
    wanted |= others
    named = []
    for name, group in wanted.items():
        group = sorted(
            group, key=lambda s: (s.files[0].series_number, hashlib.sha256(s.series_uid.encode()).hexdigest(), -s.slices)
        )
        for number, series in enumerate(group, 1):
            mark = "_" if series.folder is not None and series.is_ct else "-"
            named.append(replace(series, id=name if len(group) == 1 else f"{name}{mark}{number}"))
    return sorted(named, key=lambda series: series.id)
