"""CT volumes in NIfTI, NRRD and MetaImage files: what can be checked without a DICOM header."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import refused
from pleura.core.errors import UnreadableFile
from pleura.core.text import composed
from pleura.geometry.grid import VOXEL_MM, Grid
from pleura.geometry.volume import Volume
from pleura.images.image_file import ImageFile, check_numbers
from pleura.images.reading import (
    MAPS,
    UNREAD_VOLUMES,
    load_image,
    map_suffix,
    unread_suffix,
)

CASE = re.compile(r"(?:Case|Deid)_\d+")
MASK_FOLDERS = {"segmentations", "labels", "labelstr", "labelsts", "masks"}
"""Folders of a data set that hold masks, in lower case."""
IMAGE_FOLDERS = ("Images", "images", "CT", "ct", "imagesTr", "imagesTs")
"""Folders of a data set that hold CT beside a folder of masks."""
MASK_NAME = re.compile(
    r"(?:^|[._-])((lungs?[._-]?)?(seg(mentation)?s?|masks?|preds?|predict(ed|ions?)|label(s|map)?)|"
    r"lungs?|R231|gt|ground[._-]?truth)$",
    re.IGNORECASE,
)
"""How names of masks end: what tools put behind the name of a case."""
IMAGE_NAME = re.compile(r"(?:^|[._-])(ct|image|img|volume|0000)$", re.IGNORECASE)
"""The same for a case's image."""
LABELS_AT_MOST = 16
"""Whole numbers from 0 on, of no more values than this, are a label map."""


def read_volume(path: Path) -> Volume:
    """Read a CT volume from an image file.

    Units, orientation codes and the number of dimensions are checked; whether the values are HU is
    for the gate.

    Raises:
        UnreadableFile: corrupt, larger than the limit, not of three dimensions, or without a known
            orientation.
        InputRefused: values that cannot be HU, or a label map.
    """
    return volume_of(load_image(path, oriented=True))


def volume_of(image: ImageFile) -> Volume:
    """The CT volume in an image, checked as `read_volume` says."""
    if image.array.ndim != 3:
        raise refused("IMAGE-DIMENSIONS", UnreadableFile, found=f"{len(image.array)} layers")
    check_numbers(image.array)
    _check_spacing(image.grid)
    return Volume.without_header(_as_hu(image), image.grid)


def _check_spacing(grid: Grid) -> None:
    low, high = VOXEL_MM
    if not all(low <= mm <= high for mm in grid.spacing_mm):
        spacing = " x ".join(f"{mm:.4g}" for mm in grid.spacing_mm)
        raise refused("IMAGE-SPACING", found=spacing, low=low, high=high)


def _as_hu(image: ImageFile) -> NDArray[np.int16]:
    array = image.array
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise refused("IMAGE-NOT-HU", found="NaN or infinity")
    low, high = float(array.min()), float(array.max())
    if low < -32768 or high > 32767:
        raise refused("IMAGE-NOT-HU", found=f"values from {low:g} to {high:g}")
    if low >= 0 and high <= 255 and _is_label_map(array):
        raise refused("IMAGE-IS-LABELS")
    if array.dtype == np.int16:
        return np.ascontiguousarray(array)
    hu = np.empty(array.shape, dtype=np.int16)
    for k, part in enumerate(array):
        hu[k] = np.rint(part)
    return hu


def _is_label_map(array: NDArray[np.generic]) -> bool:
    values: set[float] = set()
    for part in array:
        values |= {float(value) for value in np.unique(part)}
        if len(values) > LABELS_AT_MOST:
            return False
    return all(value == round(value) for value in values)


def find_volumes(source: Path, *, unread: bool = False) -> dict[str, Path]:
    """The image files of CT at or below a path, by id: `Case_<digits>` where a file or its folder
    says so, else a digest.

    Masks, by their names or folders, are left out.

    Args:
        source: a folder or a file.
        unread: find volumes in formats that are not read too; reading them says so.
    """
    if source.is_file():
        if map_suffix(source):
            return {volume_id(source, source.parent): source}
        return {}
    suffixes = (*MAPS, *UNREAD_VOLUMES) if unread else MAPS
    found = (
        path
        for path in sorted(source.rglob("*"))
        if path.name.lower().endswith(suffixes) and path.is_file()
    )
    return dict(_named((path for path in found if not is_mask(path, source)), source))


def find_ct_images(places: Iterable[Path]) -> dict[str, Path]:
    """The image files that are CT by their names or folders, by the case that masks share.

    These are `CASE_ct`, `CASE_image` and `CASE_0000`, `ct` in the folder of a case, and any image
    in one of `IMAGE_FOLDERS`.
    """
    found: dict[str, Path] = {}
    for place in places:
        for path in find_volumes(place).values() if place.is_dir() else ():
            stem = stem_of(path)
            if stem.lower() in ("ct", "image"):
                found.setdefault(composed(path.parent.name), path)
            elif IMAGE_NAME.search(stem) or path.parent.name in IMAGE_FOLDERS:
                found.setdefault(case_of(path), path)
    return found


def is_mask(path: Path, root: Path) -> bool:
    """Whether a file is a mask by its name or by a folder between `root` and it."""
    folders = path.relative_to(root).parts[:-1]
    hidden = any(part.startswith(".") for part in (*folders, path.name))
    return (
        hidden
        or bool(MASK_NAME.search(stem_of(path)))
        or any(part.lower() in MASK_FOLDERS for part in folders)
    )


def stem_of(path: Path) -> str:
    """A file's name without the suffix of its format."""
    return path.name[: -len(map_suffix(path) or unread_suffix(path))]


def case_of(path: Path) -> str:
    """The name that an image shares with its masks: its own without `_ct`, `_image`, `_0000`."""
    stem = stem_of(path)
    return composed(IMAGE_NAME.sub("", stem) or stem)


def volume_id(path: Path, root: Path) -> str:
    """The id of an image file; nothing of the file's name that could identify a patient."""
    for name in (case_of(path), path.parent.name):
        if CASE.fullmatch(name):
            return name
    relative = path.relative_to(root).as_posix().encode("utf-8", "surrogateescape")
    return f"CT-{hashlib.sha256(relative).hexdigest()[:8]}"


def _named(paths: Iterable[Path], root: Path) -> Iterable[tuple[str, Path]]:
    seen: dict[str, int] = {}
    for path in paths:
        name = volume_id(path, root)
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name}_{seen[name]}"), path
