"""Tilted and uneven CT through segment, prepare and evaluate: masks lie where their slices lie,
for strangers too.
"""

import json

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from testing import flaws
from testing.classical import segment

from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import series, write_files
from pleura.verbs.evaluate import evaluate
from pleura.verbs.prepare import prepare

SHAPE = (36, 64, 64)
KINDS = {
    "tilted": lambda slices: flaws.tilted(slices, 13.5),
    "uneven": lambda slices: flaws.shifted(slices, np.cumsum([0.0] * 18 + [4.3] * 18)),
    "both": lambda slices: flaws.tilted(
        flaws.shifted(slices, np.cumsum([0.0] * 18 + [4.3] * 18)), -18.5
    ),
}


@pytest.fixture(scope="module", params=KINDS)
def scan(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "in"
    write_files(
        folder / "Images" / "Case_001", KINDS[request.param](series(chest(SHAPE, seed=3)[0]))
    )
    return folder


@pytest.fixture(scope="module")
def done(scan):
    """Masks in every format."""
    return {
        kind: segment(scan, scan.parent / kind, format=kind).out
        for kind in ("nifti", "nrrd", "seg", "rtstruct")
    }


def native(scan, done):
    """The series and its mask on the true slices, from the NPZ."""
    (one,) = find_series(scan)
    return one, read_mask(done["nifti"] / "Case_001" / "lungs_seg.npz", one.grid).lungs


def at(array, index):
    """Values at the nearest voxels, 0 outside."""
    nearest = np.floor(index + 0.5).astype(int)
    inside = ((nearest >= 0) & (nearest < array.shape)).all(axis=1)
    values = np.zeros(len(index), array.dtype)
    values[inside] = array[tuple(nearest[inside].T)]
    return values


def centres(one, every=5):
    index = np.stack(
        np.meshgrid(
            *[np.arange(0, n, s) for n, s in zip(one.grid.shape, (1, every, every), strict=True)]
        ),
        -1,
    )
    return index.reshape(-1, 3), one.grid.to_world(index.reshape(-1, 3))


def test_nifti_lies_where_the_slices_lie(scan, done):
    one, lungs = native(scan, done)
    image = nibabel.load(done["nifti"] / "Case_001" / "lungs.nii.gz")
    index, world = centres(one)
    there = nibabel.affines.apply_affine(np.linalg.inv(image.affine), world * [-1, -1, 1])
    assert lungs.any()
    np.testing.assert_array_equal(at(np.asarray(image.dataobj), there) > 0, lungs[tuple(index.T)])


def test_nrrd_lies_where_the_slices_lie_for_itk(scan, done):
    one, lungs = native(scan, done)
    image = sitk.ReadImage(str(done["nrrd"] / "Case_001" / "lungs.nrrd"))
    index, world = centres(one, 16)
    there = np.array(
        [image.TransformPhysicalPointToContinuousIndex(point)[::-1] for point in world.tolist()]
    )
    np.testing.assert_array_equal(
        at(sitk.GetArrayFromImage(image), there) > 0, lungs[tuple(index.T)]
    )


def test_segmentation_frames_lie_on_true_slices(scan, done):
    one, lungs = native(scan, done)
    found = pydicom.dcmread(done["seg"] / "Case_001" / "lungs.seg.dcm")
    places = {tuple(np.round(plane.position, 3)): k for k, plane in enumerate(one.files)}
    seen = np.zeros_like(lungs)
    for group, frame in zip(found.PerFrameFunctionalGroupsSequence, found.pixel_array, strict=True):
        place = tuple(
            np.round([float(x) for x in group.PlanePositionSequence[0].ImagePositionPatient], 3)
        )
        seen[places[place]] |= frame > 0
    np.testing.assert_array_equal(seen, lungs)
    np.testing.assert_array_equal(
        read_mask(done["seg"] / "Case_001" / "lungs.seg.dcm", one.grid, one).lungs, lungs
    )


def test_contours_lie_in_the_planes_of_the_instances_that_they_name(scan, done):
    one, lungs = native(scan, done)
    found = pydicom.dcmread(done["rtstruct"] / "Case_001" / "lungs.rtstruct.dcm")
    planes = {plane.sop_uid: plane for plane in one.files}
    contours = [contour for roi in found.ROIContourSequence for contour in roi.ContourSequence]
    for contour in contours:
        plane = planes[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
        normal = np.cross(plane.orientation[:3], plane.orientation[3:])
        points = np.array(contour.ContourData, float).reshape(-1, 3)
        assert np.abs((points - plane.position) @ normal).max() < 1e-3
    np.testing.assert_array_equal(
        read_mask(done["rtstruct"] / "Case_001" / "lungs.rtstruct.dcm", one.grid, one).lungs, lungs
    )


@pytest.mark.parametrize("kind", ["nifti", "nrrd", "seg", "rtstruct"])
def test_prepare_and_evaluate_bring_every_format_home(kind, scan, done, tmp_path):
    suffix = {"nifti": ".nii.gz", "nrrd": ".nrrd", "seg": ".seg.dcm", "rtstruct": ".rtstruct.dcm"}[
        kind
    ]
    masks = tmp_path / "masks"
    masks.mkdir()
    (masks / f"Case_001{suffix}").write_bytes(
        (done[kind] / "Case_001" / f"lungs{suffix}").read_bytes()
    )
    made = prepare(
        scan, tmp_path / "cohort", masks=masks, export="nifti" if kind == "nifti" else "none"
    )
    assert not made.failures
    told = evaluate(done["nifti"], tmp_path / "cohort", tmp_path / "scores")
    assert not told.exit_code
    (case,) = json.loads((tmp_path / "scores" / "scores.json").read_text())["cases"]
    assert case["dice"] == 1.0
    assert case["both"]["volume_ml"] == pytest.approx(
        json.loads((done["nifti"] / "run.json").read_text())["cases"][0]["volume_ml"]["both"],
        abs=0.01,
    )
    if kind == "nifti":
        (one,) = find_series(scan)
        image = nibabel.load(tmp_path / "cohort" / "export" / "Case_001.nii.gz")
        index, world = centres(one)
        there = nibabel.affines.apply_affine(np.linalg.inv(image.affine), world * [-1, -1, 1])
        if one.grid.is_even:
            np.testing.assert_array_equal(
                at(np.asarray(image.dataobj), there), one.read().hu[tuple(index.T)]
            )
        else:
            assert there[:, 2].max() == pytest.approx(image.shape[2] - 1, abs=1e-3)


def test_volume_weighs_slices_by_what_they_stand_for():
    grid = Grid(
        (4, 2, 2), Grid.axial((4, 2, 2), (5.0, 1.0, 1.0)).affine, np.array([0.0, 3.0, 6.0, 15.0])
    )
    np.testing.assert_allclose(grid.thickness_mm, [3.0, 3.0, 6.0, 9.0])
    labels = np.zeros((4, 2, 2), np.uint8)
    labels[2, 0, 0], labels[3, 0, 0] = 1, 2
    assert LungMask(labels, grid).volume_ml() == pytest.approx(
        {"right": 0.006, "left": 0.009, "both": 0.015}
    )


def test_even_grid_gives_labels_back(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(20):
        positions = np.concatenate([[0.0], np.cumsum(rng.uniform(0.7, 6.0, 11))])
        affine = Grid.axial(
            (12, 5, 4), (positions[-1] / 11, 0.8, 0.7), (3.0, -2.0, 1.0)
        ).affine.copy()
        affine[1, 0] = rng.uniform(-1, 1)
        grid = Grid((12, 5, 4), affine, positions)
        mask = LungMask(rng.integers(0, 3, grid.shape).astype(np.uint8), grid)
        path = tmp_path / f"{number}.nii.gz"
        write_mask(path, mask)
        assert read_mask(path).grid.shape[0] > 12
        np.testing.assert_array_equal(read_mask(path, grid).labels, mask.labels)
