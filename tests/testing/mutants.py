"""Hostile DICOM files and archives from good ones: seeded, bounded in size, and aware of how both
are built.

Used by the quick test and by `bench/fuzz.py`, which runs 20,000 of them.
"""

import gzip
import io
import random
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID

from pleura.core.atomic import dump_json
from pleura.core.errors import InputRefused
from pleura.core.findings import Verdict
from pleura.dicom.pixels import read_hu
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import SYNTAXES, SeriesSpec, series
from pleura.verbs.scan import scan

LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
VRS = (
    *LONG,
    b"AE",
    b"AS",
    b"AT",
    b"CS",
    b"DA",
    b"DS",
    b"FD",
    b"IS",
    b"LO",
    b"PN",
    b"SH",
    b"SL",
    b"SS",
    b"UI",
    b"UL",
    b"US",
)
LENGTHS = (0, 1, 2, 7, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
WORDS = (
    b"",
    b"\\",
    b"nan",
    b"inf",
    b"-1e308",
    b"0",
    b"-1",
    b"1\\2\\3\\4\\5\\6\\7",
    b"99999999999999999999",
    b"\xff\xfe\x00",
    b"9" * 999,
)
SIZES = {
    0x00280010,
    0x00280011,
    0x00280008,
    0x00280002,
    0x00280100,
    0x00280101,
    0x00280102,
    0x00280103,
}
"""Rows, Columns, NumberOfFrames, SamplesPerPixel, BitsAllocated, BitsStored, HighBit,
PixelRepresentation.
"""
PRELUDE = b"\0" * 128 + b"DICM"


@dataclass(frozen=True)
class Seed:
    """The files of a small good series in one encoding; `frame` is an encoded frame where they
    are compressed.
    """

    syntax: str
    files: tuple[bytes, ...]
    frame: bytes = b""


def seeds() -> list[Seed]:
    """Three slices in each transfer syntax, multi-frame objects plain and compressed, and slices
    rich in sequences.
    """
    shape = (3, 16, 16)
    hu = np.random.default_rng(0).integers(-1000, 1000, shape).astype(np.int16)
    hu[:, 4:12, 4:12] = 20
    volume = Volume(hu, Grid.axial(shape, (2, 1, 1)))
    found = []
    for syntax in SYNTAXES:
        slices = series(volume, SeriesSpec(syntax=syntax))
        found.append(Seed(syntax, tuple(map(written, slices)), bytes(slices[0].PixelData)))
    plain = series(volume)
    whole = enhanced(plain)
    found.append(Seed("explicit", (written(whole),)))
    whole.file_meta.TransferSyntaxUID = UID(SYNTAXES["jpeg-ls"])
    whole.PixelData = encapsulate(
        [
            bytes(imagecodecs.jpegls_encode(np.frombuffer(s.PixelData, "<u2").reshape(16, 16)))
            for s in plain
        ]
    )
    whole["PixelData"].VR, whole["PixelData"].is_undefined_length = "OB", True
    found.append(Seed("jpeg-ls", (written(whole),)))
    for syntax in ("explicit", "implicit"):
        slices = series(volume, SeriesSpec(syntax=syntax))
        for one in slices:
            one.ReferencedImageSequence = Sequence([nested(4), nested(1)])
            one.add_new(0x00091001, "SQ", Sequence([nested(2)]))
            one.ModalityLUTSequence = Sequence([nested(1)])
        found.append(Seed(syntax, tuple(map(written, slices))))
    return found


def nested(depth: int) -> Dataset:
    """Items within items."""
    one = Dataset()
    one.ReferencedSOPInstanceUID = f"1.2.{depth}"
    if depth:
        one.SourceImageSequence = Sequence([nested(depth - 1), nested(0)])
        one["SourceImageSequence"].is_undefined_length = depth % 2 == 0
    return one


def written(dataset: Dataset) -> bytes:
    """A data set as the bytes of a file."""
    target = io.BytesIO()
    dcmwrite(target, dataset, enforce_file_format=True)
    return target.getvalue()


def elements(data: bytes) -> list[tuple[int, int, int, int]]:
    """Tag, beginning, beginning of the value and end of each top element of a little endian
    file, as far as that goes.
    """
    found, at, implicit = [], 132, False
    while at + 8 <= len(data):
        start = at
        group, element = struct.unpack_from("<HH", data, at)
        meta = group == 2
        if implicit and not meta:
            length, at = struct.unpack_from("<I", data, at + 4)[0], at + 8
        elif data[at + 4 : at + 6] in LONG:
            if at + 12 > len(data):
                break
            length, at = struct.unpack_from("<I", data, at + 8)[0], at + 12
        else:
            length, at = struct.unpack_from("<H", data, at + 6)[0], at + 8
        end = len(data) if length == 0xFFFFFFFF else at + length
        if group << 16 | element == 0x00020010:
            implicit = data[at:end].strip(b"\0 ") == b"1.2.840.10008.1.2"
        found.append((group << 16 | element, start, at, end))
        if end > len(data):
            break
        at = end
    return found


def flipped(data: bytes, rng: random.Random) -> bytes:
    """A few wounds that know nothing, mostly within the header."""
    body = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        top = len(body) if rng.random() < 0.3 else min(len(body), 3000)
        if top < 3:
            break
        at = rng.randrange(min(128, top - 1), top)
        kind = rng.randrange(6)
        if kind == 0:
            body[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            run = rng.randint(1, 8)
            body[at : at + run] = rng.choice([b"\xff", b"\x00", b"\x7f", b"\\", b"9"]) * run
        elif kind == 2:
            del body[at : at + rng.randint(1, 40)]
        elif kind == 3:
            body[at:at] = rng.randbytes(rng.randint(1, 40))
        elif kind == 4:
            body[at:at] = body[at : at + rng.randint(1, 200)]
        elif rng.random() < 0.3:
            del body[at:]
    return bytes(body)


def rebuilt(data: bytes, rng: random.Random) -> bytes:
    """Elements lie about their length or VR, go missing, come twice or out of order, or hold
    what they never should.
    """
    for _ in range(rng.randint(1, 4)):
        found = elements(data)
        if not found:
            return data
        tag, start, value, end = rng.choice(found)
        head, body, rest = data[start:value], data[value:end], data[end:]
        kind = rng.randrange(8)
        if tag in SIZES and rng.random() < 0.7:
            body = (
                rng.choice(
                    [b"\xff\xff", b"\0\0", b"\x01\0", b"\x20\0", b"\xff\x7f", rng.randbytes(2)]
                )
                if tag != 0x00280008
                else rng.choice(WORDS)
            )
            head = head[:-2] + struct.pack("<H", len(body)) if len(head) == 8 else head
        elif kind == 0:
            length = rng.choice(LENGTHS)
            head = (
                head[:-4] + struct.pack("<I", length)
                if len(head) == 12
                else head[:-2] + struct.pack("<H", length & 0xFFFF)
            )
        elif kind == 1:
            head = head[:4] + rng.choice((*VRS, b"ZZ", b"\0\0")) + head[6:]
        elif kind == 2:
            head, body = b"", b""
        elif kind == 3:
            rest = head + body + rest
        elif kind == 4:
            other = rng.choice(found)
            head, body = data[other[1] : other[2]], data[other[2] : other[3]]
        elif kind == 5 and len(head) == 8:
            body = rng.choice(WORDS)
            head = head[:-2] + struct.pack("<H", len(body))
        elif kind == 6:
            rest = sequences(rng) + rest
        else:
            body = body[: rng.randint(0, len(body))]
        data = data[:start] + head + body + rest
    return data


def sequences(rng: random.Random) -> bytes:
    """A private sequence: deep, wide, never closed, or closed twice."""
    opened = b"\x09\x00\x10\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closed = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    depth = rng.choice((1, 3, 40, 400, 3000))
    width = b"\xfe\xff\x00\xe0\0\0\0\0" * rng.choice((0, 0, 1000))
    groups = b"\x00\x52\x30\x92SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\0\0\0\0" * rng.choice(
        (0, 3, 2000)
    )
    return rng.choice(
        (
            opened * depth + width + closed * rng.choice((depth, 0, depth + 1)),
            groups + closed[8:],
            groups,
        )
    )


def codestream(seed: Seed, rng: random.Random) -> bytes:
    """A compressed file whose frame lies: sizes, components, segments, fragments, offset table."""
    data = bytearray(seed.files[0])
    at = data.find(seed.frame[:64]) if seed.frame else -1
    if at < 0 or seed.syntax not in ("jpeg lossless", "jpeg 2000", "jpeg-ls", "rle"):
        return rebuilt(seed.files[0], rng)
    kind = rng.randrange(5)
    body = at + 16  # past the offset table's item and the fragment's head
    if kind == 0:  # the items' lengths
        where = rng.choice((at + 4, at + 12))
        data[where : where + 4] = struct.pack("<I", rng.choice(LENGTHS))
    elif kind == 1:  # an offset table, full of nonsense
        table = rng.randbytes(4 * rng.randint(1, 64))
        data[at : at + 8] = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(table)) + table
    elif kind == 2:  # fragments torn apart, or one more
        cut = body + rng.randint(0, 60)
        data[cut:cut] = b"\xfe\xff\x00\xe0" + struct.pack("<I", rng.choice((0, 2, 60, 0xFFFFFFF0)))
    elif kind == 3:  # the codec's own header
        for _ in range(rng.randint(1, 4)):
            where = body + rng.randrange(64)
            size = rng.choice((1, 2, 4))
            data[where : where + size] = rng.choice((b"\xff", b"\x7f", b"\0", b"\x01")) * size
    else:
        data = (
            bytearray(flipped(bytes(data[body:]), rng))
            if rng.random() < 0.1
            else data[: rng.randint(body, len(data))]
        )
    return bytes(data)


def deflated(seed: Seed, rng: random.Random) -> bytes:
    """A deflated file whose stream is broken, or whose data set is; now and then a bomb."""
    found = [one for one in elements(seed.files[0]) if one[0] < 0x00030000]
    at = max(one[3] for one in found)
    meta, body = seed.files[0][:at], seed.files[0][at:]
    if rng.random() < 0.3:
        return meta + flipped(body, rng)
    if rng.random() < 0.02:
        zeros = zlib.compressobj(9, zlib.DEFLATED, -15)
        return meta + zeros.compress(bytes(200 << 20)) + zeros.flush()
    inside = zlib.decompress(body, -15)
    broken = rebuilt(PRELUDE + inside, rng)[132:]
    again = zlib.compressobj(9, zlib.DEFLATED, -15)
    return meta + again.compress(broken) + again.flush()


NAMES = (
    "../../escaped.dcm",
    "/escaped.dcm",
    "C:\\escaped.dcm",
    "..\\..\\escaped.dcm",
    "a/" * 300 + "x",
    "CON",
    "a\nb",
    "é\u202e.dcm",
    "",
    ".",
    "x" * 300,
)


def archive(files: tuple[bytes, ...], rng: random.Random) -> bytes:
    """A zip or tar of files, some of them mutants: hostile names, links, lying sizes, bombs, or
    a broken archive.
    """
    target = io.BytesIO()
    names = [
        f"in/{k}" if rng.random() < 0.5 else name
        for k, name in enumerate(rng.sample(NAMES, len(files)))
    ]
    if rng.random() < 0.5:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in zip(names, files, strict=True):
                packed.writestr(zipfile.ZipInfo(name or "empty"), data)
            if rng.random() < 0.02:
                packed.writestr("bomb", bytes(300 << 20), compresslevel=9)
    else:
        with tarfile.open(
            fileobj=target,
            mode="w",
            format=rng.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)),
        ) as rolled:
            for name, data in zip(names, files, strict=True):
                info = tarfile.TarInfo(name[:90] or "empty")
                info.size = len(data)
                rolled.addfile(info, io.BytesIO(data))
                link = tarfile.TarInfo(f"link{rng.random()}")
                link.type = rng.choice(
                    (
                        tarfile.SYMTYPE,
                        tarfile.LNKTYPE,
                        tarfile.FIFOTYPE,
                        tarfile.CHRTYPE,
                        tarfile.DIRTYPE,
                        tarfile.GNUTYPE_SPARSE,
                    )
                )
                link.linkname = rng.choice(
                    ("../outside/secret.dcm", "/etc/passwd", "in/0", link.name, "")
                )
                rolled.addfile(link)
    data = target.getvalue()
    if rng.random() < 0.5:
        body = bytearray(data)
        for _ in range(rng.randint(1, 4)):  # heads of members and the directory at the end
            at = rng.choice(
                (
                    rng.randrange(min(512, len(body))),
                    max(0, len(body) - rng.randint(1, 400)),
                    rng.randrange(len(body)),
                )
            )
            body[at : at + 4] = rng.choice(
                (b"\xff\xff\xff\x7f", b"\0\0\0\0", rng.randbytes(4), b"7777")
            )
        data = bytes(body)
    return gzip.compress(data) if rng.random() < 0.1 else data


def mutant(found: list[Seed], rng: random.Random) -> tuple[str, list[bytes]]:
    """A name for what lies in a folder, and the files: one hostile file, alone or among its good
    neighbours.
    """
    seed = rng.choice(found)
    ways: list[Callable[[], bytes]] = [
        lambda: flipped(rng.choice(seed.files), rng),
        lambda: rebuilt(rng.choice(seed.files), rng),
        lambda: rebuilt(rng.choice(seed.files), rng),
        lambda: codestream(seed, rng),
    ]
    if seed.syntax == "deflated":
        ways = [lambda: deflated(seed, rng)]
    if rng.random() < 0.15:
        files = tuple(rng.choice(ways)() if rng.random() < 0.4 else one for one in seed.files)
        return rng.choice(("a.zip", "a.tar", "a.tgz", "a")), [archive(files, rng)]
    return "a.dcm", [rng.choice(ways)(), *(seed.files[1:] if rng.random() < 0.4 else ())]


SECRET = "1.2.826.0.1.3680043.8.498.666"


def tried(place: Path, name: str, files: list[bytes], told: Counter[str]) -> None:
    """Scan files laid out under `place`, read what can be read, and see that nothing but findings
    came of it.

    Raises:
        AssertionError: a refusal without a reason, a file of an archive that got out, or one that
            an archive's link got in.
    """
    inside, outside = place / "in", place / "outside"
    for folder in (inside, outside):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    (outside / "secret.dcm").write_bytes(secret())
    for number, data in enumerate(files):
        (inside / (f"{number}{name}" if number else name)).write_bytes(data)
    before = sorted(place.rglob("*"))
    result = scan(inside, workers=1)
    assert len(dump_json(result.as_json())) > 0
    assert result.table() or not result.series
    lines = " ".join(result.notes())
    assert result.exit_code in (0, 1, 3)
    assert sorted(place.rglob("*")) == before, "something was written"
    for one in result.series:
        assert one.series_uid != SECRET, "a link in an archive was followed"
        refusals = [finding for finding in one.findings if finding.verdict is Verdict.REFUSED]
        assert one.usable or refusals or not one.is_ct, "neither usable nor refused"
        for finding in refusals:
            assert finding.message.removesuffix(".") in lines, "a refusal without a reason"
            told[finding.code] += 1
    for one in find_series(inside):
        told["usable by their headers" if one.usable else "refused by their headers"] += 1
        refusals = [finding for finding in one.findings if finding.verdict is Verdict.REFUSED]
        big = {"HUGE-IMAGE", "NOT-HU", "NO-PIXELS", "TRUNCATED"} & {
            finding.code for finding in refusals
        }
        try:
            if one.usable:
                told["volumes read"] += one.read().hu.size > 0
            elif one.is_ct and not big and one.rows:
                told["single slices read"] += read_hu(one.files[:1], workers=1)[0].size > 0
        except InputRefused as error:
            told["refused when read" if str(error) else "without a reason"] += 1
    assert not told["without a reason"]


@cache
def secret() -> bytes:
    """A good slice that lies outside of what is scanned."""
    shape = (1, 16, 16)
    one = series(
        Volume(np.zeros(shape, np.int16), Grid.axial(shape, (1, 1, 1))),
        SeriesSpec(tags={"SeriesInstanceUID": SECRET}),
    )[0]
    return written(one)
