"""The classical segmenter on synthetic chests with known lungs, and on one real chest."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from pleura.core.errors import GridMismatch
from pleura.core.findings import Finding, Verdict
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.phantom.anatomy import chest
from pleura.segmenters.classical import Classical
from pleura.segmenters.protocol import Segmentation, Segmenter


def dice(a, b):
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("variation", [{}, {"arms": "down", "padding_hu": -2000}])
def test_synthetic_chests(seed, variation):
    volume, truth = chest((40, 128, 128), seed=seed, **variation)
    stages = []
    found = Classical()(volume, lambda *stage: stages.append(stage))
    assert dice(found.mask.right, truth.right) > 0.985
    assert dice(found.mask.left, truth.left) > 0.985
    extra = found.mask.lungs.any(axis=(1, 2)) & ~truth.lungs.any(axis=(1, 2))
    assert not extra.any()
    assert np.count_nonzero(found.raw) > np.count_nonzero(found.mask.lungs & (volume.hu < -420))
    assert stages[-1][1] == stages[-1][2]


def test_the_same_volume_gives_the_same_answer():
    volume, _ = chest((24, 48, 48), seed=5)
    one, other = Classical()(volume), Classical()(volume)
    assert np.array_equal(one.mask.labels, other.mask.labels)
    assert np.array_equal(one.raw, other.raw)


def test_a_flipped_stack_of_a_true_grid_gives_the_same_lungs():
    volume, _ = chest((32, 64, 64), seed=1)
    affine = volume.grid.affine.copy()
    # slices downwards, columns to the right
    affine[:3, 3] += affine[:3, 0] * 31 + affine[:3, 2] * 63
    affine[:, [0, 2]] *= -1
    flipped = Volume(
        np.ascontiguousarray(volume.hu[::-1, :, ::-1]), Grid(volume.grid.shape, affine)
    )
    straight = Classical()(volume).mask.labels
    assert dice(Classical()(flipped).mask.labels[::-1, :, ::-1] == 1, straight == 1) > 0.999


def test_nothing_but_air_gives_nothing():
    grid = Grid.axial((6, 20, 20), (5, 5, 5))
    found = Classical()(Volume(np.full(grid.shape, -1000, dtype=np.int16), grid))
    assert not found.mask.labels.any()
    assert not found.raw.any()


def test_real_chest(real_data):
    folder = real_data / "chests"
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder / "Images" / "Case_001")))
    image = reader.Execute()
    affine = np.eye(4)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    affine[:3, :3] = (direction * image.GetSpacing())[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    # the lungs in the rough, for speed
    hu = sitk.GetArrayFromImage(image)[30:110:4, ::2, ::2].astype(np.int16)
    affine[:3, 3] += affine[:3, 0] * 30
    affine[:3, :3] *= (4, 2, 2)
    volume = Volume(
        np.ascontiguousarray(hu), Grid(hu.shape, affine), np.ascontiguousarray(hu < -1100)
    )
    # stored x y z in RAS
    reference = np.asarray(nibabel.load(folder / "Labels" / "Case_001.nii.gz").dataobj)
    axes = nibabel.aff2axcodes(nibabel.load(folder / "Labels" / "Case_001.nii.gz").affine)
    reference = reference[
        tuple(slice(None, None, 1 if a in "LPS" else -1) for a in axes)
    ].transpose(2, 1, 0)
    reference = reference[30:110:4, ::2, ::2]
    found = Classical()(volume)
    assert dice(found.mask.right, reference == 1) > 0.97
    assert dice(found.mask.left, reference == 2) > 0.97


def test_it_is_a_segmenter_that_says_what_it_did():
    segmenter: Segmenter = Classical()
    assert segmenter.name == "classical"
    assert segmenter.describe() == {
        "name": "classical",
        "threshold_hu": -420,
        "airway_wall_mm": 2.6,
        "closing_mm": 6.0,
    }


def test_a_segmentation_is_checked():
    grid = Grid.axial((2, 2, 2), (1, 1, 1))
    mask = LungMask(np.zeros((2, 2, 2), np.uint8), grid)
    review = Finding("X", Verdict.REVIEW, "look at it")
    assert Segmentation(np.zeros((2, 2, 2), bool), mask, (review,)).verdict is Verdict.REVIEW
    assert Segmentation(np.zeros((2, 2, 2), bool), mask, (review,)).reason == "X: look at it"
    with pytest.raises(GridMismatch):
        Segmentation(np.zeros((2, 2, 2), np.uint8), mask)
    with pytest.raises(GridMismatch):
        Segmentation(np.zeros((2, 2, 3), bool), mask)
    with pytest.raises(GridMismatch):
        Segmentation(
            np.zeros((2, 2, 2), bool), LungMask(np.zeros((2, 2, 2), np.uint8), grid, sided=False)
        )
