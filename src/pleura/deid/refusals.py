"""Objects that are refused: broken ones, and kinds whose pixels or documents can show identity that no attribute tells."""

from typing import TYPE_CHECKING, Any

from pleura.core.errors import InputRefused, UnreadableFile
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
    "1.2.840.10008.5.1.4.1.1.66": "RAW-DATA: raw data hold what only their vendor can read",
    "1.2.840.10008.5.1.4.1.1.9.4.1": "VOICE: a voice is an identity",
    "1.2.840.10008.5.1.4.1.1.9.4.2": "VOICE: a voice is an identity",
}


def check_kind(dataset: "Dataset", *, blanked: bool) -> None:
    """Refuse what cannot be made free of identity by its attributes alone.

    Args:
        dataset: the object.
        blanked: whether the user has named regions to blank, and so has looked at the pixels.

    Raises:
        InputRefused: with a code and a reason that hold no value of the object.
    """
    kind = str(dataset.get("SOPClassUID", ""))
    if kind.startswith(ENCAPSULATED):
        raise InputRefused("an encapsulated document can say anything inside", code="DOCUMENT")
    if kind in DOSE_REPORTS:
        raise InputRefused("a dose report tells of devices, staff and times", code="DOSE-REPORT")
    if kind in OPAQUE:
        code, why = OPAQUE[kind].split(": ")
        raise InputRefused(why, code=code)
    if blanked:
        return
    if _text(dataset, "BurnedInAnnotation") == "YES":
        raise InputRefused("declares text burned into its pixels; blank it with --blank", code="BURNED-IN")
    if kind == SECONDARY_CAPTURE or kind.startswith(SECONDARY_CAPTURE + "."):
        raise InputRefused("a secondary capture shows what a screen showed; blank it with --blank", code="SECONDARY-CAPTURE")
    told = _text(dataset, "ImageType") + " " + _text(dataset, "SeriesDescription") + " " + _text(dataset, "ConversionType")
    if "SCREEN SAVE" in told or "SCREENSAVE" in told:
        raise InputRefused("a screen save shows what a screen showed; blank it with --blank", code="SCREEN-SAVE")
    if "Rows" in dataset and (
        "DOSE REPORT" in told or "DOSE_INFO" in told or "DOSE INFO" in told or "PATIENT PROTOCOL" in told
    ):
        raise InputRefused("a picture of a dose report; blank it with --blank", code="DOSE-SCREEN")


def _text(dataset: "Dataset", keyword: str) -> str:
    value: Any = dataset.get(keyword)
    words = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else value
    return " ".join(str(word) for word in words or () if word is not None).upper()


def check_whole(dataset: "Dataset") -> None:
    """Refuse an object that was cut off, or whose pixels are not what it declares.

    Raises:
        UnreadableFile: with the code `TRUNCATED`, `NO-PIXELS` or `NO-SIZE`.
    """
    for tag in dataset.keys():  # noqa: SIM118  (a Dataset iterates over decoded elements)
        element: Any = dataset.get_item(tag)
        length = getattr(element, "length", UNDEFINED)
        if element.is_raw and length != UNDEFINED and len(element.value or b"") != length:
            raise UnreadableFile("truncated: ends inside an element", code="TRUNCATED")
    root = types().root(str(dataset.get("SOPClassUID", "")))
    if ROWS not in dataset and types().of(root, ROWS) == "1":
        raise UnreadableFile("truncated: an image that does not tell its size", code="TRUNCATED")
    declared = declared_bytes(dataset)
    if declared is None:
        return
    if PIXELS not in dataset:
        raise UnreadableFile("truncated: declares an image and holds no pixels", code="NO-PIXELS")
    pixels: Any = dataset.get_item(PIXELS)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        if _fragments(pixels.value) < int(dataset.get("NumberOfFrames") or 1):
            raise UnreadableFile("truncated: fewer compressed frames than declared", code="TRUNCATED")
    elif len(pixels.value or b"") < declared:
        raise UnreadableFile("truncated: fewer pixel bytes than declared", code="TRUNCATED")


def check_pixels(dataset: "Dataset") -> None:
    """Refuse pixels that are more than their declared size, or that do not decode to it: what is beyond can hold anything.

    Raises:
        UnreadableFile: with the code `PIXEL-SIZE` or `UNDECODABLE`.
    """
    declared = declared_bytes(dataset)
    if declared is None or PIXELS not in dataset:
        return
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        pixels: Any = dataset.get_item(PIXELS)
        if len(pixels.value) > declared + 1:
            raise UnreadableFile("more pixel bytes than its size declares", code="PIXEL-SIZE")
        return
    _decode(dataset)


def _decode(dataset: "Dataset") -> None:
    """Decode every compressed grey frame. Colour and video have no decoder here: their structure alone was looked at."""
    from pydicom.encaps import generate_frames

    from pleura.codecs.frames import can_decode, decode_frame

    syntax, bits = str(dataset.file_meta.TransferSyntaxUID), int(dataset.BitsAllocated)
    if int(dataset.get("SamplesPerPixel") or 1) != 1 or bits not in (8, 16) or not can_decode(syntax):
        return
    count = int(dataset.get("NumberOfFrames") or 1)
    try:
        frames = generate_frames(dataset.PixelData, number_of_frames=count)
        done = sum(decode_frame(frame, syntax, (int(dataset.Rows), int(dataset.Columns)), bits).size > 0 for frame in frames)
    except Exception as error:  # decoders fail in many ways, and their messages are not for users
        raise UnreadableFile(f"its pixels do not decode ({type(error).__name__})", code="UNDECODABLE") from None
    if done != count:
        raise UnreadableFile("another number of frames than declared", code="PIXEL-SIZE")


def declared_bytes(dataset: "Dataset") -> int | None:
    """Bytes of the native pixels by PS3.3 C.7.6.3; `None` where the object declares no PixelData."""
    if not all(keyword in dataset for keyword in ("Rows", "Columns", "BitsAllocated")):
        return None
    if any(tag in dataset for tag in (0x7FE00008, 0x7FE00009, 0x00287FE0)):  # float pixels, or pixels from elsewhere
        return None
    try:
        samples = int(dataset.get("SamplesPerPixel") or 1)
        count = int(dataset.Rows) * int(dataset.Columns) * samples * int(dataset.get("NumberOfFrames") or 1)
        bits = count * int(dataset.BitsAllocated)
    except (TypeError, ValueError):
        raise UnreadableFile("the size of the image is no number", code="NO-SIZE") from None
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422" and not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        bits = bits * 2 // 3
    return (bits + 7) // 8


def _fragments(value: Any) -> int:
    from pydicom.encaps import parse_fragments

    try:
        return max(0, parse_fragments(value or b"")[0] - 1)  # the first item is the offset table
    except Exception:  # cut inside an item
        return 0
