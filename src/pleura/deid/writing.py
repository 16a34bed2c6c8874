"""Read one object, check that it is complete, de-identify it, and write it."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleura import __version__
from pleura.core.codes import refused
from pleura.core.errors import InputRefused, UnreadableFile
from pleura.deid import codes
from pleura.deid.choices import Choices
from pleura.deid.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE, NATIVE, is_vr
from pleura.deid.engine import Engine, Patient
from pleura.deid.objects import quiet_pydicom
from pleura.deid.pixels import blank
from pleura.deid.profile import profile
from pleura.deid.reading import Unread
from pleura.deid.refusals import check_kind, check_pixels, check_whole
from pleura.deid.repeats import Done, Repeats

if TYPE_CHECKING:
    from pydicom import Dataset

DELIMITERS = 0xFFFE
"""The group of the delimiters of items and sequences, which are no elements (PS3.5 7.5)."""
IMPLEMENTATION = "2.25.219411287253829187104623570948154923407"
"""pleura's own ImplementationClassUID."""

Verify = Callable[[bytes, bytes], str]
"""Takes the source and the new file; returns the codes that forbid publishing, or an empty string.
"""


@dataclass(frozen=True)
class Outcome:
    """The result for one file: what was done to it (no values), or why it was refused.

    `content` is the SHA-256 of a source that was published, and empty otherwise.
    """

    actions: Counter[str] = field(default_factory=Counter)
    content: str = ""
    code: str = ""
    evidence: tuple[tuple[str, Any], ...] = ()


class Writer:
    """Writes the objects of one patient under one set of choices."""

    def __init__(self, choices: Choices, patient: Patient, verify: Verify | None = None) -> None:
        self.choices = choices
        self.verify = verify
        self.engine = Engine(profile(choices), patient)
        self._done = (
            self._whole if choices.blank else Repeats(self.engine, self._whole, self._check).done
        )

    def write(self, source: Path | bytes | Unread, goal: Path) -> Outcome:
        """De-identify `source` into the new file `goal`.

        A refused file leaves nothing behind, and nothing is raised.
        """
        outcome = _outcome(lambda: self._publish(source, goal))
        if outcome.code:
            with suppress(OSError):
                goal.unlink(missing_ok=True)
        return outcome

    def show(self, source: Path | bytes | Unread) -> Outcome:
        """What `write` would do; nothing is written."""
        return _outcome(lambda: Outcome(self._done(_read(source))[1]))

    def _publish(self, source: Path | bytes | Unread, goal: Path) -> Outcome:
        before = _read(source)
        after, actions = self._done(before)
        found = self.verify(before, after) if self.verify else ""
        if found:
            raise refused("NOT-CLEAN", codes=found)
        try:
            goal.write_bytes(after)
        except OSError as error:
            raise refused("WRITE-FAILED", reason=error.strerror or type(error).__name__) from None
        return Outcome(actions, sha256(before).hexdigest())

    def _whole(self, source: bytes) -> Done:
        dataset, actions = self.changed(source)
        return encoded(dataset), actions

    def _check(self, source: bytes) -> None:
        dataset = read_whole(source)
        check_whole(dataset)
        if self.engine.profile.codes:
            check_pixels(dataset)

    def changed(self, source: bytes) -> tuple["Dataset", Counter[str]]:
        """The object as it will be written, and what was done to it.

        Raises:
            InputRefused: it is broken, or of a kind that is refused.
        """
        dataset = read_whole(source)
        check_whole(dataset)
        if not self.engine.profile.codes:
            return dataset, self.engine.apply(dataset)
        kind = dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID")
        name = (
            dataset.get("SOPInstanceUID")
            or dataset.file_meta.get("MediaStorageSOPInstanceUID")
            or sha256(source).hexdigest()
        )
        if not kind:
            raise refused("NO-CLASS")
        # Type 1, but emptied by some anonymisers; the file meta group still has them
        dataset.SOPClassUID = kind
        dataset.SOPInstanceUID = str(name)
        check_kind(dataset, blanked=bool(self.choices.blank))
        check_pixels(dataset)
        blanked = blank(dataset, self.choices.blank)
        actions = self.engine.apply(dataset)
        codes.claim(
            dataset, (*self.engine.profile.codes, *(("113101",) if blanked else ())), __version__
        )
        _rebuild_meta(dataset, str(kind), str(dataset.SOPInstanceUID))
        return dataset, actions


def _outcome(work: Callable[[], Outcome]) -> Outcome:
    """Process one file; any exception becomes the refusal of that file."""
    try:
        with quiet_pydicom():
            return work()
    except InputRefused as error:
        return Outcome(code=error.code, evidence=tuple(sorted(error.evidence.items())))
    # damaged files break libraries in many ways, and the messages may quote values
    except Exception as error:
        return Outcome(code="DEIDENTIFY-FAILED", evidence=(("reason", type(error).__name__),))


def _read(source: Path | bytes | Unread) -> bytes:
    if isinstance(source, bytes):
        return source
    if isinstance(source, Unread):
        raise refused("READ-FAILED", reason=str(source))
    try:
        return source.read_bytes()
    except OSError as error:
        raise refused("READ-FAILED", reason=error.strerror or type(error).__name__) from None


def read_whole(data: bytes) -> "Dataset":
    """Read all of one object.

    Raises:
        UnreadableFile: with the code `PARSE-FAILED`, `FILE-TRUNCATED` or `UNKNOWN-SYNTAX`.
    """
    import pydicom

    with quiet_pydicom() as warned:
        try:
            dataset = pydicom.dcmread(BytesIO(data), force=True)
        # a broken file breaks readers in many ways; its message may quote values
        except Exception as error:
            raise refused("PARSE-FAILED", UnreadableFile, reason=type(error).__name__) from None
    if not len(dataset) or any("End of file" in str(warning.message) for warning in warned):
        raise refused("FILE-TRUNCATED", UnreadableFile, detail="it ends inside an element")
    if any(tag >> 16 == DELIMITERS for tag in dataset.keys()):  # noqa: SIM118
        raise refused("PARSE-FAILED", UnreadableFile, reason="a delimiter outside of a sequence")
    _drop_padding(dataset)
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if not syntax:
        dataset.file_meta.TransferSyntaxUID = _native_syntax(dataset)
    elif not syntax.is_transfer_syntax:
        raise refused("UNKNOWN-SYNTAX", UnreadableFile)
    elif syntax in NATIVE:
        _correct_syntax(dataset, data)
    return dataset


def _drop_padding(dataset: "Dataset") -> None:
    """Remove elements of group 0000, which no file can have (PS3.7 9.1).

    Zero bytes behind the data set are read as an element (0000,0000).
    """
    for tag in [tag for tag in dataset.keys() if tag >> 16 == 0]:  # noqa: SIM118
        del dataset[tag]


def _correct_syntax(dataset: "Dataset", data: bytes) -> None:
    """Set the transfer syntax that the data really have: some declare implicit, write explicit."""
    from pydicom.uid import UID

    at = 144 + int.from_bytes(data[140:144], "little")
    if data[128:132] != b"DICM" or data[132:136] != b"\2\0\0\0" or len(data) < at + 8:
        return
    implicit = not is_vr(data[at + 4 : at + 6])
    dataset.file_meta.TransferSyntaxUID = UID(IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE)
    dataset.set_original_encoding(implicit, True, dataset.original_character_set)


def _native_syntax(dataset: "Dataset") -> Any:
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    if little:
        return ExplicitVRLittleEndian
    return ExplicitVRBigEndian


def _rebuild_meta(dataset: "Dataset", kind: str, name: str) -> None:
    """Write a new file meta group (PS3.10 7.1) that keeps the syntax only, an empty preamble."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = UID(kind)
    meta.MediaStorageSOPInstanceUID = UID(name)
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    meta.ImplementationVersionName = f"PLEURA {__version__}"[:16]
    dataset.file_meta = meta
    dataset.preamble = bytes(128)


def encoded(dataset: "Dataset") -> bytes:
    """The object as the bytes of a file.

    Raises:
        InputRefused: with the code `UNWRITABLE`.
    """
    file = BytesIO()
    try:
        dataset.save_as(file, enforce_file_format=True)
    except Exception as error:
        raise refused("UNWRITABLE", reason=type(error).__name__) from None
    return file.getvalue()
