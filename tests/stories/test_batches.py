"""Batches in which much goes wrong: what can be done is done, byte for byte as if the rest had
not been there.
"""

import errno
import os
import resource
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from testing.classical import segment

from pleura.core.errors import Exit, OutputConflict
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.labels import registry
from pleura.labels.registry import write_mask
from pleura.page import overlay
from pleura.phantom.dataset import write_dataset
from pleura.phantom.writer import SeriesSpec, write_series
from pleura.segmenting.recipe import SegmentRecipe
from pleura.store.jobs import Job
from pleura.verbs.couch import couch
from pleura.verbs.evaluate import evaluate
from pleura.verbs.prepare import prepare

CLASSICAL = Path("classical")
GOOD = 20
SHAPE = (10, 40, 40)


def results(folder: Path) -> dict[str, bytes]:
    """Every result's bytes; `.pleura` keeps the books."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".pleura" not in path.parts
    }


def cases_in(folder: Path) -> dict[str, bytes]:
    """The bytes of the cases' own files: tables and pages list refused cases too."""
    return {name: data for name, data in results(folder).items() if name.startswith("Case_")}


def no_picture(volume: object, labels: object, path: Path, *rest: object, **more: object) -> None:
    """Stands in for a picture, which takes longer than the segmentation of so small a chest."""
    path.write_bytes(b"")


def classical(source: Path, out: Path, **options: object) -> object:
    """Segment by thresholds: quick, and at home on phantoms."""
    return segment(source, out, model=CLASSICAL, **options)


def slices_of(case: Path) -> list[Path]:
    return sorted(
        case.glob("*.dcm"), key=lambda path: float(pydicom.dcmread(path).ImagePositionPatient[2])
    )


# Faults of the input: the files themselves.


def truncated(case: Path) -> None:
    victim = slices_of(case)[4]
    victim.write_bytes(victim.read_bytes()[:-200])


def slice_lost(case: Path) -> None:
    slices_of(case)[4].unlink()


def no_chest(case: Path) -> None:
    shutil.rmtree(case)
    grid = Grid.axial((10, 40, 40), (6, 8, 8))
    hu = np.full(grid.shape, -1000, dtype=np.int16)
    hu[:, 8:32, 6:34] = 40
    write_series(case, Volume(hu, grid), SeriesSpec(seed=9))


# Faults in a worker, of libraries and of the machine; each makes the case's own work fail.


def library(job: Job) -> None:
    raise NotImplementedError("Doe^Jane is no code string")


def no_memory(job: Job) -> None:
    np.empty(2**60, np.uint8)


def killed(job: Job) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crashed(job: Job) -> None:
    os._exit(139)


def file_gone(job: Job) -> None:
    Path(job.series.files[4].file).unlink()  # in the middle, so that the next run sees the gap


def disk_full(job: Job) -> None:
    def write(path: Path, *rest: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    registry.write_mask = write


def file_too_large(job: Job) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


INPUT_FAULTS = {
    20: (truncated, "TRUNCATED"),
    21: (slice_lost, "GAP-IN-SLICES"),
    22: (no_chest, "NO-LUNGS"),
}
WORK_FAULTS: dict[int, tuple[Callable[[Job], None], str]] = {
    23: (library, "INTERNAL-ERROR"),
    24: (no_memory, "OUT-OF-MEMORY"),
    25: (killed, "WORKER-LOST"),
    26: (crashed, "WORKER-LOST"),
    27: (file_gone, "FILE-CHANGED"),
    28: (disk_full, "DISK-FULL"),
    29: (file_too_large, "DISK-ERROR"),
}


@dataclass(frozen=True)
class Faulty(SegmentRecipe):
    """Segments as usual, but for the cases whose work is made to fail."""

    def open(self):
        overlay.overlay_png = no_picture
        straight = super().open()

        def work(job):
            fault = WORK_FAULTS.get(int(job.id.split("_")[1]))
            limit, write = resource.getrlimit(resource.RLIMIT_FSIZE), registry.write_mask
            try:
                if fault:
                    fault[0](job)
                return straight(job)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limit)
                registry.write_mask = write

        return work


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=30, shape=SHAPE, seed=2)
    return folder / "Images"


def test_twenty_of_thirty_are_done_and_ten_are_refused_by_code(chests, tmp_path, monkeypatch):
    monkeypatch.setattr(overlay, "overlay_png", no_picture)
    source = tmp_path / "in"
    shutil.copytree(chests, source)
    for number, (spoil, _) in INPUT_FAULTS.items():
        spoil(source / f"Case_{number:03d}")
    with monkeypatch.context() as patched:
        patched.setattr("pleura.segmenting.batch.SegmentRecipe", Faulty)
        result = classical(source, tmp_path / "out", workers=2)

    assert result.exit_code is Exit.SOME_FAILED
    assert [case["id"] for case in result.cases] == [f"Case_{number:03d}" for number in range(30)]
    assert sum(case["mask"] is not None for case in result.cases) == GOOD
    for number, (_, code) in (INPUT_FAULTS | WORK_FAULTS).items():
        assert code in [finding["code"] for finding in result.cases[number]["findings"]], number
        assert "Doe" not in str(result.cases[number])
        assert not (tmp_path / "out" / f"Case_{number:03d}").exists()
    assert not list((tmp_path / "out").rglob(".part-*"))

    alone = tmp_path / "good"
    for number in range(GOOD):
        shutil.copytree(chests / f"Case_{number:03d}", alone / f"Case_{number:03d}")
    undisturbed = classical(alone, tmp_path / "undisturbed")
    assert result.cases[:GOOD] == undisturbed.cases
    assert cases_in(tmp_path / "out") == cases_in(tmp_path / "undisturbed")

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("Case_0[01]*/*")}
    # the machine is well again: what passed is tried, what is done is kept
    again = classical(source, tmp_path / "out")
    assert [int(case["id"][5:]) for case in again.cases if case["mask"] is None] == [20, 21, 22, 27]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_no_room_at_all_is_wrong_usage_and_nothing_is_recorded(chests, tmp_path, monkeypatch):
    from pleura.core.errors import OutputFailed

    shutil.copytree(chests / "Case_000", tmp_path / "in" / "Case_000")
    with monkeypatch.context() as patched:

        def full(path, *rest):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patched.setattr(registry, "write_mask", full)
        with pytest.raises(OutputFailed, match="no room"):
            classical(tmp_path / "in", tmp_path / "out")
    assert classical(tmp_path / "in", tmp_path / "out").exit_code is Exit.OK


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "labelled"
    write_dataset(folder, cases=3, shape=(14, 48, 48), seed=5, label=write_mask)
    return folder


def part_of(folder: Path, goal: Path, cases: int) -> Path:
    """The first cases of a data set, with the times of their files."""
    for number in range(cases):
        name = f"Case_{number:03d}"
        shutil.copytree(folder / "Images" / name, goal / "Images" / name, dirs_exist_ok=True)
        (goal / "Labels").mkdir(exist_ok=True)
        shutil.copy2(folder / "Labels" / f"{name}.nii.gz", goal / "Labels")
    return goal


def scored(source: Path, out: Path, **options: object) -> object:
    """Evaluate the references against themselves: no model is needed, and every case has a
    score.
    """
    return evaluate(source / "Labels", source / "Labels", out, workers=1, **options)


@pytest.mark.parametrize(
    "verb", [classical, couch, prepare, scored], ids=lambda verb: verb.__name__
)
def test_input_that_grows(labelled, tmp_path, verb):
    source = part_of(labelled, tmp_path / "in", 2)
    verb(source, tmp_path / "out")
    kept = {
        path: path.stat().st_mtime_ns
        for path in (tmp_path / "out").rglob("*Case_00[01]*/*")
        if path.is_file()
    }
    kept |= {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("Case_00[01].json")}
    assert kept
    part_of(labelled, source, 3)
    grown = verb(source, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, (
        "the old results were made again"
    )
    once = verb(source, tmp_path / "once")
    assert grown.as_json() == once.as_json()
    assert results(tmp_path / "out") == results(tmp_path / "once")


@pytest.mark.parametrize("verb", [classical, couch, prepare], ids=lambda verb: verb.__name__)
def test_input_that_shrinks_or_is_another(labelled, tmp_path, verb):
    source = part_of(labelled, tmp_path / "in", 2)
    verb(source, tmp_path / "out")
    before = results(tmp_path / "out")
    shutil.rmtree(source / "Images" / "Case_001")
    (source / "Labels" / "Case_001.nii.gz").unlink()
    result = verb(source, tmp_path / "out")
    assert any(line.startswith("Case_001: not in IN any more") for line in result.notes())
    assert {
        name: data for name, data in results(tmp_path / "out").items() if "Case_001/" in name
    } == {name: data for name, data in before.items() if "Case_001/" in name}
    write_dataset(tmp_path / "other", cases=1, shape=(14, 48, 48), seed=77, label=write_mask)
    with pytest.raises(OutputConflict, match="other input"):
        verb(tmp_path / "other", tmp_path / "out")


def test_a_mask_that_was_emptied_is_made_again(labelled, tmp_path):
    source = part_of(labelled, tmp_path / "in", 2)
    classical(source, tmp_path / "out")
    before = results(tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "Case_001")
    (tmp_path / "out" / "Case_000" / "lungs.nii.gz").write_bytes(b"")
    classical(source, tmp_path / "out")
    assert results(tmp_path / "out") == before
    flipped = bytearray((tmp_path / "out" / "Case_000" / "raw.npz").read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (tmp_path / "out" / "Case_000" / "raw.npz").write_bytes(flipped)
    classical(source, tmp_path / "out", verify_done="hash")
    assert results(tmp_path / "out") == before
