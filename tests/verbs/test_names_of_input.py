"""`--paths`: names of the input on the terminal where asked for, and never in OUT."""

import json

import numpy as np
import pytest
from testing.classical import segment

from pleura.core.errors import UsageError
from pleura.geometry.volume import LungMask
from pleura.labels.registry import write_mask
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, write_series
from pleura.store.input_names import input_names
from pleura.verbs.prepare import prepare

SPEC = SeriesSpec(tags={"SeriesDescription": "Thorax 1.5 B70f", "AcquisitionDate": "20060103"})
WORDS = ("Doe^Jane", "Thorax 1.5 B70f", "20060103", "broken Jane.dcm")
MASK = "Jane Doe.nii.gz"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A chest in a folder with a name, a file that cannot be read, and a mask of no case."""
    folder = tmp_path_factory.mktemp("in") / "exams"
    volume, mask = chest((28, 48, 48), seed=3)
    write_series(folder / "Doe^Jane", volume, SPEC)
    (folder / "broken Jane.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 64)
    (folder / "Labels").mkdir()
    write_mask(folder / "Labels" / MASK, LungMask(np.array(mask.labels), volume.grid))
    return folder


def words_of(result):
    return json.dumps(result.as_json()) + "\n".join(result.notes()) + str(result.table())


def contents(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize(("verb", "words"), [(segment, WORDS), (prepare, (*WORDS, MASK))])
def test_names_are_shown_only_where_asked_and_never_written(verb, words, source, tmp_path):
    silent = verb(source, tmp_path / "out")
    named = verb(source, tmp_path / "out", paths=True)  # all is done: the names are read anew
    assert silent.exit_code == named.exit_code == 1
    for word in words:
        assert word not in words_of(silent)
        assert word in words_of(named)
        assert word.encode() not in contents(tmp_path / "out")
        assert json.dumps(word)[1:-1].encode() not in contents(tmp_path / "out")


def test_names_of_a_first_run_are_those_of_a_later_one(source, tmp_path):
    first = segment(source, tmp_path / "out", paths=True)
    later = segment(source, tmp_path / "out", paths=True)
    assert first.as_json()["names"] == later.as_json()["names"]
    (described,) = [one for one in first.names.series.values() if one.description]
    assert described.folders == ("Doe^Jane",)
    assert all((source / name).exists() for name in described.files)


def test_image_files_are_named_by_their_case_id(tmp_path):
    from pleura.images.nifti import write_volume

    volume, _ = chest((28, 48, 48), seed=3)
    path = tmp_path / "in" / "Doe Jane.nii.gz"
    path.parent.mkdir()
    write_volume(path, volume)
    names = input_names(tmp_path / "in")
    ((case, described),) = names.series.items()
    assert "Jane" not in case
    assert described.files == ("Doe Jane.nii.gz",)
    assert names.lines() == [f"{case}: ."]
    with pytest.raises(UsageError):
        input_names(tmp_path / "absent")
