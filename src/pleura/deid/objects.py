"""Which files of a tree are DICOM objects, by content, and what the header pass needs to know of each."""

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pleura.core.atomic import is_internal
from pleura.deid.identifiers import NOBODY, Identifiers

CASE_FOLDER = re.compile(r"Case_\d+")
"""The only folder names that are taken for a case id; any other can be a patient's name."""

DIRECTORY = "1.2.840.10008.1.3.10"  # Media Storage Directory: an index of files under their old names

HEADER_TAGS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "IssuerOfPatientID",
    "SeriesNumber",
    "InstanceNumber",
)


@dataclass(frozen=True)
class Header:
    """What the header pass keeps of one DICOM object. It holds identity and never leaves the process or its map."""

    path: Path
    folder: str  # the nearest Case_<digits> above it, or ""
    place: str  # the folder it lies in, relative to the source: tells objects without any identifier apart
    values: tuple[str, ...]  # by HEADER_TAGS
    identifiers: Identifiers = NOBODY
    readable: bool = True

    def get(self, keyword: str) -> str:
        """The value of one of `HEADER_TAGS`, stripped; empty where it is absent."""
        return self.values[HEADER_TAGS.index(keyword)]

    @property
    def number(self) -> int:
        """InstanceNumber, 0 where it is no number."""
        return _integer(self.get("InstanceNumber"))

    @property
    def series_number(self) -> int:
        """SeriesNumber, 0 where it is no number."""
        return _integer(self.get("SeriesNumber"))


def find_objects(source: Path) -> tuple[list[Path], int]:
    """All DICOM files at or below `source`, sorted by path, and how many other files there are.

    A file is DICOM where it says `DICM` after its preamble, or begins as a data set of group 0002 or 0008 does.
    """
    found, others = [], 0
    for path in sorted(_walk(source)):
        if _is_dicom(path):
            found.append(path)
        else:
            others += 1
    return found, others


@contextmanager
def quiet_pydicom() -> Iterator[list[warnings.WarningMessage]]:
    """No warning and no log line of pydicom reaches anyone: they quote values and file names. Yields the warnings."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield caught
    finally:
        logger.setLevel(level)


def _walk(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
        return
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not is_internal(name)]
        yield from (path for name in names if (path := Path(folder, name)).is_file())


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError:
        return False
    if head[128:] == b"DICM":
        return True
    # without preamble: group 0002 or 0008 first, a low element, and either a VR or the high bytes of a short length
    little, big = head[:2] in (b"\x02\0", b"\x08\0"), head[:2] in (b"\0\x02", b"\0\x08")
    if len(head) < 132 or not (little or big):
        return False
    explicit = re.fullmatch(rb"[A-Z]{2}", head[4:6]) is not None
    return explicit or (little and head[3] == 0 and head[6:8] == b"\0\0")


def case_folder(path: Path, source: Path) -> str:
    top = source if source.is_dir() else source.parent
    for folder in path.parents:
        name = top.resolve().name if folder == top else folder.name
        if CASE_FOLDER.fullmatch(name):
            return name
        if folder == top:
            break
    return ""


def _integer(text: str) -> int:
    return int(text) if re.fullmatch(r"[+-]?\d{1,12}", text) else 0
