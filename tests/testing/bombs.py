"""Small files that would cost gigabytes or minutes, one for each kind of input, and what must
become of each. `bench/bombs.py` measures them.
"""

import gzip
import io
import json
import resource
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom import Sequence as Items
from pydicom.dataelem import DataElement
from pydicom.encaps import encapsulate

from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import write_mask
from pleura.phantom.writer import SeriesSpec, write_series
from testing.injected_faults import in_child, in_silence, run_words

SHAPE = (4, 32, 32)
ZEROS = 16 << 20
DEEP = 200_000
SECONDS, MEGABYTES = 2.0, 500.0
J2K = "1.2.840.10008.1.2.4.90"


@dataclass(frozen=True)
class Bomb:
    """`write` fills a folder; the command runs on it with `{}` in place of the folder. One of
    `says` must be among what it prints.
    """

    name: str
    write: Callable[[Path], None]
    words: tuple[str, ...]
    says: tuple[str, ...]


def chest(folder: Path) -> Path:
    """A tiny CT series in `folder/ct/Case_000`; returns `folder/ct`."""
    if (folder / "ct").exists():
        return folder / "ct"
    hu = np.random.default_rng(1).integers(-1000, 100, SHAPE).astype(np.int16)
    write_series(folder / "ct" / "Case_000", Volume(hu, Grid.axial(SHAPE, (5, 9, 9))), SeriesSpec())
    return folder / "ct"


def one_file(folder: Path) -> Path:
    """The first file of a tiny series."""
    return sorted(chest(folder).rglob("*.dcm"))[0]


def good_mask(folder: Path, name: str) -> Path:
    """A good mask of the series in `folder/ct`, in `folder/masks`."""
    (series,) = find_series(chest(folder))
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:3, 8:20, 4:12], labels[1:3, 8:20, 20:28] = 1, 2
    assert series.grid is not None
    path = folder / "masks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mask(path, LungMask(labels, series.grid, sided=True), series)
    return path


def in_masks(name: str, data: bytes) -> Callable[[Path], None]:
    """Writes a mask file beside a good series; the reference is the same file."""

    def write(folder: Path) -> None:
        chest(folder)
        (folder / "masks").mkdir()
        (folder / "masks" / name).write_bytes(data)

    return write


def zeros(count: int) -> bytes:
    """A gzip stream of so many times 16 MiB of zeros, as members in a row."""
    return gzip.compress(bytes(ZEROS), 9, mtime=0) * count


def nested_zip(folder: Path) -> None:
    data = bytes(ZEROS)
    for level in range(6):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(1 if level == 0 else 10):
                archive.writestr(f"{number}.zip" if level else "0.dcm", data)
        data = buffer.getvalue()
    (folder / "ct").mkdir()
    (folder / "ct" / "a.zip").write_bytes(data)


def nifti(dims: Sequence[int], data: bytes = b"") -> bytes:
    """A NIfTI-1 file of uint8 with the given dimensions."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, len(dims), *dims, *[1] * (7 - len(dims)))
    struct.pack_into("<hh", head, 70, 2, 8)
    struct.pack_into("<8f", head, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", head, 108, 352.0)
    struct.pack_into("<hh", head, 252, 1, 1)
    head[344:348] = b"n+1\0"
    return bytes(head) + data


def sparse_mask(folder: Path) -> None:
    in_masks("Case_000.nii", nifti((1200, 1200, 1200)))(folder)
    with (folder / "masks" / "Case_000.nii").open("r+b") as file:
        file.truncate(352 + 1200**3)


def nrrd(sizes: str, encoding: str = "raw", data: bytes = b"") -> bytes:
    lines = ["NRRD0004", "type: uint8", "dimension: 3", "space: left-posterior-superior"]
    lines += [f"sizes: {sizes}", "space directions: (1,0,0) (0,1,0) (0,0,1)"]
    lines += ["space origin: (0,0,0)", f"encoding: {encoding}", "", ""]
    return "\n".join(lines).encode() + data


def meta_image(dims: str, data: bytes) -> bytes:
    lines = ["ObjectType = Image", "NDims = 3", f"DimSize = {dims}", "ElementType = MET_UCHAR"]
    lines += ["CompressedData = True", "ElementSpacing = 1 1 1", "ElementDataFile = LOCAL", ""]
    return "\n".join(lines).encode() + data


def npz_shape(folder: Path) -> None:
    chest(folder)
    (folder / "masks").mkdir()
    head = io.BytesIO()
    about = {"descr": "|u1", "fortran_order": False, "shape": (1 << 14, 1 << 14, 1 << 14)}
    np.lib.format.write_array_header_1_0(head, about)
    with zipfile.ZipFile(folder / "masks" / "Case_000_seg.npz", "w", 8) as archive:
        archive.writestr("masks.npy", head.getvalue() + bytes(ZEROS))


def seg_frames(folder: Path) -> None:
    path = good_mask(folder, "Case_000.seg.dcm")
    dataset = dcmread(path)
    dataset.NumberOfFrames = 2_000_000_000
    dataset.Rows = dataset.Columns = 65535
    dataset.save_as(path)


def seg_groups(folder: Path) -> None:
    path = good_mask(folder, "Case_000.seg.dcm")
    dataset = dcmread(path)
    groups = list(dataset.PerFrameFunctionalGroupsSequence)
    dataset.PerFrameFunctionalGroupsSequence = Items(groups * (20_000 // len(groups)))
    dataset.save_as(path)


def contours(folder: Path, count: int, points: int) -> None:
    path = good_mask(folder, "Case_000.rtstruct.dcm")
    dataset = dcmread(path)
    first = dataset.ROIContourSequence[0].ContourSequence[0]
    if points:
        first.ContourData = [0.0, 0.0, 0.0] * points
        first.NumberOfContourPoints = points
    else:
        dataset.ROIContourSequence[0].ContourSequence = Items([first] * count)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    dataset.save_as(path, implicit_vr=True)


def deep_sequences(folder: Path) -> None:
    path = one_file(folder)
    data = path.read_bytes()
    at = data.index(b"\x08\x00\x60\x00CS")
    level = b"\x09\x00\x10\x10SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    ends = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    count = DEEP // 4
    path.write_bytes(data[:at] + level * count + ends * count + data[at:])


def private_element(folder: Path) -> None:
    path = one_file(folder)
    data = path.read_bytes()
    at = data.rindex(b"\xe0\x7f\x10\x00OW\0\0")
    size = 3 << 30
    with path.open("wb") as file:
        file.write(data[:at] + b"\x09\x70\x10\x10OB\0\0" + struct.pack("<I", size))
        file.seek(size, io.SEEK_CUR)
        file.write(data[at:])


def dicomdir_loop(folder: Path) -> None:
    chest(folder)
    dataset = dcmread(one_file(folder))
    entry = Dataset()
    entry.OffsetOfTheNextDirectoryRecord = 400
    entry.OffsetOfReferencedLowerLevelDirectoryEntity = 400
    entry.DirectoryRecordType = "PATIENT"
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    dataset.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 400
    dataset.DirectoryRecordSequence = Items([entry])
    (folder / "ct" / "DICOMDIR").unlink(missing_ok=True)
    dataset.save_as(folder / "ct" / "DICOMDIR")
    (folder / "ct" / "again").symlink_to("..", target_is_directory=True)
    for path in (folder / "ct").rglob("*.dcm"):
        path.unlink()


def codestream(folder: Path) -> None:
    """A JPEG 2000 stream that states 65,535 x 65,535 samples, in files that state the same."""
    size = 65535
    body = b"\0\0" + struct.pack(">IIIIIIIIH", size, size, 0, 0, size, size, 0, 0, 1) + b"\x0f\1\1"
    stream = b"\xff\x4f\xff\x51" + struct.pack(">H", len(body) + 2) + body + b"\xff\xd9"
    for path in chest(folder).rglob("*.dcm"):
        dataset = dcmread(path)
        dataset.Rows = dataset.Columns = size
        dataset.file_meta.TransferSyntaxUID = J2K
        dataset.PixelData = encapsulate([stream])
        dataset["PixelData"] = DataElement(0x7FE00010, "OB", dataset.PixelData)
        dataset["PixelData"].is_undefined_length = True
        dataset.save_as(path)


def gzip_slice(folder: Path) -> None:
    head = one_file(folder).read_bytes()
    for path in (folder / "ct").rglob("*.dcm"):
        path.unlink()
    (folder / "ct" / "a.dcm.gz").write_bytes(gzip.compress(head, mtime=0) + zeros(128))


def deep_json(name: str) -> Callable[[Path], None]:
    """Writes JSON nested 200,000 deep where a verb reads it."""

    def write(folder: Path) -> None:
        chest(folder)
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text('{"format":' + "[" * DEEP + "]" * DEEP + "}")

    return write


def card(folder: Path) -> None:
    """A model card whose network would need terabytes."""
    from testing.networks import write_run

    chest(folder)
    write_run(folder / "model", size=32)
    about = json.loads((folder / "model" / "model.json").read_text())
    about["input"]["size"] = 2_000_000
    (folder / "model" / "model.json").write_text(json.dumps(about))


MASKS = ("measure", "{}/ct", "{}/masks", "{}/out")
SCAN = ("scan", "{}/ct")
MANY = ("CONTOURS-TOO-MANY",)
SEGMENT = ("segment", "{}/ct", "{}/out", "--model", "classical")
COUCH = ("couch", "{}/ct", "{}/out")
MODEL = ("segment", "{}/ct", "{}/out", "--model", "{}/model")

BOMBS = (
    Bomb("zip in zip in zip, 1.6 TB", nested_zip, SCAN, ("ARCHIVE-REFUSED",)),
    Bomb("slice in gzip, 2 GB of zeros behind", gzip_slice, SEGMENT, ("refused",)),
    Bomb("NIfTI in gzip, 2 GB", in_masks("Case_000.nii.gz", zeros(128)), MASKS, ("corrupt",)),
    Bomb("NIfTI of 32767 cubed", in_masks("Case_000.nii", nifti([32767] * 3)), MASKS, ("GB",)),
    Bomb(
        "NIfTI of seven dimensions of 200",
        in_masks("Case_000.nii.gz", gzip.compress(nifti([200] * 7), mtime=0)),
        MASKS,
        ("GB", "dimension"),
    ),
    Bomb("NIfTI full of holes, 1.7 GB", sparse_mask, MASKS, ("SPARSE-FILE",)),
    Bomb(
        "NRRD of 10^15 voxels", in_masks("Case_000.nrrd", nrrd("99999 99999 99999")), MASKS, ("GB",)
    ),
    Bomb(
        "NRRD in gzip that holds more than it states",
        in_masks("Case_000.nrrd", nrrd("32 32 4", "gzip", zeros(64))),
        MASKS,
        ("MASK-TOO-LONG",),
    ),
    Bomb(
        "MetaImage of 3 GB in 30 bytes",
        in_masks("Case_000.mha", meta_image("1500 1500 1500", zlib.compress(b"0"))),
        MASKS,
        ("corrupt", "truncated"),
    ),
    Bomb("NPZ of 4 TB", npz_shape, MASKS, ("shape", "16384")),
    Bomb("SEG of 2 billion frames", seg_frames, MASKS, ("refused",)),
    Bomb("SEG of 20,000 frames without pixels", seg_groups, MASKS, ("refused",)),
    Bomb("RTSTRUCT of 20,000 equal contours", lambda f: contours(f, 20_000, 0), MASKS, MANY),
    Bomb("RTSTRUCT contour of 300,000 points", lambda f: contours(f, 0, 300_000), MASKS, MANY),
    Bomb("sequences 50,000 deep", deep_sequences, SCAN, ("UNREADABLE-FILES", "NESTED", "refused")),
    Bomb("private element of 3 GB, a hole", private_element, SCAN, ("SPARSE-FILE",)),
    Bomb("DICOMDIR that points to itself", dicomdir_loop, SCAN, ("no DICOM", "usable")),
    Bomb("JPEG 2000 of 65535 x 65535", codestream, SEGMENT, ("refused",)),
    Bomb(
        "cohort.json 200,000 deep",
        deep_json("ct/cohort.json"),
        COUCH,
        ("broken",),
    ),
    Bomb("model.json 200,000 deep", deep_json("model/model.json"), MODEL, ("is broken",)),
    Bomb("scores.json 200,000 deep", deep_json("s/scores.json"), ("report", "{}/s"), ("no run",)),
    Bomb(
        "dataset.json 200,000 deep",
        deep_json("ct/dataset.json"),
        ("evaluate", "{}/ct", "{}/ct", "{}/out"),
        (),
    ),
    Bomb("run.json 200,000 deep", deep_json("out/run.json"), COUCH, ("OUT",)),
    Bomb("model card for 4 million million pixels", card, MODEL, ("model.json has",)),
)


@dataclass(frozen=True)
class Cost:
    """What a bomb did: exit code, seconds of processor time, peak memory in MB (the libraries that
    are loaded included), what was printed.
    """

    name: str
    exit_code: int
    seconds: float
    megabytes: float
    printed: str

    def problems(self, bomb: Bomb, most_seconds: float = SECONDS) -> list[str]:
        """What breaks the rule."""
        found = [] if self.exit_code in (0, 1, 2, 3) else [f"exit {self.exit_code}"]
        found += ["traceback"] if "Traceback" in self.printed else []
        found += [] if self.seconds < most_seconds else [f"{self.seconds:.1f} s"]
        found += [] if self.megabytes < MEGABYTES else [f"{self.megabytes:.0f} MB"]
        if bomb.says and not any(words in self.printed for words in bomb.says):
            found.append(f"says {self.printed[-200:]!r}")
        return found


def costs(folder: Path, bombs: Sequence[Bomb] = BOMBS) -> Iterator[tuple[Bomb, Cost]]:
    """Run each bomb in a child of this process, which has imported what the verbs need."""
    good_mask(folder / "warm", "Case_000.nii.gz")
    for words in (SCAN, MASKS, COUCH):
        in_silence(partial(run_words, [word.format(folder / "warm") for word in words]))
    for number, bomb in enumerate(bombs):
        place = folder / str(number)
        place.mkdir()
        write = partial(bomb.write, place)
        assert in_child(lambda write=write: write() or 0, folder / "o", folder / "e") == 0, (
            bomb.name,
            (folder / "e").read_text(),
        )
        words = [word.format(place) for word in bomb.words]
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        usage = folder / "usage"
        code = in_child(partial(_measured, words, usage), folder / "o", folder / "e", 30.0)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime
        printed = "".join((folder / name).read_text("utf-8", "replace") for name in "oe")
        peak = float(usage.read_text()) if usage.exists() else 0.0
        usage.unlink(missing_ok=True)
        yield bomb, Cost(bomb.name, code, seconds, peak, printed)
        shutil.rmtree(place)


def _measured(words: Sequence[str], usage: Path) -> int:
    try:
        return run_words(words)
    finally:
        lines = Path("/proc/self/status").read_text().splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM"))
        usage.write_text(str(int(peak.split()[1]) / 1024))
