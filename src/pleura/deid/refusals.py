"""Refused objects: damaged ones, and classes whose pixels or documents can show an identity."""

from typing import TYPE_CHECKING, Any

from pleura.core.codes import refused
from pleura.core.errors import UnreadableFile
from pleura.deid.tables import types

if TYPE_CHECKING:
    from pydicom import Dataset

PIXELS = 0x7FE00010
ROWS = 0x00280010
UNDEFINED = 0xFFFFFFFF

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and .7.1 to .7.4
ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
DOSE_REPORTS = {f"1.2.840.10008.5.1.4.1.1.88.{n}" for n in (67, 68, 73, 74, 75, 76)}
OPAQUE = {
    "1.2.840.10008.5.1.4.1.1.66": "RAW-DATA",
    "1.2.840.10008.5.1.4.1.1.9.4.1": "VOICE",
    "1.2.840.10008.5.1.4.1.1.9.4.2": "VOICE",
}
SCREEN_SAVES = ("SCREEN SAVE", "SCREENSAVE")
DOSE_SCREENS = ("DOSE REPORT", "DOSE_INFO", "DOSE INFO", "PATIENT PROTOCOL")


def check_kind(dataset: "Dataset", *, blanked: bool) -> None:
    """Refuse objects that cannot be de-identified through their attributes.

    Args:
        dataset: the object.
        blanked: whether the user named regions to blank, and so has looked at the pixels.

    Raises:
        InputRefused: with a code; no message contains a value of the object.
    """
    kind = str(dataset.get("SOPClassUID", ""))
    if kind.startswith(ENCAPSULATED):
        raise refused("DOCUMENT")
    if kind in DOSE_REPORTS:
        raise refused("DOSE-REPORT")
    if kind in OPAQUE:
        raise refused(OPAQUE[kind])
    if blanked:
        return
    if _text(dataset, "BurnedInAnnotation") == "YES":
        raise refused("BURNED-IN")
    if kind == SECONDARY_CAPTURE or kind.startswith(SECONDARY_CAPTURE + "."):
        raise refused("SECONDARY-CAPTURE")
    words = " ".join(
        _text(dataset, keyword) for keyword in ("ImageType", "SeriesDescription", "ConversionType")
    )
    if any(phrase in words for phrase in SCREEN_SAVES):
        raise refused("SCREEN-SAVE")
    if "Rows" in dataset and any(phrase in words for phrase in DOSE_SCREENS):
        raise refused("DOSE-SCREEN")


def _text(dataset: "Dataset", keyword: str) -> str:
    value: Any = dataset.get(keyword)
    words = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else value
    return " ".join(str(word) for word in words or () if word is not None).upper()


def check_whole(dataset: "Dataset") -> None:
    """Refuse a truncated object, or one whose pixel data does not match its header.

    Raises:
        UnreadableFile: with the code `FILE-TRUNCATED`, `PIXELS-MISSING` or `IMAGE-SIZE`.
    """
    for tag in dataset.keys():  # noqa: SIM118  (a Dataset iterates over decoded elements)
        element: Any = dataset.get_item(tag)
        length = getattr(element, "length", UNDEFINED)
        if element.is_raw and length != UNDEFINED and len(element.value or b"") != length:
            raise refused("FILE-TRUNCATED", UnreadableFile, detail="it ends inside an element")
    root = types().root(str(dataset.get("SOPClassUID", "")))
    if ROWS not in dataset and types().of(root, ROWS) == "1":
        raise refused("FILE-TRUNCATED", UnreadableFile, detail="an image without Rows")
    declared = declared_bytes(dataset)
    if declared is None:
        return
    if PIXELS not in dataset:
        raise refused("PIXELS-MISSING", UnreadableFile)
    pixels: Any = dataset.get_item(PIXELS)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        if _fragments(pixels.value) < int(dataset.get("NumberOfFrames") or 1):
            raise refused(
                "FILE-TRUNCATED", UnreadableFile, detail="fewer compressed frames than declared"
            )
    elif len(pixels.value or b"") < declared:
        raise refused("FILE-TRUNCATED", UnreadableFile, detail="fewer pixel bytes than declared")


def check_pixels(dataset: "Dataset") -> None:
    """Refuse pixel data that is larger than declared or cannot be decoded; it could hold anything.

    Raises:
        UnreadableFile: with the code `PIXEL-SIZE` or `UNDECODABLE`.
    """
    declared = declared_bytes(dataset)
    if declared is None or PIXELS not in dataset:
        return
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        pixels: Any = dataset.get_item(PIXELS)
        if len(pixels.value) > declared + 1:
            raise refused("PIXEL-SIZE", UnreadableFile, detail="more bytes than declared")
        return
    _decode(dataset)


def _decode(dataset: "Dataset") -> None:
    """Decode compressed greyscale frames; of colour and video only the structure is checked."""
    from pydicom.encaps import generate_frames

    from pleura.codecs.frames import can_decode, decode_frame

    syntax, bits = str(dataset.file_meta.TransferSyntaxUID), int(dataset.BitsAllocated)
    if (
        int(dataset.get("SamplesPerPixel") or 1) != 1
        or bits not in (8, 16)
        or not can_decode(syntax)
    ):
        return
    count = int(dataset.get("NumberOfFrames") or 1)
    try:
        frames = generate_frames(dataset.PixelData, number_of_frames=count)
        done = sum(
            decode_frame(frame, syntax, (int(dataset.Rows), int(dataset.Columns)), bits).size > 0
            for frame in frames
        )
    except Exception as error:  # decoders fail in many ways, and their messages are not for users
        raise refused("UNDECODABLE", UnreadableFile, reason=type(error).__name__) from None
    if done != count:
        raise refused("PIXEL-SIZE", UnreadableFile, detail="another number of frames than declared")


def declared_bytes(dataset: "Dataset") -> int | None:
    """Size of the native pixels by PS3.3 C.7.6.3; `None` where the object declares no PixelData."""
    if not all(keyword in dataset for keyword in ("Rows", "Columns", "BitsAllocated")):
        return None
    # float pixels, or pixels from elsewhere
    if any(tag in dataset for tag in (0x7FE00008, 0x7FE00009, 0x00287FE0)):
        return None
    try:
        samples = int(dataset.get("SamplesPerPixel") or 1)
        count = (
            int(dataset.Rows)
            * int(dataset.Columns)
            * samples
            * int(dataset.get("NumberOfFrames") or 1)
        )
        bits = count * int(dataset.BitsAllocated)
    except (TypeError, ValueError):
        raise refused("IMAGE-SIZE", UnreadableFile) from None
    if (
        dataset.get("PhotometricInterpretation") == "YBR_FULL_422"
        and not dataset.file_meta.TransferSyntaxUID.is_encapsulated
    ):
        bits = bits * 2 // 3
    return (bits + 7) // 8


def _fragments(value: Any) -> int:
    from pydicom.encaps import parse_fragments

    try:
        return max(0, parse_fragments(value or b"")[0] - 1)  # the first item is the offset table
    except Exception:  # cut inside an item
        return 0
