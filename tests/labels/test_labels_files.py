"""Masks in files: what is written is read back bit for bit, and strangers see the same voxels in
the same places.
"""

import contextlib
import itertools
import time

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from testing.strategies import grids

from pleura.core.errors import GridMismatch, InputRefused, UnreadableFile, UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.in_memory import as_mask
from pleura.labels.registry import find_masks, read_mask, write_mask

WITH_GEOMETRY = (".nii.gz", ".nii", ".nrrd", ".mha")


def labels(shape, seed=0, sided=True):
    return np.random.default_rng(seed).integers(0, 3 if sided else 2, shape).astype(np.uint8)


@given(
    grid=grids(uneven=False),
    seed=st.integers(0, 99),
    suffix=st.sampled_from(WITH_GEOMETRY),
    sided=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip_keeps_labels_sides_and_place(tmp_path, grid, seed, suffix, sided):
    mask = LungMask(labels(grid.shape, seed, sided), grid, sided)
    write_mask(tmp_path / f"m{suffix}", mask)
    back = read_mask(tmp_path / f"m{suffix}", grid)
    np.testing.assert_array_equal(back.labels, mask.labels)
    assert back.grid is grid
    assert back.sided == (sided or bool((mask.labels == 2).any()))


@pytest.mark.parametrize("suffix", WITH_GEOMETRY)
def test_simpleitk_sees_the_same_voxels_in_the_same_places(suffix, tmp_path):
    grid = Grid.axial((5, 7, 6), (2.5, 0.7, 0.9), (-10.0, 20.0, 30.0))
    mask = LungMask(labels(grid.shape), grid)
    write_mask(tmp_path / f"m{suffix}", mask)
    image = sitk.ReadImage(str(tmp_path / f"m{suffix}"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), mask.labels)
    for index in ([0, 0, 0], [4, 6, 5], [2, 3, 1]):
        np.testing.assert_allclose(
            image.TransformIndexToPhysicalPoint(index[::-1]), grid.to_world(index), atol=1e-4
        )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", list(itertools.product([1, -1], repeat=3)))
def test_a_map_stored_in_any_axis_order_comes_back_on_the_grid(order, flips, tmp_path):
    """48 orders and flips, turned by nibabel alone; a mirrored column would put the one marked
    voxel elsewhere.
    """
    grid = Grid.axial((4, 5, 6), (2.5, 0.7, 0.9), (-10.0, 20.0, 30.0))
    mask = LungMask(labels(grid.shape), grid)
    write_mask(tmp_path / "m.nii", mask)
    image = nibabel.load(tmp_path / "m.nii")
    turned = image.as_reoriented(np.array(list(zip(order, flips, strict=True))))
    nibabel.save(nibabel.Nifti1Image(np.asarray(turned.dataobj), turned.affine), tmp_path / "t.nii")
    back = read_mask(tmp_path / "t.nii", grid)
    assert back.grid is grid
    np.testing.assert_array_equal(back.labels, mask.labels)


def test_a_map_that_lies_elsewhere_keeps_its_own_grid(tmp_path):
    grid = Grid.axial((4, 5, 6), (2.5, 0.7, 0.9))
    write_mask(tmp_path / "m.nii.gz", LungMask(labels(grid.shape), grid))
    for other in (
        Grid.axial((4, 5, 6), (2.5, 0.7, 0.9), (0, 0, 1.0)),
        Grid.axial((4, 5, 6), (2.5, 0.7, 0.95)),
    ):
        assert not read_mask(tmp_path / "m.nii.gz", other).grid.same_as(other)


def test_npz_is_the_reports(tmp_path):
    grid = Grid.axial((4, 5, 6), (1, 1, 1))
    np.savez_compressed(tmp_path / "a_seg.npz", masks=labels(grid.shape, sided=False) * 255)
    read = read_mask(tmp_path / "a_seg.npz", grid)
    assert not read.sided
    np.testing.assert_array_equal(read.labels, labels(grid.shape, sided=False))
    write_mask(tmp_path / "b.npz", read)
    np.testing.assert_array_equal(np.load(tmp_path / "b.npz")["masks"], read.labels)


def test_bad_masks_are_one_line(tmp_path):
    grid = Grid.axial((4, 5, 6), (1, 1, 1))
    np.savez(tmp_path / "shape.npz", masks=np.zeros((3, 5, 6), np.uint8))
    np.savez(tmp_path / "key.npz", mask=np.zeros((4, 5, 6), np.uint8))
    np.savez(tmp_path / "nan.npz", masks=np.full((4, 5, 6), np.nan))
    np.savez(tmp_path / "three.npz", masks=labels(grid.shape))
    (tmp_path / "broken.npz").write_bytes(b"PK not a zip")
    (tmp_path / "broken.nii.gz").write_bytes(b"nothing")
    (tmp_path / "broken.nrrd").write_bytes(b"nothing")
    nibabel.save(
        nibabel.Nifti1Image(np.full((6, 5, 4), 7, np.uint8), np.eye(4)), tmp_path / "seven.nii"
    )
    wanted = {
        "shape.npz": GridMismatch,
        "key.npz": UnreadableFile,
        "nan.npz": InputRefused,
        "three.npz": InputRefused,
        "broken.npz": UnreadableFile,
        "broken.nii.gz": UnreadableFile,
        "broken.nrrd": UnreadableFile,
        "seven.nii": InputRefused,
    }
    for name, error in wanted.items():
        with pytest.raises(error) as caught:
            read_mask(tmp_path / name, grid)
        assert "\n" not in str(caught.value)
        assert name not in str(caught.value)
    with pytest.raises(GridMismatch):
        read_mask(tmp_path / "shape.npz")
    with pytest.raises(UsageError):
        write_mask(tmp_path / "m.png", LungMask(labels(grid.shape), grid))


def test_masks_are_found_by_case(tmp_path):
    for name in (
        "Case_001.nii.gz",
        "Case_001_seg.npz",
        "x.txt",
        "Case_002/lungs.nii.gz",
        "Case_002/raw.npz",
        "deep/er/Case_003.nii",
    ):
        (tmp_path / "flat" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "flat" / name).touch()
    found = find_masks(tmp_path / "flat")
    assert list(found) == ["Case_001", "Case_002"]
    assert found["Case_001"].path.name == "Case_001.nii.gz"
    assert found["Case_001"].npz is not None
    for name in (
        "Segmentations/Case_000_seg.npz",
        "Labels/Case_000.nii.gz",
        "Labels/other/Case_009.nii.gz",
    ):
        (tmp_path / "report" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "report" / name).touch()
    assert list(find_masks(tmp_path / "report")) == ["Case_000"]


def test_the_same_mask_is_the_same_bytes(tmp_path):
    grid = Grid.axial((4, 5, 6), (1, 1, 1))
    for suffix in (*WITH_GEOMETRY, ".npz"):
        for name in "ab":
            write_mask(tmp_path / name / f"m{suffix}", LungMask(labels(grid.shape), grid))
        assert (tmp_path / "a" / f"m{suffix}").read_bytes() == (
            tmp_path / "b" / f"m{suffix}"
        ).read_bytes()


@pytest.mark.parametrize("suffix", [*WITH_GEOMETRY, ".npz"])
def test_whatever_is_broken_in_a_file_is_said_in_one_line(suffix, tmp_path):
    """Flipped bytes and cut ends, seeded: masks come back, or a refusal of ours; never another's
    error, which ends a batch.
    """
    grid = Grid.axial((5, 7, 6), (2.5, 0.7, 0.9))
    write_mask(
        tmp_path / f"m{suffix}", LungMask(labels(grid.shape, sided=False), grid, sided=False)
    )
    whole = (tmp_path / f"m{suffix}").read_bytes()
    random = np.random.default_rng(1)
    refused = 0
    for _ in range(120):
        spoilt = bytearray(
            whole[: random.integers(1, len(whole))] if random.random() < 0.2 else whole
        )
        for place in random.integers(0, len(spoilt), random.choice([1, 3, 20])):
            spoilt[place] = random.integers(0, 256)
        (tmp_path / f"b{suffix}").write_bytes(spoilt)
        with contextlib.suppress(MemoryError):
            refused += not _is_read(tmp_path / f"b{suffix}", grid)
    assert refused > 10


def _is_read(path, grid):
    try:
        read_mask(path, grid)
    except InputRefused as error:
        return "\n" in str(error)
    return True


def workbench_xml(names):
    """Names of labels as TotalSegmentator writes them behind the header of a label map."""
    labels = "".join(
        f'<Label Key="{value}" Red="0.1" Green="1" Blue="1" Alpha="1"><![CDATA[{name}]]></Label>'
        for value, name in names.items()
    )
    return f"<CaretExtension><LabelTable>{labels}</LabelTable></CaretExtension>".encode()


def with_names(path, array, names):
    image = nibabel.Nifti1Image(array, np.diag([-1.0, -1.0, 2.0, 1.0]))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, workbench_xml(names)))
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_names_of_labels_behind_the_header_of_nifti_are_followed(suffix, tmp_path):
    array = np.zeros((6, 6, 6), np.uint8)
    array[:3], array[3:, :2], array[3:, 2:4], array[3:, 4:], array[0, 0] = 51, 14, 13, 12, 1
    lobes = {12: "lung_upper_lobe_right", 13: "lung_middle_lobe_right", 14: "lung_lower_lobe_right"}
    names = {1: "spleen", 51: "lung_left", **lobes}
    mask = read_mask(with_names(tmp_path / f"m{suffix}", array, names))
    expected = np.where(array == 51, 2, np.where(array > 1, 1, 0))
    assert np.array_equal(mask.labels.transpose(2, 1, 0), expected)
    exchanged = np.where(array == 51, 1, 2).astype(np.uint8)
    path = with_names(tmp_path / f"n{suffix}", exchanged, {1: "lung_left", 2: "lung_right"})
    mask = read_mask(path)
    assert np.array_equal(mask.labels.transpose(2, 1, 0), np.where(array == 51, 2, 1))
    assert np.array_equal(as_mask(nibabel.load(path)).labels, mask.labels)
    vessels = {1: "lung_vessels", 2: "lung_trachea_bronchia"}
    with pytest.raises(InputRefused, match="no structure is a lung"):
        read_mask(with_names(tmp_path / f"v{suffix}", exchanged, vessels))


def test_a_long_extension_without_labels_takes_no_time(tmp_path):
    image = nibabel.Nifti1Image(np.ones((4, 4, 4), np.uint8), np.eye(4))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, b"<Label " * 140_000))
    nibabel.save(image, tmp_path / "m.nii")
    start = time.process_time()
    assert read_mask(tmp_path / "m.nii").labels.all()
    assert time.process_time() - start < 2


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize(
    ("content", "found"),
    [(b"version https://git-lfs.github.com/spec/v1", "Git LFS"), (b" <HTML>404", "a web page")],
)
def test_what_a_failed_download_leaves_is_refused_by_name(suffix, content, found, tmp_path):
    (tmp_path / f"m{suffix}").write_bytes(content)
    with pytest.raises(UnreadableFile, match=found) as caught:
        read_mask(tmp_path / f"m{suffix}")
    assert caught.value.code == "IMAGE-NOT-DOWNLOADED"
