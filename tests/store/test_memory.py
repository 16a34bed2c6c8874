"""A cohort of any size fits in memory: what a file and a case of the input cost a run."""

import gc
import tracemalloc
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pleura.core.findings import Verdict
from pleura.core.progress import silent
from pleura.dicom import fast_header, tree
from pleura.dicom.series import survey
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.writer import SeriesSpec, write_series
from pleura.preparing.recipe import plan_cases
from pleura.segmenting.result import SegmentResult
from pleura.store.items import Done, do_items
from pleura.store.jobs import jobs_and_files
from pleura.store.run_record import fingerprint, open_run
from pleura.store.spread import How
from pleura.verbs.segment import segment

SLICES = 50


def series(folder: Path, count: int) -> Path:
    """`count` series of tiny slices, each with UIDs and times of its own."""
    hu = np.zeros((SLICES, 8, 8), dtype=np.int16)
    for number in range(count):
        hu[:] = number
        volume = Volume(hu, Grid.axial(hu.shape, (1.0 + number / 1000, 1, 1)))
        write_series(folder / f"patient {number:05}" / "CT thorax", volume, SeriesSpec(number))
    return folder


def memory_of(work) -> tuple[int, int]:
    """The most bytes that `work` had at a time, and those of its result; caches were full."""
    work()
    gc.collect()
    tracemalloc.start()
    try:
        result = work()
        peak = tracemalloc.get_traced_memory()[1]
        gc.collect()
        return peak, result is not None and tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    return series(folder / "many", 20), series(folder / "few", 10)


@pytest.mark.parametrize(
    ("work", "most_peak", "most"),
    [
        (survey, 700, 250),
        (jobs_and_files, 700, 200),
        (lambda source: plan_cases(source, None, "refuse", None, None, silent), 700, 200),
        (lambda source: fingerprint([source]), 250, 50),
    ],
    ids=["survey", "segment and measure", "prepare", "fingerprint"],
)
def test_a_file_of_the_input_takes_little_memory(work, most_peak, most, inputs, monkeypatch):
    # so that what is bounded does not grow with these inputs; free lists of Python still do
    monkeypatch.setattr(tree, "MOST_LOOSE", 64)
    monkeypatch.setattr(fast_header, "MOST_KNOWN", 64)
    many, few = (memory_of(partial(work, source)) for source in inputs)
    peak, kept = ((one - other) / (10 * SLICES) for one, other in zip(many, few, strict=True))
    assert peak < most_peak
    assert kept < most


@dataclass(frozen=True)
class Case:
    id: str
    input: str = "same"


@dataclass(frozen=True)
class Recipe:
    def open(self):
        return lambda case: Done(record(case.id), refused="TOO-FEW")


def record(id: str) -> dict:
    """A record as large as those of `segment`."""
    random = np.random.default_rng(int(id))
    measures = {
        side: {f"measure {number}": random.random() for number in range(12)}
        for side in ("right", "left", "both", "right upper", "left upper")
    }
    return {
        "id": id,
        "findings": [],
        "verdict": Verdict.OK.word,
        "reason": "",
        "mask": f"{id}/lungs.nii.gz",
        "measures": measures,
        "volume_ml": None,
    }


def test_a_case_that_is_done_takes_little_memory(tmp_path):
    (tmp_path / "in").mkdir()

    def done(count: int) -> SegmentResult:
        out = tmp_path / f"out {count} {tracemalloc.is_tracing()}"
        cases = [Case(str(number)) for number in range(count)]
        with open_run(out, verb="segment", sources=[tmp_path / "in"], options={}) as run:
            batch = do_items(run, Recipe(), cases, How(1), lambda *_: None)
            run.finish(0, cases=batch.records, gone=batch.gone)
            return SegmentResult.of(out, run.record, None)

    large, small = memory_of(partial(done, 260)), memory_of(partial(done, 60))
    peak, kept = ((one - other) / 200 for one, other in zip(large, small, strict=True))
    assert peak < 6000
    assert kept < 4000


def test_results_stay_after_their_folder_is_emptied(tmp_path, inputs):
    result = segment(inputs[1], tmp_path / "out", model=Path("classical"))
    before = result.as_json()["cases"]
    segment(inputs[0], tmp_path / "out", model=Path("classical"), overwrite=True)
    assert len(before) == 10
    assert result.as_json()["cases"] == before
