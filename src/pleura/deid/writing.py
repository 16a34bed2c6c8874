"""One object from file to file: read, checked to be whole, changed, written."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleura.core.errors import InputRefused, UnreadableFile
from pleura.deid.engine import apply_profile
from pleura.deid.objects import quiet_pydicom
from pleura.deid.profile import Profile

if TYPE_CHECKING:
    from pydicom import Dataset

PIXELS = 0x7FE00010
UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True)
class Outcome:
    """What became of one object: what was done to it (no values), or why it was refused."""

    actions: Counter[str]
    code: str = ""
    reason: str = ""


def write_object(source: Path, goal: Path, profile: Profile, case: str) -> Outcome:
    """De-identify the object in `source` into the new file `goal`; a refused one leaves no file, and none raises."""
    try:
        with quiet_pydicom() as warned:
            dataset = _read(source)
            if not len(dataset) or any("End of file" in str(warning.message) for warning in warned):
                raise UnreadableFile("truncated: ends inside an element", code="TRUNCATED")
            check_whole(dataset)
            actions = apply_profile(dataset, profile, case)
            _write(dataset, goal)
    except InputRefused as refused:
        goal.unlink(missing_ok=True)
        return Outcome(Counter(), refused.code, str(refused))
    return Outcome(actions)


def _read(path: Path) -> "Dataset":
    import pydicom

    try:
        dataset = pydicom.dcmread(path, force=True)
    except Exception as error:  # a broken file breaks readers in many ways; its message may quote values
        raise UnreadableFile(f"cannot be read as DICOM ({type(error).__name__})", code="UNREADABLE") from None
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = _native_syntax(dataset)
    return dataset


def _native_syntax(dataset: "Dataset") -> Any:
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def check_whole(dataset: "Dataset") -> None:
    """Refuse an object that was cut off, or whose pixels are fewer than it declares.

    Raises:
        UnreadableFile: with the code `TRUNCATED` or `NO-PIXELS`.
    """
    for tag in dataset.keys():  # noqa: SIM118  (a Dataset iterates over decoded elements)
        element: Any = dataset.get_item(tag)
        length = getattr(element, "length", UNDEFINED)
        if element.is_raw and length != UNDEFINED and len(element.value or b"") != length:
            raise UnreadableFile("truncated: ends inside an element", code="TRUNCATED")
    declared = _declared_bytes(dataset)
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


def _declared_bytes(dataset: "Dataset") -> int | None:
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
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        bits = bits * 2 // 3
    return (bits + 7) // 8


def _fragments(value: Any) -> int:
    from pydicom.encaps import parse_fragments

    try:
        return max(0, parse_fragments(value or b"")[0] - 1)  # the first item is the offset table
    except Exception:  # cut inside an item
        return 0


def _write(dataset: "Dataset", goal: Path) -> None:
    try:
        dataset.save_as(goal, enforce_file_format=True)
    except OSError:
        raise
    except Exception as error:
        raise InputRefused(f"cannot be written again as DICOM ({type(error).__name__})", code="UNWRITABLE") from None
