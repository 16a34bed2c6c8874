"""The files of the input as the audit keeps them: their patients, marks and identifiers."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from pleura.audit.identifiers import harvest, original_uids
from pleura.audit.parsing import Layout
from pleura.audit.reading import Files
from pleura.audit.search import Identifier
from pleura.audit.vocabulary import is_placeholder
from pleura.core.progress import Progress
from pleura.files.listing import InputFile
from pleura.files.walk import Walk

_FINGERPRINT = (
    0x00080016,
    0x00200011,
    0x00200013,
    0x00200032,
    0x00200037,
    0x00280008,
    0x00280010,
    0x00280011,
    0x00281052,
)
_CONTENT = frozenset({0x30060050, 0x0040A30A, 0x00700022, 0x00720502, 0x00620004})
"""Attributes that the mark of a file is made of, besides its pixels."""
NOBODY = -1
"""Instead of a patient's number where nothing identifies the patient."""


@dataclass(frozen=True)
class SourceFile:
    """A file of the input: the number of its patient, its mark and its StudyInstanceUID."""

    file: InputFile
    patient: int
    mark: bytes
    study: bytes


@dataclass
class Input:
    """What is kept of the input: where its files are, their patients, and the identifiers."""

    sources: list[SourceFile] = field(default_factory=list)
    by_mark: dict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_place: dict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    patients: list[tuple[str, str, str]] = field(default_factory=list)
    identifiers: dict[int, frozenset[Identifier]] = field(default_factory=dict)
    uids: set[bytes] = field(default_factory=set)
    instances: dict[bytes, int] = field(default_factory=dict)

    def identifiers_of(self, patients: Iterable[int]) -> frozenset[Identifier]:
        """The identifiers of several patients."""
        return frozenset().union(*(self.identifiers[patient] for patient in patients))


def read_input(found: Walk, files: Files, progress: Progress) -> Input:
    """Read every file of the input once."""
    known = Input()
    gathered: dict[int, set[Identifier]] = defaultdict(set)
    for number, (file, layout) in enumerate(files.layouts(found)):
        progress("read", number, len(found.files))
        # emptied by some anonymisers
        instance = (layout.text(0x00080018) or layout.text(0x00020003)).encode()
        known.uids |= original_uids(layout)
        if not is_dicom(layout):
            continue
        patient = _patient(layout, known.patients)
        gathered[patient] |= harvest(layout)
        one = SourceFile(file, patient, mark_of(layout), layout.text(0x0020000D).encode())
        known.by_mark[one.mark].append(len(known.sources))
        known.by_place[mark_of(layout, pixels=False)].append(len(known.sources))
        if instance:
            known.instances[instance] = len(known.sources)
        known.sources.append(one)
    progress("read", len(found.files), len(found.files))
    known.identifiers = {patient: frozenset(held) for patient, held in gathered.items()}
    return known


def is_dicom(layout: Layout) -> bool:
    """Whether a file is DICOM: it has a SOP class or, since tools remove that, a SOPInstanceUID."""
    return bool(layout.preamble or layout.text(0x00080018) or layout.text(0x00020003))


def _patient(layout: Layout, patients: list[tuple[str, str, str]]) -> int:
    """The number of a file's patient, or -1 where nothing identifies the patient.

    Files are of one patient where they have the same id and no contradicting birth date (or,
    without a birth date, no contradicting name). Nothing identifies a patient where there is no id,
    no name with a birth date, and no study.
    """
    name = "".join(
        c
        for c in "^".join(layout.text(0x00100010).split("=")[0].split("^")[:2]).casefold()
        if c.isalnum()
    )
    own = (layout.text(0x00100020), layout.text(0x00100030), name)
    if is_placeholder(own[0]):
        own = ("", own[1], "" if is_placeholder(layout.text(0x00100010)) else name)
    # without an id, name and birth date together are one patient, and else a study is
    if not own[0]:
        own = (
            "\0" + (f"{name}\0{own[1]}" if name and own[1] else layout.text(0x0020000D)),
            own[1],
            name,
        )
        if own[0] == "\0":
            return NOBODY
    for number, (ident, birth, called) in enumerate(patients):
        both = bool(birth and own[1])
        if ident == own[0] and (
            birth == own[1] if both else not called or not own[2] or called == own[2]
        ):
            patients[number] = (ident, birth or own[1], called or own[2])
            return number
    patients.append(own)
    return len(patients) - 1


def mark_of(layout: Layout, *, pixels: bool = True) -> bytes:
    """What every correct de-identification keeps of a file, as a digest.

    These are class, position, numbers, pixels, contours and measurements.
    """
    digest = hashlib.blake2b(digest_size=16)
    for tag in _FINGERPRINT:
        text = layout.text(tag)
        if not text and tag == 0x00080016:
            text = layout.text(0x00020002)
        digest.update(text.strip().encode() + b"\0")
    for piece in layout.pieces:
        if piece.path[-1] in _CONTENT:
            digest.update(layout.data[piece.start : piece.end].strip(b" \0"))
    if pixels:
        digest.update(layout.data[slice(*layout.pixels)])
    return digest.digest()
