"""Find the mask of each case, and read and write masks of every format."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pleura.core.atomic import PART, atomic_file
from pleura.core.codes import refused
from pleura.core.errors import GridMismatch, PleuraError, UnreadableFile, UsageError
from pleura.core.findings import Finding
from pleura.core.text import composed
from pleura.files.contents import is_dicom_file
from pleura.geometry.grid import Grid
from pleura.geometry.resample import resample_mask
from pleura.geometry.volume import LungMask
from pleura.images.bounded import image_files
from pleura.images.reading import MAPS, UNREAD, load_image, unread_suffix
from pleura.images.volumes import IMAGE_NAME, MASK_NAME
from pleura.labels.lattice import place
from pleura.labels.mappings import LUNGS, Naming
from pleura.labels.objects import RTSTRUCT, SEGMENTATIONS, open_dataset

if TYPE_CHECKING:
    from pleura.dicom.series import Series
    from pleura.labels.algorithm import Algorithm
    from pleura.labels.objects import Scan

OBJECTS = (".seg.dcm", ".rtstruct.dcm")
"""Suffixes of written DICOM label objects; any `.dcm` is read by its content."""
WRITTEN = (".nii.gz", ".nii", ".nrrd", ".mha")
SUFFIXES = (*MAPS, ".npz", *OBJECTS, ".dcm")
OWN = {"lungs": (*MAPS, *OBJECTS), "lungs_seg": (".npz",)}
"""Names of masks in a folder of their case, as `segment` writes them."""
OTHERS = ("lung", "mask", "seg", "segmentation", "segmentations", "label", "labels", "prediction")
"""Names of masks in a case's folder, as other tools write them; the case's own name is another."""
LAYOUT = ("Segmentations", "Labels", "labelsTr", "labelsTs")
"""Folders of a data set that hold its masks: the student report's, ours, and nnU-Net's."""
PARTS_FOLDER = "segmentations"
"""Folder of TotalSegmentator's data set with one file for each structure, below the case."""


@dataclass(frozen=True)
class MaskFiles:
    """The mask files of one case.

    `map` is a label map with geometry, a DICOM label object, or a folder of one file for each
    structure; `npz` has no geometry; `more` are other files with the same case name.
    """

    case: str
    map: Path | None = None
    npz: Path | None = None
    more: tuple[Path, ...] = ()

    @property
    def path(self) -> Path:
        """The label map if there is one, for it has geometry and may have sides; else the NPZ."""
        return self.paths[0]

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them, the one to read first."""
        return (*(path for path in (self.map, self.npz) if path is not None), *self.more)


def find_masks(folder: Path) -> dict[str, MaskFiles]:
    """Masks of a folder by case.

    They are in `Segmentations/` and `Labels/` where it has these, else directly in it:
    `CASE.nii.gz`, `CASE_seg.npz`, `CASE/lungs.nii.gz`, or a folder `CASE/` of one file for each
    structure. Folders further down are not searched, because they hold other tools' label maps.

    Raises:
        UsageError: no such folder.
    """
    if not folder.is_dir():
        what = "does not exist: check the path"
        if folder.exists():
            what = "is a file: give the folder that it lies in"
        raise UsageError(f"the masks' folder {what}")
    layout = [folder / name for name in LAYOUT if (folder / name).is_dir()]
    found: dict[str, MaskFiles] = {}
    for holder in layout or [folder]:
        for case, path in _masks_in(holder):
            files = found.get(case, MaskFiles(case))
            is_npz = suffix_of(path) == ".npz"
            if is_npz and files.npz is None:
                files = replace(files, npz=path)
            elif not is_npz and files.map is None:
                files = replace(files, map=path)
            else:
                files = replace(files, more=(*files.more, path))
            found[case] = files
    return dict(sorted(found.items()))


def _masks_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Cases and mask files of a folder, label maps first; unread formats are included."""
    entries = sorted(
        folder.iterdir(), key=lambda path: (suffix_of(path).endswith(".dcm"), path.name)
    )
    names = {entry.name for entry in entries}
    for entry in entries:
        if entry.name.startswith((PART, ".")):
            continue
        if entry.is_dir():
            yield from ((printable(entry.name), path) for path in _masks_of_case(entry))
            continue
        suffix = suffix_of(entry) or unread_suffix(entry)
        if not suffix or (suffix.endswith(".dcm") and not _is_label(entry)):
            continue
        stem = entry.name[: -len(suffix)]
        is_second = suffix in (".img", ".img.gz") and f"{stem}.hdr" in names
        if not is_second and not IMAGE_NAME.search(stem):
            yield printable(MASK_NAME.sub("", stem) or stem), entry


def files_of_mask(path: Path) -> list[Path]:
    """The files that are read for a mask: of a folder with one file for each structure those of
    lungs and lobes; with a detached header its voxels too.
    """
    from pleura.labels.file_per_structure import parts_of

    files: list[Path] = []
    for file in parts_of(path, MAPS) if path.is_dir() else [path]:
        files += image_files(file)
    return files


def printable(name: str) -> str:
    """A file's name as text, composed: bytes that are not UTF-8 become replacement characters."""
    return composed(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _masks_of_case(folder: Path) -> Iterator[Path]:
    """Masks in a case's folder: the first known name of each kind, else the folder of parts."""
    from pleura.labels.file_per_structure import parts_of

    names = list(OWN.items())
    names += [(stem, (*MAPS, ".npz")) for stem in (*OTHERS, folder.name, f"{folder.name}_seg")]
    named = [folder / f"{stem}{suffix}" for stem, suffixes in names for suffix in suffixes]
    for kind in (False, True):
        found = next(
            (path for path in named if (path.suffix == ".npz") is kind and path.is_file()), None
        )
        if found is not None:
            yield found
    if any(path.is_file() for path in named):
        return
    for holder in (folder, folder / PARTS_FOLDER):
        if holder.is_dir() and parts_of(holder, MAPS):
            yield holder
            return


def _is_label(path: Path) -> bool:
    from pleura.dicom.header import read_planes
    from pleura.dicom.series import LABEL_CLASSES

    if not path.is_file():
        return True  # a pipe or a dead link: refused when it is read
    try:
        return any(plane.sop_class in LABEL_CLASSES for plane in read_planes(path) or ())
    except UnreadableFile:
        return True  # corrupt: refused when it is read


def suffix_of(path: Path) -> str:
    """The suffix of a mask's format; empty for an unknown one."""
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), "")


def is_object(path: Path) -> bool:
    """Whether a mask is a DICOM label object: a `.dcm`, or DICOM in a name of another suffix."""
    suffix = suffix_of(path)
    if suffix or unread_suffix(path):
        return suffix.endswith(".dcm")
    try:
        return path.is_file() and is_dicom_file(path)
    except OSError:
        return True  # not readable: refused when it is read


def read_mask(
    path: Path,
    grid: Grid | None = None,
    series: "Series | Scan | None" = None,
    naming: Naming = LUNGS,
) -> LungMask:
    """Read a mask of any format.

    Args:
        path: the file; or a folder of one file a structure.
        grid: the volume's grid. An NPZ and a structure set need it. A label map whose voxels are
            those of the grid, in whatever order and direction its axes run, comes back on it; one
            that lies elsewhere keeps its own grid, for the caller to judge.
        series: the CT series, or what is known of it: a DICOM label object must lie in its frame of
            reference.
        naming: what the numbers of a label map mean.

    Returns:
        The mask: labels uint8, sided or not.

    Raises:
        UnreadableFile, InputRefused, GridMismatch: one line each; the file's name is left out, for
            it may be a patient's.
    """
    return read_judged(path, grid, series, naming)[0]


def read_judged(
    path: Path,
    grid: Grid | None = None,
    series: "Series | Scan | None" = None,
    naming: Naming = LUNGS,
) -> tuple[LungMask, tuple[Finding, ...]]:
    """Read a mask as `read_mask` does, with the findings about it."""
    from pleura.labels import file_per_structure, label_maps, npz

    suffix = suffix_of(path)
    if path.is_dir():
        mask, findings = file_per_structure.read(path, MAPS, read_mask)
        return onto(mask, grid), findings
    found = unread_suffix(path)
    if found and not suffix:
        raise refused("MASK-FORMAT", found=UNREAD[found], known=", ".join(SUFFIXES))
    if not path.is_file():
        raise refused("MASK-NOT-A-FILE", UnreadableFile)
    if suffix.endswith(".dcm") or (not suffix and is_dicom_file(path)):
        return _read_object(path, grid, series)
    if suffix == ".npz":
        return npz.read(path, grid, naming), ()
    mask, findings = label_maps.read(load_image(path), naming)
    return onto(mask, grid), findings


def _read_object(
    path: Path, grid: Grid | None, series: "Series | Scan | None"
) -> tuple[LungMask, tuple[Finding, ...]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pydicom, about values that do not conform
            return _labels_in(open_dataset(path), grid, series)
    except PleuraError:
        raise
    except Exception as error:  # pydicom raises various exceptions on broken objects
        raise refused("LABEL-OBJECT-BROKEN", UnreadableFile) from error


def _labels_in(
    dataset: Any, grid: Grid | None, series: "Series | Scan | None"
) -> tuple[LungMask, tuple[Finding, ...]]:
    from pleura.labels import rtstruct, seg

    kind = str(dataset.get("SOPClassUID", ""))
    if kind in SEGMENTATIONS:
        return seg.read(dataset, grid, series)
    if kind != RTSTRUCT:
        raise refused("NOT-LABELS")
    if grid is None:
        raise refused("NEEDS-GRID", GridMismatch, kind="a structure set")
    return rtstruct.read(dataset, grid, series)


def write_mask(
    path: Path, mask: LungMask, series: "Series | None" = None, algorithm: "Algorithm | None" = None
) -> None:
    """Write a mask, whole or not at all, in the format that the suffix of `path` names.

    Label maps know one step only: a mask on uneven slices is written on their `even` grid, from
        which it comes back as it was.

    Args:
        path: ends in one of `.nii.gz .nii .nrrd .mha .npz`, or `.seg.dcm .rtstruct.dcm`.
        mask: the mask.
        series: the CT series that the mask lies on; DICOM label objects refer to it, and leave out
            slices that it lost.
        algorithm: what made the mask; DICOM label objects carry it.

    Raises:
        UsageError: a suffix that is not known, or a DICOM label object without its series.
        GridMismatch: the mask does not lie on the series.
        OutputFailed: `path` cannot be written.
    """
    suffix = suffix_of(path)
    if suffix in WRITTEN:
        mask = resample_mask(mask, mask.grid.even())
    if suffix in OBJECTS:
        if series is None or series.grid is None:
            raise UsageError("SEG and RTSTRUCT reference a DICOM CT series; give one")
        if not mask.grid.same_as(series.grid):
            raise refused("NOT-ON-SERIES", GridMismatch)
        if series.missing:  # interpolated slices have no instance to reference
            true = np.setdiff1d(np.arange(series.slices), series.missing)
            series = series.measured()
            mask = LungMask(mask.labels[true], series.grid, mask.sided)  # type: ignore[arg-type]
        with atomic_file(path) as part:
            _write_object(part, mask, series, algorithm, suffix)
        return
    if suffix not in (*WRITTEN, ".npz"):
        raise UsageError(
            f"masks are written as {', '.join(['.npz', *WRITTEN, *OBJECTS])}, not {path.suffix}"
        )
    with atomic_file(path) as part:
        _write_map(part, mask, suffix)


def _write_object(
    part: Path, mask: LungMask, series: "Series", algorithm: "Algorithm | None", suffix: str
) -> None:
    """Write a DICOM label object; only its own writer is imported."""
    if suffix == ".seg.dcm":
        from pleura.labels import seg_writer

        seg_writer.write(part, mask, series, algorithm)
    else:
        from pleura.labels import rtstruct_writer

        rtstruct_writer.write(part, mask, series, algorithm)


def _write_map(part: Path, mask: LungMask, suffix: str) -> None:
    """Write a label map or an NPZ; only its own writer is imported."""
    if suffix == ".npz":
        from pleura.labels import npz

        npz.write(part, mask)
    elif suffix == ".nrrd":
        from pleura.images import nrrd

        nrrd.write(part, mask)
    elif suffix == ".mha":
        from pleura.images import metaimage

        metaimage.write(part, mask)
    else:
        from pleura.images import nifti

        nifti.write(part, mask)


def onto(mask: LungMask, grid: Grid | None) -> LungMask:
    """The mask on `grid` where its voxels are those of `grid`; else unchanged."""
    placed = None if grid is None else place(mask, grid)
    if placed is None:
        return mask
    return placed
