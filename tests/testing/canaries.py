"""A canary, a word that occurs nowhere else, in every place of the input that can hold an
identity: attributes, private tags, names of folders, files, archive members, structures and
segments, header fields and comments of image files. `bench/canaries.py` runs the verbs on it.

A canary that is found in what a verb prints or writes, outside the files that are documented as
private, is a leak.
"""

import base64
import gzip
import io
import json
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.datadict import DicomDictionary, dictionary_VR, keyword_for_tag
from pydicom.sequence import Sequence

from pleura.deid.tables import rows
from pleura.dicom.header import TECHNICAL
from pleura.dicom.series import find_series
from pleura.dicom.values import NUMERIC
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series

SHAPE = (14, 40, 40)
TEXTS = ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")
TOLD = re.compile(
    rb"kanari\d{4}q|2\.25\.777000\d{4}|"
    rb"(?<![\d.])17[1-4]\d-?(?:0[1-9]|1[0-2])-?[0-2]\d(?=171717|\D|\Z)|171717\.\d{6}|"
    rb"7\.77000\d{4}|77700\d{4}",
    re.IGNORECASE,
)
"""Any canary: in text, as a UID, a date, a time, a decimal and an integer. A date is a number of
its own: among the digits of thousands of new UIDs some date stands by chance."""
READING = re.compile(
    r"Burned|Recogniz|Lossy|Pixel|LUT|Rescale|Rows|Columns|Bits|HighBit|Samples|Photometric|Image"
    r"(?:Position|Orientation|Type)|PatientPosition|Transfer|SOPClass|Modality$|CharacterSet|"
    r"Frame|Spacing|SliceThickness|GantryDetectorTilt|Window|Segment|Data$|Units|Presentation|"
    r"SeriesInstanceUID|SOPInstanceUID|StudyInstanceUID|SliceLocation|InstanceNumber|Padding"
)
"""Attributes that decide how a slice is read; a canary in them is a broken slice."""

AS_THEY_ARE = tuple(name for name in TECHNICAL if name not in (*NUMERIC, "ContrastBolusAgent"))
"""Technical attributes that are shown and recorded as they are (docs/security.md)."""


@dataclass
class Canaries:
    """The canaries that were given out: each with the place where it was put."""

    places: dict[str, str] = field(default_factory=dict)

    def word(self, place: str) -> str:
        """A canary in letters, for any attribute of text and any name."""
        return self._new(f"KANARI{len(self.places):04d}Q", place)

    def value(self, vr: str, place: str) -> str:
        """A canary that a VR allows; empty where it allows none."""
        number = len(self.places)
        day = f"{1710 + number // 336}{number // 28 % 12 + 1:02d}{number % 28 + 1:02d}"
        made = {
            "UI": f"2.25.777000{number:04d}",
            "DA": day,
            "TM": f"171717.{number:06d}",
            "DT": f"{day}171717.{number:06d}",
            "DS": f"7.77000{number:04d}",
            "IS": f"77700{number:04d}",
        }
        if vr in TEXTS:
            return self.word(place)
        if vr == "DT":  # each half of it tells
            self._new(made["DA"], place)
            self.places[made["TM"]] = place
            return made["DT"]
        if vr in made:
            return self._new(made[vr], place)
        return ""

    def _new(self, canary: str, place: str) -> str:
        self.places[canary.lower()] = place
        return canary

    def found(self, data: bytes) -> set[str]:
        """Places of the canaries that are in bytes, whatever packs or encodes them."""
        told: set[str] = set()
        for plain in unpacked(data):
            for match in TOLD.finditer(plain):
                word = match[0].decode().lower()
                told |= {self.places.get(word) or self.places.get(word.replace("-", ""), "")}
        return told - {""}


def unpacked(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """The bytes, without their zero bytes (UTF-16), and what is packed in them: gzip, zip, chunks
    of PNG, deflated DICOM, base64 of pages.
    """
    yield data
    if b"\0" in data:
        yield data.replace(b"\0", b"")
    if depth > 3:
        return
    inner: list[bytes] = []
    if data[:2] == b"\x1f\x8b":
        inner.append(gzip.decompress(data))
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inner += [archive.read(name) for name in archive.namelist()]
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        inner += [_inflated(part) for part in re.split(rb"(?=zTXt|iTXt|iCCP)", data)[1:]]
    if data[128:132] == b"DICM" and b"1.2.840.10008.1.2.1.99" in data[:1000]:
        inner.append(str(dcmread(io.BytesIO(data), force=True)).encode())
    for text in re.findall(rb"base64,([A-Za-z0-9+/=]+)", data):
        inner.append(base64.b64decode(text + b"=="))
    for one in inner:
        yield from unpacked(one, depth + 1)


def _inflated(chunk: bytes) -> bytes:
    at = chunk.find(b"\x78")
    try:
        return zlib.decompressobj().decompress(chunk[at:]) if at >= 0 else b""
    except zlib.error:
        return b""


def identity(told: Canaries, dataset: Dataset, kind: str) -> None:
    """A canary in every attribute of PS3.15 Table E.1-1 that holds text, a date, a number or a
    UID, in items of sequences, in private tags, in the preamble and in the meta group.
    """
    for tag, row in rows().items():
        keyword = keyword_for_tag(tag)
        if not keyword or tag >> 16 in (0, 2, 4) or tag > 0x60000000 or READING.search(keyword):
            continue
        vr = dictionary_VR(tag)
        value = told.value(vr, f"{kind}: {row.name}")
        if value:
            dataset.add_new(tag, vr, value)
    item = Dataset()
    for keyword in ("PatientName", "PatientID", "InstitutionName", "ContentCreatorName"):
        setattr(item, keyword, told.word(f"{kind}: {keyword} in a sequence"))
    item.RequestAttributesSequence = Sequence([Dataset()])
    item.RequestAttributesSequence[0].RequestedProcedureDescription = told.word(f"{kind}: nested")
    for keyword in ("ContributingEquipmentSequence", "RequestAttributesSequence"):
        setattr(dataset, keyword, Sequence([item]))
    for group in (0x0009, 0x0019, 0x7F01):
        block = dataset.private_block(group, told.word(f"{kind}: private creator"), create=True)
        for at, vr in enumerate(("LO", "PN", "UN", "DS", "UI", "OB")):
            value = told.value("LO" if vr in ("UN", "OB") else vr, f"{kind}: private {vr}")
            body = value.encode() + b" " * (len(value) % 2) if vr in ("UN", "OB") else value
            block.add_new(at, vr, body)
    meta = dataset.file_meta
    for keyword in ("SourceApplicationEntityTitle", "ImplementationVersionName"):
        setattr(meta, keyword, told.word(f"{kind}: meta {keyword}"))
    dataset.preamble = told.word(f"{kind}: preamble").encode().ljust(128, b"\0")


def others(told: Canaries, dataset: Dataset) -> None:
    """A canary in every other attribute of text in the dictionary of the Standard that does not
    decide how the slice is read.
    """
    known = rows()
    for tag, (vr, _, _, retired, keyword) in DicomDictionary.items():
        if tag in known or tag in dataset or retired or tag >> 16 in (0, 2, 4, 0xFFFE):
            continue
        if vr in TEXTS and not READING.search(keyword) and keyword not in TECHNICAL:
            dataset.add_new(tag, vr, told.word(f"other attribute: {keyword}"))


def good_chests(told: Canaries, folder: Path, count: int = 2) -> None:
    """Chests that every verb can use, under names of their own, and a mask of each in `masks`."""
    for number in range(count):
        volume, mask = chest(SHAPE, seed=3 + number)
        slices = series(volume, SeriesSpec(seed=3 + number))
        for one in slices:
            one.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        first = Dataset()
        first.file_meta = slices[0].file_meta
        identity(told, first, "chest")
        for one in slices:
            one.preamble = first.preamble
            one.file_meta.update(
                {e.tag: e for e in first.file_meta if e.keyword.startswith(("Source", "Impl"))}
            )
            one.update({e.tag: e for e in first})
        others(told, slices[number])
        name = told.word("name of a folder")
        place = folder / "ct" / told.word("name of a folder above") / name
        for k, one in enumerate(slices):
            path = place / f"{k:03d}{told.word('name of a file')}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            dcmwrite(path, one, enforce_file_format=True)
        masks(told, folder / "masks", name, LungMask(mask.labels, volume.grid, sided=True))


def masks(told: Canaries, folder: Path, name: str, mask: LungMask) -> None:
    """A mask in NIfTI with canaries in its header and in the header of its gzip stream."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.nii.gz"  # of the case's folder, or of its id
    write_mask(path, mask)
    image = nib.load(path)
    head = image.header
    for key in ("descrip", "aux_file", "intent_name", "db_name"):
        head[key] = told.word(f"NIfTI {key}").encode()
    comment = told.word("NIfTI extension").encode()
    head.extensions.append(nib.nifti1.Nifti1Extension(6, comment))
    body = nib.Nifti1Image(np.asanyarray(image.dataobj), image.affine, head).to_bytes()
    with path.open("wb") as file:
        words = told.word("name in gzip"), told.word("comment of gzip")
        flags = b"\x1f\x8b\x08\x18" + bytes(6) + b"".join(w.encode() + b"\0" for w in words)
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        tail = zlib.crc32(body).to_bytes(4, "little") + len(body).to_bytes(4, "little")
        file.write(flags + packer.compress(body) + packer.flush() + tail)


def label_formats(told: Canaries, folder: Path) -> None:
    """The masks of the chests once more in every format, each with canaries in its names, its
    comments and its header: `labels/FORMAT/NAME`.
    """
    for source in find_series(folder / "ct"):
        name = Path(source.files[0].file).parent.name
        assert source.grid is not None
        own = folder / "masks" / f"{name}.nii.gz"
        (folder / "own" / own.name.replace(name, source.id)).parent.mkdir(exist_ok=True)
        shutil.copy(own, folder / "own" / own.name.replace(name, source.id))
        mask = read_mask(own, source.grid)
        for ending in ("nrrd", "mha", "seg.dcm", "rtstruct.dcm"):
            path = folder / "labels" / ending.partition(".")[0] / f"{source.id}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_mask(path, mask, source)
            MARKED[ending](told, path)


def _nrrd(told: Canaries, path: Path) -> None:
    head, _, body = path.read_bytes().partition(b"\n\n")
    keys = ("Segment0_Tags", "Segmentation_Source", "Author", "content2")
    lines = [f"{key}:={told.word(f'NRRD key {key}')}" for key in keys]
    lines += [f"# {told.word('NRRD comment')}", f"content: {told.word('NRRD content')}"]
    path.write_bytes(head + b"\n" + "\n".join(lines).encode() + b"\n\n" + body)


def _mha(told: Canaries, path: Path) -> None:
    head, mark, body = path.read_bytes().partition(b"ElementDataFile")
    lines = [f"{key} = {told.word(f'MetaImage {key}')}" for key in ("Comment", "PatientName")]
    path.write_bytes(head + "\n".join(lines).encode() + b"\n" + mark + body)


def _labels(told: Canaries, path: Path) -> None:
    """Of a SEG or RTSTRUCT: canaries in the header and its texts, and one more structure."""
    dataset = dcmread(path)
    identity(told, dataset, "label object")
    for one in dataset.get("SegmentSequence", ()):
        one.SegmentDescription = told.word("SegmentDescription")
        one.TrackingID = told.word("TrackingID")
    if "StructureSetROISequence" in dataset:
        for keyword in ("StructureSetName", "StructureSetLabel", "StructureSetDescription"):
            setattr(dataset, keyword, told.word(keyword))
        more = Dataset()
        more.ROINumber = 99
        more.ReferencedFrameOfReferenceUID = dataset.StructureSetROISequence[
            0
        ].ReferencedFrameOfReferenceUID
        more.ROIName = f"Lung_{told.word('ROIName beside the lungs')}"
        more.ROIDescription = told.word("ROIDescription")
        more.ROIGenerationAlgorithm = "MANUAL"
        dataset.StructureSetROISequence.append(more)
    dataset.save_as(path)


MARKED: dict[str, Callable[[Canaries, Path], None]] = {
    "nrrd": _nrrd,
    "mha": _mha,
    "seg.dcm": _labels,
    "rtstruct.dcm": _labels,
}


def broken(told: Canaries, folder: Path, keywords: list[str]) -> None:
    """What is refused, each thing under a name of its own: series with a canary in one attribute,
    archives, broken and foreign files.
    """
    volume, _ = chest((8, 24, 24), seed=8)
    for number, keyword in enumerate(keywords):
        slices = series(volume, SeriesSpec(seed=100 + number))
        word = told.word(f"value of {keyword}")
        place = folder / told.word("folder of a broken series")
        for one in slices:
            one.PatientName = told.word("PatientName of a broken series")
            one.PatientID = told.word("PatientID of a broken series")
            _put(place, told, _replaced(_written(one), keyword, word))
    good = _written(series(volume, SeriesSpec(seed=99))[0])
    person = dcmread(io.BytesIO(good))
    identity(told, person, "in an archive")
    _archives(told, folder, _written(person))
    for data in (good[:700], good[:132] + b"\xff" * 300, b"", b"%PDF-1.4 " + b"x" * 99):
        _put(folder, told, data)
    text = told.word("content of a text file")
    _put(folder, told, text.encode() * 9)
    (folder / "dataset.json").write_text(json.dumps({"labels": {text: 1}, "name": text}))


def _put(folder: Path, told: Canaries, data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{told.word('name of a broken file')}.dcm").write_bytes(data)


def _archives(told: Canaries, folder: Path, slice_: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)

    def member() -> str:
        return f"{told.word('folder in an archive')}/{told.word('archive member')}.dcm"

    bodies = (slice_, slice_[:600])
    with zipfile.ZipFile(folder / f"{told.word('name of a zip')}.zip", "w", 8) as packed:
        packed.comment = told.word("comment of a zip").encode()
        for data in bodies:
            packed.writestr(member(), data)
    pax = {"comment": told.word("pax header of a tar")}
    with tarfile.open(folder / f"{told.word('name of a tar')}.tar", "w", pax_headers=pax) as rolled:
        for data in bodies:
            about = tarfile.TarInfo(member())
            about.uname, about.gname = told.word("uname of a tar"), told.word("gname of a tar")
            about.size = len(data)
            rolled.addfile(about, io.BytesIO(data))
    (folder / f"{told.word('name of a broken zip')}.zip").write_bytes(b"PK\x03\x04" + b"\xff" * 99)
    packed_slice = gzip.compress(slice_, mtime=0)
    (folder / f"{told.word('name of a gzip')}.dcm.gz").write_bytes(packed_slice)
    (folder / f"{told.word('name of a cut gzip')}.dcm.gz").write_bytes(packed_slice[:-20])


def one_slice_attributes() -> list[str]:
    """Keywords of the attributes of a slice, less those that hold technical words as they are."""
    hu = np.zeros((1, 16, 16), np.int16)
    (one,) = series(Volume(hu, Grid.axial(hu.shape, (2.0, 0.7, 0.7))), SeriesSpec())
    meta = ["TransferSyntaxUID", "MediaStorageSOPClassUID"]
    return [*meta, *(e.keyword for e in one if e.keyword not in (*AS_THEY_ARE, "PixelData"))]


def _written(dataset: Dataset) -> bytes:
    target = io.BytesIO()
    dcmwrite(target, dataset, enforce_file_format=True)
    return target.getvalue()


def _replaced(data: bytes, keyword: str, word: str) -> bytes:
    """A file with the value of an attribute replaced by text, whatever its VR."""
    from testing.mutants import elements

    for tag, start, _, end in elements(data):
        if keyword_for_tag(tag) == keyword:
            text = word.encode() + b" " * (len(word) % 2)
            return data[: start + 4] + b"LO" + len(text).to_bytes(2, "little") + text + data[end:]
    raise AssertionError(keyword)


def image_files(told: Canaries, folder: Path) -> None:
    """CT and masks as image files under names of their own, and some that are refused."""
    volume, mask = chest(SHAPE, seed=9)
    name = told.word("name of an image file")
    place = folder / told.word("folder of an image file")
    masks(told, place, f"{name}_mask", LungMask(mask.labels, volume.grid, sided=True))
    from pleura.images.nifti import write_volume

    write_volume(place / f"{name}.nii.gz", volume)
    for ending in (".nii.gz", ".nii", ".nrrd", ".mha", ".npz", ".hdr", ".mgz"):
        (place / f"{told.word('name of a broken image file')}{ending}").write_bytes(
            told.word("content of a broken image file").encode() * 30
        )


def lone_masks(told: Canaries, folder: Path) -> None:
    """Masks of no case, and broken ones, under names of their own."""
    for data in (b"", b"\x1f\x8b" + b"\xff" * 60, told.word("content of a mask").encode() * 50):
        for ending in (".nii.gz", "_seg.npz", ".nrrd", ".mha", ".seg.dcm"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{told.word('name of a broken mask')}{ending}").write_bytes(data)


def material(folder: Path, keywords: list[str]) -> Canaries:
    """Everything, in `folder`: `good/ct`, `good/masks`, `good/labels/FORMAT`, `bad` (with a series
    for each of the attributes `keywords`), `badmasks`, `images`.
    """
    told = Canaries()
    good_chests(told, folder / "good")
    label_formats(told, folder / "good")
    shutil.copytree(folder / "good" / "ct", folder / "bad" / "ct")
    broken(told, folder / "bad", keywords)
    shutil.copytree(folder / "good" / "masks", folder / "badmasks")
    lone_masks(told, folder / "badmasks")
    image_files(told, folder / "images")
    return told
