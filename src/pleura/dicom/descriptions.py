"""What a user knows a series by: folder, description, date. Identifying, so only read and shown
where it is asked for.
"""

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from pleura.dicom.header import Plane
from pleura.files.archives import read_members

DATES = ("AcquisitionDate", "SeriesDate", "ContentDate", "StudyDate")
"""The first one that a series has is its date."""


class Description(NamedTuple):
    """`folders` are relative to the input, `files` too; `date` is a DICOM date (YYYYMMDD). Empty
    where the header has none.
    """

    folders: tuple[str, ...]
    files: tuple[str, ...]
    description: str
    date: str

    def sentence(self) -> str:
        """One line for people."""
        more = f" and {len(self.folders) - 1} more" if len(self.folders) > 1 else ""
        named = f", {self.description}" if self.description else ""
        dated = f", {self.date}" if self.date else ""
        return f"{self.folders[0]}{more}{named}{dated}"


def describe(planes: Sequence[Plane], names: Sequence[str]) -> Description:
    """Describe a series; one of its files is opened again.

    Args:
        planes: the planes of the series.
        names: the names of its files, relative to the input.
    """
    description, date = _header_of(planes[0])
    folders = sorted({name.rpartition("/")[0] or "." for name in names})
    return Description(tuple(folders), tuple(names), description, date)


def _header_of(plane: Plane) -> tuple[str, str]:
    from pydicom import dcmread

    wanted = ["SpecificCharacterSet", "SeriesDescription", *DATES]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values
            if plane.archive is None:
                header = dcmread(
                    Path(plane.file), stop_before_pixels=True, specific_tags=wanted, force=True
                )
            else:
                data = next(read_members(plane.archive, {plane.member}))[1]
                header = dcmread(
                    BytesIO(data), stop_before_pixels=True, specific_tags=wanted, force=True
                )
            description = str(header.get("SeriesDescription") or "")
            dates = [str(header.get(keyword) or "") for keyword in DATES]
    except Exception:  # whatever an odd header provokes: the series is listed all the same
        return "", ""
    return description, next(filter(None, dates), "")
