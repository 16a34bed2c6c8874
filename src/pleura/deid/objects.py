"""What the header pass records of each DICOM object."""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pleura.deid.identifiers import NOBODY, Identifiers
from pleura.files.listing import InputFile

CASE_FOLDER = re.compile(r"(?:Case|Deid)_\d+")
"""Folder names that are taken for a case id; any other name can be a patient's."""

DIRECTORY = "1.2.840.10008.1.3.10"
"""Media Storage Directory: an index of files under their old names."""

HEADER_TAGS = tuple(
    "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID PatientID PatientName "
    "PatientBirthDate IssuerOfPatientID SeriesNumber InstanceNumber".split()
)


@dataclass(frozen=True)
class Header:
    """What the header pass keeps of an object: identifiers, only for this process and the map."""

    file: InputFile
    folder: str  # the nearest case folder above it, or ""
    # its folder, relative to the source: separates objects without any identifier
    place: str
    values: tuple[str, ...]  # by HEADER_TAGS
    identifiers: Identifiers = NOBODY
    refusal: str = ""  # the code, where the file cannot be read or parsed

    def get(self, keyword: str) -> str:
        """The value of one of `HEADER_TAGS`, stripped; empty where it is absent."""
        return self.values[HEADER_TAGS.index(keyword)]

    @property
    def number(self) -> int:
        """InstanceNumber, 0 where it is not a number."""
        return _integer(self.get("InstanceNumber"))

    @property
    def series_number(self) -> int:
        """SeriesNumber, 0 where it is not a number."""
        return _integer(self.get("SeriesNumber"))


@contextmanager
def quiet_pydicom() -> Iterator[list[warnings.WarningMessage]]:
    """Suppress warnings and log lines of pydicom, which quote values and file names.

    Yields the warnings.
    """
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield caught
    finally:
        logger.setLevel(level)


def case_folder(name: str, root: Path) -> str:
    """The nearest `Case_<digits>` or `Deid_<digits>` above a file, by its name in the input.

    The folder of the input itself counts too.
    """
    top = root if root.is_dir() else root.parent
    parts = (top.resolve().name, *name.split("/")[:-1])
    return next((part for part in reversed(parts) if CASE_FOLDER.fullmatch(part)), "")


def _integer(text: str) -> int:
    if re.fullmatch(r"[+-]?\d{1,12}", text):
        return int(text)
    return 0
