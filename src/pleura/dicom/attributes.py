"""Read all attributes of slices or frames, for a series that the usual ones do not separate."""

import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from pleura.core.faults import note
from pleura.dicom.header import FRAME_GROUPS
from pleura.dicom.plane import Plane
from pleura.files.archives import read_members

if TYPE_CHECKING:
    from pydicom import Dataset

MOST_FILES = 5000
"""With more files, not every header is read as a whole."""

LONGEST = 256
"""[characters] Longer values are not compared."""


def all_attributes(planes: Sequence[Plane]) -> Mapping[str, Sequence[str]]:
    """The values of every attribute that varies, one for each plane.

    Keys are keywords, or tags of private attributes. An attribute that a plane lacks is empty. Of a
    multi-frame object the functional groups of each frame are read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote values
        try:
            return _varying(planes, _headers(planes))
        except Exception as error:  # an odd header: the series stays as it is
            note(error)
            return {}


def _varying(
    planes: Sequence[Plane], headers: "Mapping[str, Dataset]"
) -> Mapping[str, Sequence[str]]:
    values: dict[str, list[str]] = defaultdict(lambda: [""] * len(planes))
    for number, plane in enumerate(planes):
        header = headers[plane.file]
        groups = header.get(FRAME_GROUPS)
        own = groups[plane.frame] if groups and plane.frame < len(groups) else header
        for name, value in _leaves(own):
            values[name][number] = value
    return {name: column for name, column in values.items() if len(set(column)) > 1}


def _headers(planes: Sequence[Plane]) -> "dict[str, Dataset]":
    """The header of each file; empty where there are too many files."""
    from pydicom import dcmread

    files = {plane.file: plane for plane in planes}
    if len(files) > MOST_FILES:
        raise ValueError(f"{len(files)} files are more than {MOST_FILES}")
    headers: dict[str, Dataset] = {}
    members: dict[Path, dict[int, str]] = defaultdict(dict)
    for name, plane in files.items():
        if plane.archive is None:
            headers[name] = dcmread(name, stop_before_pixels=True, force=True)
        else:
            members[plane.archive][plane.member] = name
    for archive, wanted in members.items():
        for number, data in read_members(archive, wanted):
            headers[wanted[number]] = dcmread(BytesIO(data), stop_before_pixels=True, force=True)
    return headers


def _leaves(dataset: "Dataset", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Keyword and value of each element; for a sequence, those of its items."""
    for tag in dataset.keys():  # noqa: SIM118 (iterating a Dataset converts all values)
        try:
            element = dataset[tag]
            if element.VR != "SQ":
                text = str(element.value)
                if len(text) <= LONGEST:
                    yield element.keyword or str(element.tag), text
                continue
        except Exception:  # a value that its VR does not allow
            continue
        if depth < 4:
            for item in element.value:
                yield from _leaves(item, depth + 1)
