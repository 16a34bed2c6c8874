"""Which reference masks belong to which series, and the reference of one series."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pleura.core.codes import finding, refused
from pleura.core.errors import InputRefused
from pleura.core.findings import Finding, Verdict
from pleura.core.progress import Progress, silent
from pleura.dicom.series import CASE_FOLDER, LABEL_CLASSES, Series, find_series
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.case_names import CaseNames
from pleura.labels.lattice import mismatch
from pleura.labels.mappings import LUNGS, Naming, naming_of
from pleura.labels.objects import LabelObject, join
from pleura.labels.registry import LAYOUT, MaskFiles, find_masks, is_object, read_judged
from pleura.labels.source_names import ids_by_name
from pleura.quality.mask_fit import check_mask_fit

IMAGE_FOLDERS = {"images", "imagestr", "imagests", "ct", "dicom"}
"""Folders of a data set, in lower case, that are never the name of a case."""
NEITHER = "(a name that is not a case id)"
"""Replaces a file name, which may be a patient's."""


@dataclass(frozen=True)
class Reference:
    """The sources of a series' reference: files named by case before matched label objects."""

    files: MaskFiles | None = None
    objects: Sequence[LabelObject] = ()
    naming: Naming = LUNGS

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file or folder that is read."""
        return (*self._mask_files, *(entry.path for entry in self.objects))

    @property
    def _mask_files(self) -> tuple[Path, ...]:
        return () if self.files is None else self.files.paths

    def read(self, volume: Volume, series: Series) -> tuple[LungMask | None, tuple[Finding, ...]]:
        """The reference mask and findings about it.

        It is compared with the other masks of this case and with the volume.

        Raises:
            InputRefused: a mask cannot be read, does not fit the volume, or two masks disagree.
        """
        read: list[tuple[LungMask | None, tuple[Finding, ...]]] = [
            read_judged(path, volume.grid, series, self.naming) for path in self._mask_files
        ]
        read = read or list(self._objects(volume, series))
        odd = tuple(finding for _, findings in read for finding in findings)
        masks: list[LungMask] = [mask for mask, _ in read if mask is not None]
        if not masks:
            return None, odd
        for mask in masks:
            if not mask.grid.same_as(volume.grid):
                raise mismatch(mask.grid, volume.grid)
            differ = int(np.count_nonzero(masks[0].lungs != mask.lungs))
            if differ:
                raise refused("MASKS-DISAGREE", voxels=differ)
        return masks[0], (*odd, *check_mask_fit(masks[0], volume))

    def _objects(
        self, volume: Volume, series: Series
    ) -> Iterator[tuple[LungMask | None, tuple[Finding, ...]]]:
        """Read the label objects; the mask is `None` where one has no lung."""
        for entry in self.objects:
            try:
                mask, findings = read_judged(entry.path, volume.grid, series)
            except InputRefused as error:
                if error.code != "NO-LUNG":
                    raise
                yield None, (Finding(error.code, Verdict.REVIEW, str(error), error.evidence),)
                continue
            if entry.by != "series":
                findings = (*findings, finding("LABELS-JOINED", by=entry.by))
            yield mask, findings


@dataclass(frozen=True)
class References:
    """The references of a tree.

    `by_series` is by series id. `unmatched` has a line about each mask or label object without a
    series; `unmatched_files` are the files of such masks, whose names can identify a patient.
    """

    by_series: Mapping[str, Reference]
    unmatched: Sequence[str]
    unmatched_files: Sequence[Path] = ()

    def of(self, series: Series) -> Reference:
        """The reference of one series, which may be empty."""
        return self.by_series.get(series.id, Reference())


def find_references(
    seen: Sequence[Series],
    usable: Sequence[Series],
    source: Path,
    masks: Path | None,
    *,
    mentioned: frozenset[str] = frozenset(),
    names: Mapping[str, str] | None = None,
    workers: int = 0,
    progress: Progress = silent,
) -> References:
    """Match masks and label objects with series.

    Args:
        seen: all series of `source`, label objects too.
        usable: those that become cases.
        source: looked through for `Segmentations/` and `Labels/` where `masks` is not given.
        masks: a folder of masks by case, or of label objects.
        mentioned: cases that the caller reports already.
        names: names of the source to case ids, where the cases were renamed: then masks go by these
            names alone, for an issued id may equal the name of another file.
        workers: threads that read.
        progress: called as label objects are read.
    """
    naming = naming_of("auto", _mask_folder(masks or source))
    found = find_masks(masks) if masks else _masks_beside(source, seen)
    cases = {one.id for one in usable}
    if names is None:
        known = CaseNames(frozenset(cases), ids_by_name(seen, usable, source))
        found = _by_case(found, known, "{name}")
    else:
        found = _by_case(found, CaseNames(frozenset(), names), f"{NEITHER} {{name}}")
    named = {
        case: files for case, files in found.items() if case in cases or not is_object(files.path)
    }
    unknown = [case for case in named if case not in cases and case not in mentioned]
    unmatched = _unknown(unknown)
    joined, strange = join((s for s in seen if s.sop_class_uid in LABEL_CLASSES), usable)
    # there may be label objects, matched by what they refer to
    if masks and (not named or len(named) < len(found)):
        given = find_series(masks, workers=workers, progress=progress)
        more, unlike = join((s for s in given if s.sop_class_uid in LABEL_CLASSES), usable)
        # `run` gives the tree before de-identification, with other UIDs
        strange += [] if joined else unlike
        # `run` gives the tree before de-identification: then the objects of `source` come first
        joined = joined | more if names is None else more | joined
    of_series = {
        one.id: Reference(named.get(one.id), joined.get(one.id, ()), naming) for one in usable
    }
    return References(of_series, [*unmatched, *strange], [named[case].path for case in unknown])


def _by_case(
    found: Mapping[str, MaskFiles], known: CaseNames, unknown: str
) -> dict[str, MaskFiles]:
    """Masks by case id instead of by name; `unknown` is what stands for a name of no case."""
    renamed: dict[str, MaskFiles] = {}
    for name, files in found.items():
        case = known.case_of(name) or unknown.format(name=name)
        entry = renamed.get(case)
        renamed[case] = files if entry is None else replace(entry, more=(*entry.more, files.path))
    return renamed


def cases_of(series: Sequence[Series]) -> tuple[list[Series], dict[str, Finding]]:
    """Series that become cases, and refusals: of series, and of two CT volumes in one folder."""
    together: dict[Path, list[Series]] = defaultdict(list)
    for one in series:
        if one.usable and one.folder is not None:
            for parent in {plane.path.parent for plane in one.files}:
                together[parent].append(one)
    counts = {parent: len({_whole_id(one) for one in group}) for parent, group in together.items()}
    crowded: dict[str, int] = {}
    for parent, group in together.items():
        if counts[parent] > 1:
            crowded |= {one.id: counts[parent] for one in group}
    refusals: dict[str, Finding] = {}
    for one in series:
        if not one.usable:
            worst = next((f for f in one.findings if f.verdict is Verdict.REFUSED), None)
            refusals[one.id] = worst or finding("NOT-CT", kind=one.modality or "another object")
        elif one.id in crowded and one.folder is not None:
            error = refused("TWO-SERIES-IN-CASE", n=crowded[one.id])
            refusals[one.folder.name] = Finding(
                error.code, Verdict.REFUSED, str(error), error.evidence
            )
    return [one for one in series if one.usable and one.id not in crowded], refusals


def _mask_folder(source: Path) -> Path:
    """The folder of the masks, where a dataset.json may give the meaning of their labels."""
    folder = source if source.is_dir() else source.parent
    return next((folder / name for name in LAYOUT if (folder / name).is_dir()), folder)


def _masks_beside(source: Path, seen: Sequence[Series]) -> dict[str, MaskFiles]:
    """Masks in the folders of a data set, or beside image files of CT."""
    folder = source if source.is_dir() else source.parent
    images = {one.image for one in seen if one.image is not None}
    if not images and not any((folder / name).is_dir() for name in LAYOUT):
        return {}
    found = {case: _without(entry, images) for case, entry in find_masks(folder).items()}
    return {case: entry for case, entry in found.items() if entry is not None}


def _without(entry: MaskFiles, images: set[Path]) -> MaskFiles | None:
    """The mask files of a case without its image, which may have the same name."""
    paths = [
        path
        for path in (entry.map, entry.npz, *entry.more)
        if path is not None and path not in images
    ]
    maps: list[Path | None] = [path for path in paths if path.suffix != ".npz"]
    arrays: list[Path | None] = [path for path in paths if path.suffix == ".npz"]
    if not paths:
        return None
    first, second = (maps or [None])[0], (arrays or [None])[0]
    return MaskFiles(
        entry.case,
        first,
        second,
        tuple(path for path in (*maps[1:], *arrays[1:]) if path is not None),
    )


def _whole_id(series: Series) -> str:
    """The series' id; for parts of a series that was split at its gaps, their common UID."""
    if any(finding.code == "GAP-SPLIT" for finding in series.findings):
        return series.series_uid
    return series.id


def _unknown(cases: Sequence[str]) -> list[str]:
    names = [case if CASE_FOLDER.fullmatch(case) else NEITHER for case in cases]
    hint = "check the name, and that its folder has one series of one patient"
    return [f"{name}: a mask without a usable CT series of that case; {hint}" for name in names]
