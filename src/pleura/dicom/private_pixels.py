"""Pixels in a private element instead of PixelData, such as Philips' PMSCT_RLE1 (07A1,xx0A)."""

import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pleura.core.faults import note
from pleura.dicom.plane import Plane, file_of

if TYPE_CHECKING:
    from pydicom import Dataset

LEAST_PART = 16
"""A larger private element, as a share of the image's bytes, can hold compressed pixels."""

LEAST_BYTES = 64
SCHEME = re.compile(r"[A-Z0-9]{2,16}_(RLE|RGB|JPEG|LZ|ZIP|COMP)[A-Z0-9]{0,8}")
"""Names of vendors' private compression: PMSCT_RLE1, PMSCT_RGB1."""


def private_pixels(planes: Sequence[Plane]) -> str:
    """Describe the private element that can hold the pixels of a plane without PixelData.

    The first such plane counts. The text has the private creator, the tag and, where given, the
    name of the compression; it is empty where no private element can hold pixels.
    """
    from pydicom import dcmread

    plane = next(plane for plane in planes if not (plane.has_pixels and plane.complete))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote values
        try:
            header = dcmread(file_of(plane), force=True)
            return "" if header.get("PixelData") else _largest_private(header, plane.length)
        except Exception as error:  # a header that cannot be parsed describes no pixels
            note(error)
            return ""


def _largest_private(header: "Dataset", length: int) -> str:
    """The first private element that can hold an image of `length` bytes, in words, or empty."""
    least = max(LEAST_BYTES, length // LEAST_PART)
    for element in header:
        value: Any = element.value
        if element.tag.is_private and isinstance(value, (bytes, bytearray)) and len(value) >= least:
            creator = element.private_creator or "unknown vendor"
            parts = [
                creator,
                f"({element.tag.group:04X},xx{element.tag.element & 0xFF:02X})",
                _scheme(header),
            ]
            return " ".join(filter(None, parts))
    return ""


def _scheme(header: "Dataset") -> str:
    """The name of a private compression in a private element of the header."""
    for element in header:
        if not element.tag.is_private:
            continue
        value: Any = element.value
        text = str(value)
        if isinstance(value, (bytes, bytearray)):
            text = bytes(value[:64]).decode("latin-1")
        match = SCHEME.search(text)
        if match and len(text) <= 64:
            return match[0]
    return ""
