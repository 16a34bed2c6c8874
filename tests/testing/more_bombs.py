"""More small files that would cost gigabytes or minutes.

`testing.bombs` has the first ones and what a bomb is; `bench/bombs.py` runs both.
"""

import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom import Sequence as Items
from pydicom.dataelem import DataElement
from pydicom.encaps import encapsulate

from testing.bombs import (
    DEEP,
    J2K,
    MANY,
    MASKS,
    MODEL,
    SCAN,
    SEGMENT,
    ZEROS,
    Bomb,
    card,
    chest,
    deep_sequences,
    good_mask,
    in_masks,
    nested_zip,
    nifti,
    nrrd,
    one_file,
)

STUDY = ("study", "{}/design.toml", "{}/out", "--data", "{}/ct")
EVALUATE = ("evaluate", "{}/masks", "{}/masks", "{}/out", "--patients", "{}/patients.csv")


def huge_tiles(folder: Path) -> None:
    """JPEG 2000 of 2^31 x 2^31 samples in one tile; the header of the file states 32 x 32."""
    size = 2**31 - 1
    body = b"\0\0" + struct.pack(">IIIIIIIIH", size, size, 0, 0, size, size, 0, 0, 1) + b"\x0f\1\1"
    coding = b"\xff\x52\x00\x0c\0\0\0\1\0\1\x04\x04\0\1"
    tile = b"\xff\x90\x00\x0a\0\0\xff\xff\xff\xff\0\1\xff\x93" + bytes(64)
    head = b"\xff\x4f\xff\x51" + struct.pack(">H", len(body) + 2) + body
    stream = head + coding + tile + b"\xff\xd9"
    for path in chest(folder).rglob("*.dcm"):
        dataset = dcmread(path)
        dataset.file_meta.TransferSyntaxUID = J2K
        dataset.PixelData = encapsulate([stream])
        dataset["PixelData"] = DataElement(0x7FE00010, "OB", dataset.PixelData)
        dataset["PixelData"].is_undefined_length = True
        dataset.save_as(path)


def deflated(folder: Path) -> None:
    """A deflated data set of 2 GB: one block of zeros, flushed whole, many times over."""
    path = one_file(folder)
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    del dataset.PixelData
    target = io.BytesIO()
    dataset.save_as(target)
    data = target.getvalue()
    end = 144 + int.from_bytes(data[140:144], "little")
    plain = zlib.decompress(data[end:], -15)
    head = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFF0)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    begun = packer.compress(plain + head) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(ZEROS)) + packer.flush(zlib.Z_FULL_FLUSH)
    path.write_bytes(data[:end] + begun + block * 128)


def many_members(folder: Path) -> None:
    """A tar of 100,200 empty files, in gzip."""
    head = tarfile.TarInfo("a").tobuf(tarfile.USTAR_FORMAT)
    (folder / "ct").mkdir()
    (folder / "ct" / "a.tar.gz").write_bytes(gzip.compress(head * 100_200 + bytes(1024), 1))


def xz_tar(folder: Path) -> None:
    """A tar in xz: one DICOM file of 1 GB of zeros, made of streams in a row."""
    about = tarfile.TarInfo("a.dcm")
    about.size = 64 * ZEROS
    head = about.tobuf(tarfile.USTAR_FORMAT) + (b"\0" * 128 + b"DICM").ljust(512, b"\0")
    (folder / "ct").mkdir()
    data = lzma.compress(head) + lzma.compress(bytes(ZEROS)) * 64
    (folder / "ct" / "a.tar.xz").write_bytes(data)


def npy_header(folder: Path) -> None:
    """An array in NPZ whose header says that it is 3 GB long."""
    chest(folder)
    (folder / "masks").mkdir()
    head = b"\x93NUMPY\x02\x00" + struct.pack("<I", 3 << 30) + b"{'descr': '|u1', " * 9
    with zipfile.ZipFile(folder / "masks" / "Case_000_seg.npz", "w", 8) as archive:
        archive.writestr("masks.npy", head + bytes(ZEROS))


def many_points(folder: Path) -> None:
    """A million points: 25 contours, each just below what one contour may have."""
    path = good_mask(folder, "Case_000.rtstruct.dcm")
    dataset = dcmread(path)
    first = dataset.ROIContourSequence[0].ContourSequence[0]
    z = float(first.ContourData[2])
    angles = np.linspace(0, 2 * np.pi, 40_000, endpoint=False)
    x, y = 20 * np.cos(angles), 20 * np.sin(angles)
    points = np.round(np.stack([x, y, np.full_like(x, z)], axis=1), 2).ravel()
    first.ContourData = [str(value) for value in points.tolist()]
    first.NumberOfContourPoints = len(angles)
    dataset.ROIContourSequence[0].ContourSequence = Items([first] * 25)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    dataset.save_as(path, implicit_vr=True)


def many_segments(folder: Path) -> None:
    """A SEG with a description of each of 20,000 segments."""
    path = good_mask(folder, "Case_000.seg.dcm")
    dataset = dcmread(path)
    short = Dataset()
    short.SegmentNumber, short.SegmentLabel = 1, "Lung"
    dataset.SegmentSequence = Items([short] * 20_000)
    dataset.save_as(path)


def deep_label(folder: Path) -> None:
    """The same deep sequences as of a slice, in a file that lies among the masks."""
    path = good_mask(folder, "Case_000.seg.dcm")
    whole = one_file(folder).read_bytes()
    deep_sequences(folder)
    path.write_bytes(one_file(folder).read_bytes())
    one_file(folder).write_bytes(whole)


def many_items(folder: Path) -> None:
    """An Enhanced CT of 60,000 frames, none with a functional group, without pixels."""
    from pleura.phantom.enhanced import enhanced

    slices = [dcmread(path) for path in sorted(chest(folder).rglob("*.dcm"))]
    whole = enhanced(slices)
    for path in chest(folder).rglob("*.dcm"):
        path.unlink()
    whole.PerFrameFunctionalGroupsSequence = Items([Dataset()] * 60_000)
    whole.NumberOfFrames = 60_000
    whole.save_as(folder / "ct" / "a.dcm", enforce_file_format=True)


def deep_toml(folder: Path) -> None:
    chest(folder)
    (folder / "design.toml").write_text("name = " + "[" * DEEP + "]" * DEEP)


def wide_field(folder: Path) -> None:
    """A table of patients with a field of 20 MB."""
    good_mask(folder, "Case_000.nii.gz")
    (folder / "patients.csv").write_text("case,patient\nCase_000," + "x" * (20 << 20) + "\n")


def wide_card(folder: Path) -> None:
    """A model card with a list of two million numbers where it has one."""
    card(folder)
    path = folder / "model" / "model.json"
    about = json.loads(path.read_text())
    about["input"]["size"] = [0] * 2_000_000
    path.write_text(json.dumps(about))


def long_extension() -> bytes:
    """A NIfTI file whose extension states 2 GB."""
    data = bytearray(nifti((32, 32, 4)))
    struct.pack_into("<f", data, 108, 2.0**31)
    data[348:352] = b"\1\0\0\0"
    return bytes(data) + struct.pack("<ii", 2**31 - 16, 6) + bytes(4096)


SIZES = "4294967296 4294967296 4294967296 4294967296"
MORE = (
    Bomb("JPEG 2000 with a tile of 2^31 x 2^31", huge_tiles, SEGMENT, ("refused",)),
    Bomb("deflated data set of 2 GB", deflated, SCAN, ("UNREADABLE-FILES", "refused")),
    Bomb(
        "the nested zip, in deidentify",
        nested_zip,
        ("deidentify", "{}/ct", "{}/out"),
        ("refused", "ARCHIVE"),
    ),
    Bomb("tar in gzip of 100,200 files", many_members, SCAN, ("ARCHIVE-REFUSED",)),
    Bomb("tar in xz, 1 GB of zeros", xz_tar, SCAN, ("refused", "REFUSED")),
    Bomb("NRRD of four times 2^32", in_masks("Case_000.nrrd", nrrd(SIZES)), MASKS, ("IMAGE",)),
    Bomb("NPZ whose header is 3 GB long", npy_header, MASKS, ("refused", "MASK", "IMAGE")),
    Bomb("RTSTRUCT of a million points on a slice", many_points, MASKS, MANY),
    Bomb("SEG of 20,000 segments", many_segments, MASKS, ("SEGMENTS-TOO-MANY",)),
    Bomb("SEG with sequences 50,000 deep", deep_label, MASKS, ("refused", "MASK")),
    Bomb("Enhanced CT of 60,000 frames without pixels", many_items, SCAN, ("TRUNCATED",)),
    Bomb("design of a study, 200,000 deep", deep_toml, STUDY, ("design",)),
    Bomb("table of patients with a field of 20 MB", wide_field, EVALUATE, ("patients",)),
    Bomb("model card with two million numbers", wide_card, MODEL, ("model.json",)),
    Bomb(
        "NIfTI with an extension of 2 GB",
        in_masks("Case_000.nii", long_extension()),
        MASKS,
        ("MASK", "IMAGE"),
    ),
)
