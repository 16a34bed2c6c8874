"""Jobs as JSON: what is read back is what was written, and nothing else can be called."""

import json

import numpy as np
import pytest

from pleura.phantom.dataset import write_dataset
from pleura.store.job_files import JobFormat
from pleura.store.jobs import jobs_and_files


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=2, shape=(12, 40, 40), seed=3)
    return jobs_and_files(folder / "Images")[0]


def again(job):
    return JobFormat().decode(json.loads(json.dumps(JobFormat().encode(job))))


def test_a_series_is_read_back_and_reads_the_same_volume(jobs):
    for job in jobs:
        back = again(job)
        assert (back.id, back.input, back.findings) == (job.id, job.input, job.findings)
        assert back.series.files == job.series.files
        assert np.array_equal(back.series.grid.affine, job.series.grid.affine)
        assert np.array_equal(back.load().hu, job.load().hu)


@pytest.mark.parametrize(
    "plain",
    [
        {"class": "Popen", "of": {"args": "true"}},
        {"function": "system"},
        {"method": "unlink", "of": {"path": "a"}},
        {"decode": 1},
        {"columns": "Job", "of": [2, {}]},
    ],
)
def test_what_is_not_listed_is_refused(plain):
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        JobFormat().decode(plain)


def test_what_cannot_be_read_back_is_not_written():
    with pytest.raises(TypeError, match="cannot hold"):
        JobFormat().encode(object())


def test_equal_numbers_of_two_types_stay_of_two_types(jobs):
    planes = jobs[0].series.files
    mixed = (planes[0]._replace(slope=1), planes[1]._replace(slope=1.0))
    back = JobFormat().decode(json.loads(json.dumps(JobFormat().encode(mixed))))
    assert [type(plane.slope) for plane in back] == [int, float]
