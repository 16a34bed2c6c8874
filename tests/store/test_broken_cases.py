"""A cohort that is damaged, foreign or hostile: that case is refused, or the call is; nothing
crashes or leaves OUT.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from testing.classical import segment

from pleura.core.errors import Exit, InputRefused, UsageError
from pleura.core.faults import refusal_of
from pleura.labels.registry import write_mask
from pleura.phantom.dataset import write_dataset
from pleura.store.arrays import open_array, save_array
from pleura.store.case import Case
from pleura.store.cohort import Cohort
from pleura.store.layout import is_case_id, is_inside
from pleura.verbs.couch import couch
from pleura.verbs.load import load
from pleura.verbs.prepare import prepare


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    write_dataset(folder / "in", cases=2, shape=(12, 40, 40), seed=4, label=write_mask)
    prepare(folder / "in", folder / "cohort")
    return folder / "cohort"


@pytest.fixture
def cohort(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "cohort"))


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.bool_])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_written_as_numpy_writes_them(dtype, order, tmp_path):
    array = np.asarray(np.arange(24).reshape(2, 3, 4) % 3, dtype, order=order)
    save_array(tmp_path / "ours.npy", array)
    np.save(tmp_path / "theirs.npy", np.ascontiguousarray(array))
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()
    np.testing.assert_array_equal(open_array(tmp_path / "ours.npy", (2, 3, 4), dtype), array)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_that_and_no_internal_error():
    with pytest.raises(OSError, match="No space left") as told:
        save_array(Path("/dev/full"), np.zeros(1 << 22, np.int16))
    assert refusal_of(told.value).code == "DISK-FULL"


def cut(path: Path, keep: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def other_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"(12, 40, 40)", b"(12, 40, 44)"))


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def of_objects(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


DAMAGES = {
    "gone": Path.unlink,
    "empty": lambda path: cut(path, 0),
    "header cut": lambda path: path.write_bytes(path.read_bytes()[:20]),
    "half": lambda path: cut(path, 0.5),
    "one byte short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "one byte more": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "other shape": other_header,
    "other type": lambda path: np.save(path, np.load(path).astype(np.float32)),
    "a folder": folder_instead,
    "pickled": of_objects,
    "text": lambda path: path.write_text("not an array"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_volume_refuses_its_case_alone(cohort, tmp_path, damage):
    damage(cohort / "cases" / "Case_000" / "volume.npy")
    for verb in (segment, couch):
        result = verb(cohort, tmp_path / verb.__name__)
        assert result.exit_code is Exit.SOME_FAILED
        assert [case["verdict"] == "refused" for case in result.cases] == [True, False]
        assert result.cases[0]["findings"][-1]["code"] == "BROKEN-CASE"
    volumes = load(cohort)
    with pytest.raises(InputRefused):
        _ = volumes["Case_000"]
    assert volumes["Case_001"].hu.shape == (12, 40, 40)


@pytest.mark.parametrize("name", ["mask.npy", "padding.npy"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_masks_and_padding_are_refused(cohort, name, damage):
    case = cohort / "cases" / "Case_000"
    if name == "padding.npy" and not (case / name).exists():
        np.save(case / name, np.zeros((12, 40, 40), np.bool_))
        about = json.loads((case / "case.json").read_text())
        (case / "case.json").write_text(json.dumps(about | {"padding_voxels": 1}))
    damage(case / name)
    opened = Case.open(case)
    with pytest.raises(InputRefused) as caught:
        opened.mask() if name == "mask.npy" else opened.volume()
    assert caught.value.code == "BROKEN-CASE"


def test_a_truncated_volume_does_not_end_the_process(cohort):
    """A memory-mapped file that is too short would: SIGBUS."""
    cut(cohort / "cases" / "Case_000" / "volume.npy", 0.3)
    code = f"import pleura; v = pleura.load({str(cohort)!r}); print(v['Case_000'].hu.sum())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "BROKEN-CASE" in done.stderr or "expected" in done.stderr


IDS = [
    "../victim",
    "/etc",
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "C:x",
    ".part-1",
    "x" * 300,
    "a\0b",
    7,
    None,
    ["a"],
    "Case_001",
]


@pytest.mark.parametrize("id", IDS, ids=repr)
@pytest.mark.parametrize("place", ["case", "cohort"])
def test_a_received_cohort_cannot_name_anything_outside(cohort, tmp_path, id, place):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "thesis").write_text("mine")
    path = (
        cohort / "cases" / "Case_000" / "case.json" if place == "case" else cohort / "cohort.json"
    )
    about = json.loads(path.read_text())
    if place == "case":
        about["id"] = id
    else:
        about["cases"][0]["id"] = id
    path.write_text(json.dumps(about))
    for verb in (segment, couch):
        try:
            result = verb(cohort, tmp_path / "out" / verb.__name__)
            assert result.cases[0]["verdict"] == "refused"
        except UsageError:
            assert place == "cohort"
    assert sorted(entry.name for entry in tmp_path.iterdir()) in (
        ["cohort", "out", "victim"],
        ["cohort", "victim"],
    )
    assert [(path.name, path.read_text()) for path in victim.iterdir()] == [("thesis", "mine")]


MUTANTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)


@pytest.mark.parametrize("name", ["cohort.json", "split.json", "cases/Case_000/case.json"])
@settings(max_examples=80)
@given(data=st.data())
def test_mutated_json_is_refused_and_nothing_else(made, name, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutant")
    shutil.copytree(made, folder / "cohort")
    path = folder / "cohort" / name
    about = json.loads(path.read_text())
    key = data.draw(st.sampled_from(sorted(about)))
    value = data.draw(MUTANTS)
    path.write_text(
        json.dumps(value if data.draw(st.integers(0, 9)) == 0 else about | {key: value})
    )
    try:
        opened = Cohort.open(folder / "cohort")
        _ = opened.split.train
        for case in opened.cases:
            case.volume()
    except (UsageError, InputRefused, LookupError):
        pass
    finally:
        shutil.rmtree(folder)


@given(name=st.text(max_size=20))
def test_no_name_that_passes_leaves_its_folder(name):
    if is_inside(name):
        assert Path("/out").joinpath(name).resolve().is_relative_to("/out")
    if is_case_id(name):
        assert is_inside(name)
        assert "/" not in name


def test_an_array_is_what_was_written(tmp_path):
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    np.save(tmp_path / "a.npy", array)
    read = open_array(tmp_path / "a.npy", (2, 3, 4), np.int16)
    np.testing.assert_array_equal(read, array)
    assert not read.flags.writeable
