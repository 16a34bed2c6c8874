"""The same image under several names: found whatever the compression, never where voxels differ."""

import gzip
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from pleura.core.findings import Verdict
from pleura.images.duplicates import same_content
from pleura.store.volume_files import series_in


def image(seed=0):
    voxels = np.random.default_rng(seed).integers(-1000, 500, (8, 40, 50)).astype(np.int16)
    made = sitk.GetImageFromArray(voxels)
    made.SetSpacing((0.7, 0.7, 2.5))
    return made


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_copy_is_found_and_another_image_is_not(suffix, tmp_path):
    first, copy, other = (tmp_path / f"{name}{suffix}" for name in ("a", "b", "c"))
    sitk.WriteImage(image(), str(first))
    shutil.copy(first, copy)
    sitk.WriteImage(image(1), str(other))
    assert same_content([first, copy, other]) == {copy: first}


def test_a_file_and_its_compressed_copies_are_the_same(tmp_path):
    names = ("a.nii", "b.nii.gz", "c.nii.gz", "d.nii")
    plain, fast, best, other = (tmp_path / name for name in names)
    sitk.WriteImage(image(), str(plain))
    fast.write_bytes(gzip.compress(plain.read_bytes(), 1))
    best.write_bytes(gzip.compress(plain.read_bytes(), 9))
    sitk.WriteImage(image(1), str(other))
    assert same_content([plain, fast, best, other]) == {fast: plain, best: plain}


def test_one_voxel_between_the_compared_blocks_makes_another_image(tmp_path):
    first, other = tmp_path / "a.nii", tmp_path / "b.nii"
    sitk.WriteImage(image(), str(first))
    content = bytearray(first.read_bytes() * 12)
    first.write_bytes(content)
    content[len(content) // 4] ^= 1
    other.write_bytes(content)
    assert same_content([first, other]) == {}


def test_a_detached_header_is_compared_with_its_voxels(tmp_path):
    for name, seed in (("a", 0), ("b", 1), ("c", 0)):
        (tmp_path / name).mkdir()
        sitk.WriteImage(image(seed), str(tmp_path / name / "ct.mhd"))
    first, other, copy = (tmp_path / name / "ct.mhd" for name in "abc")
    assert first.read_bytes() == other.read_bytes()
    assert same_content([first, other, copy]) == {copy: first}


@pytest.mark.parametrize("name", ["gone.nii", "pair.mhd", "cut.nii.gz", "empty.nii"])
def test_what_cannot_be_read_is_no_duplicate(name, tmp_path):
    path, good = tmp_path / name, tmp_path / "good.nii.gz"
    sitk.WriteImage(image(), str(good))
    content = {"pair.mhd": b"ElementDataFile = gone.raw\n", "empty.nii": b""}
    if name == "cut.nii.gz":
        data = good.read_bytes()
        path.write_bytes(data[: len(data) // 2] + data[-8:])
    elif name in content:
        path.write_bytes(content[name])
    assert same_content([path, good, path.with_name(f"2{name}")]) == {}


def test_the_copy_needs_review_and_names_the_first(tmp_path):
    sitk.WriteImage(image(), str(tmp_path / "Case_001.nii.gz"))
    shutil.copy(tmp_path / "Case_001.nii.gz", tmp_path / "Case_002.nii.gz")
    first, copy = series_in(tmp_path)
    assert not first.findings
    (found,) = copy.findings
    assert (found.code, found.verdict) == ("SAME-AS-ANOTHER", Verdict.REVIEW)
    assert found.evidence["other"] == "Case_001"
