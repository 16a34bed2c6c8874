"""One image plane: the attributes of a file or of a frame."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from pleura.files.archives import read_members


class Cells(NamedTuple):
    """How stored values are encoded (PS3.5 section 8)."""

    allocated: int
    stored: int
    high_bit: int
    signed: bool
    samples: int
    photometric: str
    sign_declared: bool = True


PLAIN = Cells(16, 16, 15, False, 1, "MONOCHROME2")


class Plane(NamedTuple):
    """One image plane, or one object without an image.

    `position`, `orientation` and `spacing` are in mm, LPS, and `None` where the header has none.
    `offset` and `length` locate uncompressed pixels in the (inflated) file. `pixel_data` is where
    the PixelData element of encapsulated pixels begins, which have `frames` frames. One of `offset`
    and `pixel_data` is `None`. `surplus` counts bytes beyond the declared ones. In an `archive`
    (zip, tar), `member` is the number of the file, and `file` is the archive's path followed by the
    member's name. `patient` is a digest that distinguishes patients. `part` is the number of this
    object and of all objects in a concatenation. `unlike_adult` is the attribute that shows a child
    or an animal. `described_as_projection` is set where SeriesDescription says so.
    """

    file: str
    frame: int
    archive: Path | None
    member: int
    sop_uid: str
    sop_class: str
    position: tuple[float, ...] | None
    instance_number: int | None
    separators: tuple[str, ...]
    offset: int | None
    pixel_data: int | None
    frames: int
    complete: bool
    has_pixels: bool
    surplus: int
    # fields from here on are usually equal in neighbouring slices: `header._alike`
    patient: str
    study_uid: str
    series_uid: str
    frame_uid: str
    modality: str
    syntax: str
    rows: int = 0
    columns: int = 0
    orientation: tuple[float, ...] | None = None
    spacing: tuple[float, ...] | None = None
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    modality_lut: bool = False
    cells: Cells = PLAIN
    padding: tuple[int, int] | None = None
    image_type: tuple[str, ...] = ()
    part: tuple[int, int] = (1, 1)
    series_number: int = 0
    technical: Mapping[str, str] = {}
    length: int = 0
    unlike_adult: str = ""
    described_as_projection: bool = False

    @property
    def path(self) -> Path:
        """`file` as a path."""
        return Path(self.file)


def file_of(plane: Plane) -> str | BytesIO:
    """A plane's file as pydicom reads it: its path, or its bytes where it is in an archive."""
    if plane.archive is None:
        return plane.file
    return BytesIO(next(read_members(plane.archive, {plane.member}))[1])


def rescale_of(plane: Plane) -> tuple[float, float]:
    """Slope and intercept; 1 and 0 where the plane has none."""
    slope = 1.0 if plane.slope is None else plane.slope
    return slope, plane.intercept or 0.0
