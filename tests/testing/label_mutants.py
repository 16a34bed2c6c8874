"""Hostile label files, models and records from good ones: seeded. Used by the quick test and by
`bench/fuzz_labels.py`.

What may come out of a mutant is a mask, a value, or one of pleura's own exceptions. Where a
checksum covers the whole file (NIfTI in gzip, NPZ), what is read must be what was written.
"""

import hashlib
import json
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from pleura.core.atomic import dump_json, read_json, sha256_file
from pleura.core.errors import InputRefused, PleuraError
from pleura.deid.vault import read_map
from pleura.dicom.series import find_series
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
from pleura.store.run_record import record_in
from pleura.store.split import make_split
from testing.injected_faults import in_child
from testing.networks import write_run

SHAPE = (6, 24, 24)
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
    has_checksum: bool = False


@cache
def material() -> tuple[Path, LungMask]:
    """A folder with a good file of each format, and the mask in them."""
    folder = Path(tempfile.mkdtemp(prefix="pleura-mutants-"))
    hu = np.random.default_rng(1).integers(-1000, 100, SHAPE).astype(np.int16)
    volume = Volume(hu, Grid.axial(SHAPE, (5, 9, 9)))
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
    labels_of = {"labels": {"background": 0, "lung_right": 1, "lung_left": 2}}
    (folder / "dataset.json").write_text(dump_json(labels_of))
    return folder, mask


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
    path.write_bytes((mutated_json if format.is_json else mutated)(good, rng))
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
