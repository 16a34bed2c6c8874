"""Hostile label files, models and records from good ones: seeded. Used by the quick test and by
`bench/fuzz_labels.py`.

What may come out of a mutant is a mask, a value, or one of pleura's own exceptions. Where a
checksum covers the whole file (NIfTI in gzip, NPZ), what is read must be what was written.
"""

import gzip
import hashlib
import io
import json
import random
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.atomic import dump_json, read_json, sha256_file
from pleura.core.errors import InputRefused, PleuraError
from pleura.deid.key_and_map import open_key, read_map
from pleura.dicom.pixels import read_hu
from pleura.dicom.series import find_series, survey
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.mappings import naming_of
from pleura.labels.registry import read_judged, write_mask
from pleura.phantom.writer import SeriesSpec, write_series
from pleura.scoring.names import neutral_names
from pleura.segmenters.onnx import OnnxSegmenter
from pleura.segmenters.runtime import check_weights, open_network
from pleura.store.case import Case, write_case
from pleura.store.cohort import Cohort, write_cohort
from pleura.store.item import Item
from pleura.store.planned import Plan
from pleura.store.run_file import record_in
from pleura.store.split import make_split
from pleura.studying.design import read_design
from testing.injected_faults import in_child
from testing.networks import write_run

SHAPE = (6, 24, 24)
TOML = (
    *("[]", "{}", "[[1]]", "nan", "inf", "-1", "0", "1e308", "9" * 400, "true", '""', '"x"', "0.5"),
    *("1979-05-27", "1979-05-27T07:32:00Z", "[1, 'a']", "{a = 1}", '"../../x"', '"\\u001b"', "lr"),
    *("loss", "augment", "couch", "dropout", "network", "batch", "weight_decay", "size", "name"),
)
DESIGN = """
name = "tiny"
preset = "report"
size = 16
steps = 2
folds = 2
seeds = [0, 1]
endpoints = ["dice", "hallucinated_percent"]
[baseline]
alpha = 0.5
[[factor]]
name = "lr"
levels = [0.2, 0.1]
steps = 3
trend = true
[[factor]]
name = "augment"
levels = ["blur", "none"]
"""
WORDS = (b"nan", b"-1", b"99999999999999999999", b"1e308", b"\0", b"../../x", b"'", b"0x10", b"")
NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e308, 2**80, "", "x" * 1000, "../../x", "/etc", "a\nb", "\u202e"),
    *([], {}, [[]], {"a": []}, [None], ["Case_000"] * 3),
)


@dataclass(frozen=True)
class Format:
    """`seed` is a good file's content under `name`; `read` reads it in the folder that has it."""

    name: str
    read: Callable[[Path], Any]
    is_json: bool = False
    is_toml: bool = False
    has_checksum: bool = False


def hu_of_material() -> NDArray[np.int16]:
    """The CT values of the series."""
    return np.random.default_rng(1).integers(-1000, 100, SHAPE).astype(np.int16)


@cache
def material() -> tuple[Path, LungMask]:
    """A folder with a good file of each format, and the mask in them."""
    folder = Path(tempfile.mkdtemp(prefix="pleura-mutants-"))
    volume = Volume(hu_of_material(), Grid.axial(SHAPE, (5, 9, 9)))
    write_series(folder / "ct", volume, SeriesSpec())
    (series,) = find_series(folder / "ct")
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:5, 6:18, 3:10], labels[1:5, 6:18, 14:21] = 1, 2
    assert series.grid is not None
    mask = LungMask(labels, series.grid, sided=True)
    for name in MASKS:
        write_mask(folder / name, mask, series)
    write_run(folder / "model", size=32)
    case = folder / "cohort" / "cases" / "Case_000"
    case.mkdir(parents=True)
    facts = {"series_uid": "1.2", "frame_uid": "1.3", "verdict": "ok"}
    write_case(case, "Case_000", volume, mask, findings=[], header={}, gate=1, **facts)
    entry = {"id": "Case_000", "slices": 6, "mask": "right and left", "verdict": "ok"}
    write_cohort(folder / "cohort", [entry], make_split({"Case_000": 6}), verdicts={}, refused=0)
    names = {"format": "pleura-names/1", "names": {"hidden_001": "Doe"}}
    (folder / "out.names.json").write_text(dump_json(names))
    fields = ("patient_id", "issuer", "name", "birth_date", "study", "place")
    person = dict.fromkeys(fields, "Doe")
    about = {"format": "pleura-map/2", "key": "", "patients": {"Case_000": [person]}}
    (folder / "map.json").write_text(dump_json(about))
    Item("Case_000", "x", {"a": 1}, {"a.txt": (1, "0")}).write(folder / "out")
    record = {"format": "pleura-run/2", "verb": "couch", "version": "1", "options": {}}
    (folder / "out" / "run.json").write_text(dump_json(record | {"state": "done"}))
    _archives(folder)
    (folder / "design.toml").write_text(DESIGN, encoding="utf-8")
    plan = {"format": "pleura-jobs/1", "verb": "couch", "tasks": 2, "input": {}, "facts": None}
    (folder / "out" / "jobs.json").write_text(dump_json(plan | {"cases": [["Case_000", 6, "x"]]}))
    (folder / "out.key").write_text("5" * 64 + "\n")
    labels_of = {"labels": {"background": 0, "lung_right": 1, "lung_left": 2}}
    (folder / "dataset.json").write_text(dump_json(labels_of))
    return folder, mask


def _archives(folder: Path) -> None:
    """The series of `folder/ct` as a zip and two tars, and one slice in gzip, in folders."""
    files = sorted((folder / "ct").rglob("*.dcm"))
    for name in ("zip", "tar", "tgz", "gz"):
        (folder / name).mkdir()
    rolled_up = io.BytesIO()
    with (
        zipfile.ZipFile(folder / "zip" / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed,
        tarfile.open(fileobj=rolled_up, mode="w") as rolled,
    ):
        for path in files:
            data = path.read_bytes()
            packed.writestr(zipfile.ZipInfo(path.name), data, zipfile.ZIP_DEFLATED)
            about = tarfile.TarInfo(path.name)
            about.size = len(data)
            rolled.addfile(about, io.BytesIO(data))
    (folder / "tar" / "a.tar").write_bytes(rolled_up.getvalue())
    (folder / "tgz" / "a.tgz").write_bytes(gzip.compress(rolled_up.getvalue(), mtime=0))
    (folder / "gz" / "a.dcm.gz").write_bytes(gzip.compress(files[0].read_bytes(), mtime=0))


def _design(folder: Path) -> Any:
    design = read_design(folder / "design.toml")
    return design.arms(), dump_json(design.as_json())


def _read_archive(name: str, folder: Path) -> Any:
    """What is read from the archives of a folder: the volumes and single slices, whole and right
    or refused with a reason.
    """
    found = survey(folder / name)
    if name == "gz":  # one slice is never a volume
        volumes = [read_hu(one.files, workers=1)[0] for one in found.series if one.rows]
    else:
        volumes = [one.read().hu for one in found.series if one.usable]
    refused = found.walk.refused or any(one.findings for one in found.series)
    slices = {one.tobytes() for volume in volumes for one in volume}
    right = {one.tobytes() for one in hu_of_material()}
    assert refused or name == "gz" or len(slices) == len(right), "slices were lost in silence"
    assert name == "tar" or slices <= right, "a wrong slice was read"
    if not volumes:
        raise InputRefused("nothing was read")
    return volumes


def _mask(name: str, folder: Path) -> LungMask:
    return read_judged(folder / name, material()[1].grid)[0]


def _model(folder: Path) -> Any:
    return OnnxSegmenter.open(folder / "model").describe()


def _network(folder: Path) -> Any:
    """Checked and opened in a child: a fault of the engine ends its process."""

    def work() -> int:
        data = (folder / "model" / "model.onnx").read_bytes()
        try:
            check_weights(data, hashlib.sha256(data).hexdigest())
            open_network(data, ["probability"], threads=1)
        except PleuraError:
            return 1
        return 0

    ended = in_child(work, folder / "stdout", folder / "stderr", 10.0)
    if ended == 1:
        raise InputRefused("refused in the child")
    if ended != 0:
        raise RuntimeError(f"the child ended with {ended}")


def _cohort(folder: Path) -> Any:
    cohort = Cohort.open(folder / "cohort")
    return cohort.split, [case.volume().hu.sum() for case in cohort.cases]


def _case(folder: Path) -> Any:
    case = Case.open(folder / "cohort" / "cases" / "Case_000")
    return case.volume().hu.sum(), case.mask().labels.sum(), case.findings


def _item(folder: Path) -> Any:
    (path,) = (folder / "out" / ".pleura" / "items").glob("*.json")
    return Item.read(path)


def _names(folder: Path) -> Any:
    return neutral_names(["Case_000"], folder / "out")


MASKS = {
    "m.nii.gz": True,
    "m.nii": False,
    "m.nrrd": False,
    "m.mha": False,
    "m_seg.npz": True,
    "m.seg.dcm": False,
    "m.rtstruct.dcm": False,
}
"""Masks, and whether a checksum covers the whole file."""

FORMATS = {
    **{
        name: Format(name, partial(_mask, name), has_checksum=whole)
        for name, whole in MASKS.items()
    },
    "network": Format("model/model.onnx", _network),
    "model card": Format("model/model.json", _model, is_json=True),
    "cohort": Format("cohort/cohort.json", _cohort, is_json=True),
    "split": Format("cohort/split.json", _cohort, is_json=True),
    "case": Format("cohort/cases/Case_000/case.json", _case, is_json=True),
    "volume": Format("cohort/cases/Case_000/volume.npy", _case),
    "map": Format("map.json", lambda folder: read_map(folder / "map.json"), is_json=True),
    "names": Format("out.names.json", _names, is_json=True),
    "run": Format("out/run.json", lambda folder: record_in(folder / "out"), is_json=True),
    "item": Format("out/.pleura/items/*.json", _item, is_json=True),
    "zip": Format("zip/a.zip", partial(_read_archive, "zip")),
    "tar": Format("tar/a.tar", partial(_read_archive, "tar")),
    "tar in gzip": Format("tgz/a.tgz", partial(_read_archive, "tgz")),
    "slice in gzip": Format("gz/a.dcm.gz", partial(_read_archive, "gz")),
    "design": Format("design.toml", _design, is_toml=True),
    "plan": Format("out/jobs.json", lambda folder: Plan.read(folder / "out"), is_json=True),
    "key": Format("out.key", lambda folder: open_key(folder / "out.key")),
    "dataset": Format("dataset.json", partial(naming_of, "nnunet"), is_json=True),
}


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, numbers and words overwritten, cut, repeated or lengthened."""
    body = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        at = rng.randrange(max(1, len(body)))
        kind = rng.randrange(7)
        if kind <= 1:
            body[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 2:
            value, size = rng.choice(NUMBERS), rng.choice((2, 4, 8))
            number = (value % (1 << 8 * size)).to_bytes(size, rng.choice(("little", "big")))
            body[at : at + size] = number
        elif kind == 3:
            word = rng.choice(WORDS)
            body[at : at + rng.randrange(12)] = word
        elif kind == 4:
            del body[at:]
        elif kind == 5:
            end = at + rng.randrange(1, 400)
            body[at:at] = body[at:end] * rng.choice((1, 2, 50))
        else:
            body += bytes(rng.randrange(1, 5000))
    return bytes(body)


def mutated_json(data: bytes, rng: random.Random) -> bytes:
    """One value of a JSON text replaced, removed or renamed; or its bytes mutated."""
    if rng.random() < 0.3:
        return mutated(data, rng)
    value = json.loads(data)
    at = value
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return json.dumps(rng.choice(VALUES)).encode()
        key = rng.choice(keys)
        if isinstance(at[key], (dict, list)) and at[key] and rng.random() < 0.7:
            at = at[key]
            continue
        if rng.random() < 0.2:
            del at[key]
        else:
            at[key] = rng.choice(VALUES)
        return json.dumps(value).encode()


def mutated_toml(data: bytes, rng: random.Random) -> bytes:
    """Values of a TOML text replaced, lines removed or repeated; or its bytes mutated."""
    if rng.random() < 0.2:
        return mutated(data, rng)
    lines = data.decode().splitlines()
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(lines))
        if rng.random() < 0.2:
            lines[at : at + 1] = lines[at : at + 1] * rng.choice((0, 2))
            lines = lines or [""]
            continue
        values = re.findall(r'"[^"]*"|[\d.]+|\w+', lines[at]) or [""]
        lines[at] = lines[at].replace(rng.choice(values), rng.choice(TOML), 1)
    return "\n".join(lines).encode()


def tried(format: Format, rng: random.Random, folder: Path) -> str:
    """Mutate a good file of a format in `folder`, read it, and put it back.

    Returns:
        `read`, or the class of pleura's own exception.

    Raises:
        Exception: any other, which is a fault of pleura.
        AssertionError: a wrong mask where a checksum covers the file.
    """
    source, mask = material()
    if not folder.exists():
        shutil.copytree(source, folder)
    (path,) = folder.glob(format.name)
    good = path.read_bytes()
    change = mutated_json if format.is_json else mutated
    change = mutated_toml if format.is_toml else change
    path.write_bytes(change(good, rng))
    try:
        value = format.read(folder)
    except PleuraError as error:
        return type(error).__name__
    finally:
        path.write_bytes(good)
    if format.has_checksum:
        assert np.array_equal(value.lungs, mask.lungs), "a wrong mask was read"
        assert value.grid.same_as(mask.grid), "a mask was read on a wrong grid"
    return "read"


def checks() -> None:
    """The good files can be read. Raises where one cannot."""
    folder, mask = material()
    for format in FORMATS.values():
        value = format.read(folder)
        if isinstance(value, LungMask):
            assert np.array_equal(value.lungs, mask.lungs), format.name
    assert sha256_file(folder / "m.nii.gz")
    assert read_json(folder / "map.json")
