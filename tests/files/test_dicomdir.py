"""Files that a DICOMDIR lists and that are not there are refused, and none that are there."""

import shutil
import zipfile

import pytest
from pydicom.fileset import FileSet

from pleura.core.errors import Exit
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series
from pleura.publishing.result import DeidentifyResult
from pleura.verbs.deidentify import deidentify
from pleura.verbs.scan import scan
from pleura.verbs.verify import verify


@pytest.fixture(scope="module")
def medium(tmp_path_factory):
    """Two series with a DICOMDIR, written by pydicom."""
    folder = tmp_path_factory.mktemp("medium") / "cd"
    volume, _ = chest((12, 32, 32), seed=1)
    files = FileSet()
    for number in (1, 2):
        for dataset in series(volume, SeriesSpec(number=number)):
            files.add(dataset)
    files.write(folder)
    return folder


@pytest.fixture
def cd(medium, tmp_path):
    return shutil.copytree(medium, tmp_path / "cd")


def images(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "DICOMDIR")


def missing(result):
    return result.accounting.refused.get("FILES-MISSING", 0)


def test_a_whole_medium_misses_nothing(cd):
    assert missing(scan(cd, headers=True)) == 0


def test_files_that_are_gone_are_counted_by_every_walk(cd, tmp_path):
    for path in images(cd)[:3]:
        path.unlink()
    for source in (cd, cd / "DICOMDIR"):
        result = scan(source, headers=True)
        assert missing(result) == 3
        assert result.accounting.files == len(images(cd)) + 1 + 3
        assert result.exit_code is not Exit.OK
    result = deidentify(cd, tmp_path / "out")
    assert isinstance(result, DeidentifyResult)
    assert missing(result) == 3
    assert result.exit_code is Exit.SOME_FAILED
    assert verify(cd, tmp_path / "out").exit_code is Exit.OK  # what came out was compared


def test_a_medium_in_an_archive_is_looked_at_too(cd, tmp_path):
    with zipfile.ZipFile(tmp_path / "cd.zip", "w") as archive:
        for path in (cd / "DICOMDIR", *images(cd)[1:]):
            archive.write(path, path.relative_to(cd))
    assert missing(scan(tmp_path / "cd.zip", headers=True)) == 1


@pytest.mark.parametrize(
    "renamed", [str.lower, lambda name: f"{name};1", lambda name: f"{name}.dcm"]
)
def test_names_that_copying_changed_are_not_missing(cd, renamed):
    for path in images(cd):
        path.rename(path.with_name(renamed(path.name)))
    assert missing(scan(cd, headers=True)) == 0


def test_a_dicomdir_of_other_folders_is_passed_over(cd):
    for number, path in enumerate(images(cd)):
        path.rename(cd / f"slice{number}")
    assert missing(scan(cd, headers=True)) == 0
