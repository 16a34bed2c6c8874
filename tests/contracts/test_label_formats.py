"""One contract for every label format: what we write, strangers find where it was; what
strangers write, we find there too.
"""

import itertools

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Polygon
from pydicom.sr.coding import Code
from testing.strategies import grids

from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.writer import write_series

MAPS = (".nii.gz", ".nrrd", ".mha")
FORMATS = (*MAPS, ".seg.dcm", ".rtstruct.dcm")
ORDERS = [
    (order, flips)
    for order in itertools.permutations(range(3))
    for flips in itertools.product((1, -1), repeat=3)
]
SPACING = (2.5, 0.7, 0.9)


def series_on(grid, folder):
    """A CT series on a grid, as the reader finds it: slices ascending along its normal, whatever
    way the grid ran.
    """
    write_series(folder, Volume(np.zeros(grid.shape, np.int16), grid))
    (series,) = find_series(folder)
    return series


def turned(order, flips):
    """A grid whose axes run along the world's in any order and direction, with three spacings
    and three sizes.
    """
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis in range(3):
        affine[order[axis], axis] = SPACING[axis] * flips[axis]
    affine[:3, 3] = [11.0, -7.0, 3.0]
    return Grid((5, 7, 6), affine)


def lungs_on(grid):
    """Right lung where the world's x is low (LPS: the patient's right), left where it is high;
    lopsided in y and z.
    """
    world = grid.to_world(
        np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    )
    low, high = world.reshape(-1, 3).min(axis=0), world.reshape(-1, 3).max(axis=0)
    x, y, z = np.moveaxis((world - low) / (high - low), -1, 0)
    labels = np.where(x < 0.4, 1, np.where(x > 0.6, 2, 0))
    labels[(y > 0.7) | (z + y / 3 < 0.2)] = 0
    labels[(x < 0.2) & (z > 0.8)] = 0
    assert set(np.unique(labels)) == {0, 1, 2}
    return LungMask(labels.astype(np.uint8), grid)


def points_of(array, to_world):
    """The set of places of each label, to a hundredth of a millimetre."""
    return {
        label: {tuple(p) for p in np.rint(to_world(np.argwhere(array == label)) * 50).astype(int)}
        for label in (1, 2)
    }


def places_by_simpleitk(path):
    image = sitk.ReadImage(str(path))
    axes = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    return points_of(
        sitk.GetArrayFromImage(image), lambda index: index[:, ::-1] @ axes.T + image.GetOrigin()
    )


def places_by_pydicom(path):
    """A segmentation by its attributes alone: every frame's segment, position and orientation."""
    dataset = pydicom.dcmread(path)
    frames = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    spacing = np.array(shared.PixelMeasuresSequence[0].PixelSpacing, float)
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(
        2, 3
    )
    sides = {s.SegmentNumber: {"3341006": 1,
                               "44029006": 2}[s.SegmentedPropertyTypeCodeSequence[0].CodeValue]
             for s in dataset.SegmentSequence}  # fmt: skip
    found = {1: set(), 2: set()}
    for frame, group in zip(frames, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        at = np.argwhere(frame) @ np.array([cosines[1] * spacing[0], cosines[0] * spacing[1]])
        at = at + np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        side = sides[group.SegmentIdentificationSequence[0].ReferencedSegmentNumber]
        found[side] |= {tuple(p) for p in np.rint(at * 50).astype(int)}
    return found


def places_by_polygons(path, series):
    """A structure set by matplotlib: pixel centres of the instance that each contour names,
    tested against its polygon.
    """
    dataset = pydicom.dcmread(path)
    headers = {h.SOPInstanceUID: h for h in (pydicom.dcmread(plane.path) for plane in series.files)}
    sides = {
        roi.ROINumber: {"Lung_R": 1, "Lung_L": 2}[roi.ROIName]
        for roi in dataset.StructureSetROISequence
    }
    found = {1: set(), 2: set()}
    for roi in dataset.ROIContourSequence:
        for contour in roi.get("ContourSequence", ()):
            header = headers[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
            row, column = np.array(header.ImageOrientationPatient, float).reshape(2, 3)
            size, corner = (
                np.array(header.PixelSpacing, float),
                np.array(header.ImagePositionPatient, float),
            )
            index = np.argwhere(np.ones((header.Rows, header.Columns)))
            centres = index[:, :1] * column * size[0] + index[:, 1:] * row * size[1] + corner
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            assert np.abs((points - corner) @ np.cross(row, column)).max() < 1e-4
            flat = np.stack([row, column], axis=1)
            inside = Polygon(points @ flat).contains_points(centres @ flat)
            found[sides[roi.ReferencedROINumber]] |= {
                tuple(p) for p in np.rint(centres[inside] * 50).astype(int)
            }
    return found


def places(path, series):
    if path.name.endswith(".seg.dcm"):
        return places_by_pydicom(path)
    return (
        places_by_polygons(path, series)
        if path.name.endswith(".rtstruct.dcm")
        else places_by_simpleitk(path)
    )


def near(one, two):
    """Equal places, but for a last digit of a hundredth."""
    for label in (1, 2):
        a, b = (np.array(sorted(places[label])) for places in (one, two))
        assert a.shape == b.shape
        distance = np.abs(a[:, None] - b[None]).max(axis=2)
        assert distance.min(axis=1).max() <= 1
        assert distance.min(axis=0).max() <= 1


@pytest.fixture(scope="module")
def all_48(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ct")
    return [series_on(turned(*turn), folder / str(number)) for number, turn in enumerate(ORDERS)]


@pytest.mark.parametrize("suffix", FORMATS)
def test_strangers_find_each_lung_where_it_was_over_all_48_axis_orders_and_flips(
    suffix, all_48, tmp_path
):
    for number, series in enumerate(all_48):
        mask = lungs_on(series.grid)
        path = tmp_path / f"{number}{suffix}"
        write_mask(path, mask, series)
        near(places(path, series), points_of(mask.labels, series.grid.to_world))
        back = read_mask(path, series.grid, series)
        assert back.grid is series.grid
        np.testing.assert_array_equal(back.labels, mask.labels)
        assert back.sided
        right, left = (
            series.grid.to_world(np.argwhere(back.labels == side))[:, 0].mean() for side in (1, 2)
        )
        assert right < left  # LPS: the patient's left is where x rises


def test_a_mirrored_column_cosine_would_be_caught(tmp_path):
    """The oracle itself must be able to fail: a structure set mirrored in x is another one."""
    series = series_on(turned((2, 1, 0), (1, 1, 1)), tmp_path / "ct")
    mask = lungs_on(series.grid)
    write_mask(
        tmp_path / "m.rtstruct.dcm",
        LungMask(np.ascontiguousarray(mask.labels[:, :, ::-1]), series.grid),
        series,
    )
    with pytest.raises(AssertionError):
        near(
            places(tmp_path / "m.rtstruct.dcm", series),
            points_of(mask.labels, series.grid.to_world),
        )


@given(
    grid=grids(left_handed=False, largest=6),
    seed=st.integers(0, 10**6),
    suffix=st.sampled_from(FORMATS),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_no_voxel_is_lost_on_oblique_and_uneven_stacks(tmp_path_factory, grid, seed, suffix):
    """Specks, holes, pieces that touch by corners: anything; on any stack that the reader takes."""
    assume(grid.shape[1] * grid.shape[2] >= 8)
    folder = tmp_path_factory.mktemp("ct")
    series = series_on(grid, folder)
    assume(series.grid is not None)  # steps may happen to look like a missing slice
    labels = np.random.default_rng(seed).integers(0, 3, series.grid.shape).astype(np.uint8)
    labels[0, 0, 0], labels[0, 0, 1] = 1, 2
    write_mask(folder / f"m{suffix}", LungMask(labels, series.grid), series)
    back = read_mask(folder / f"m{suffix}", series.grid, series)
    assert back.grid is series.grid
    np.testing.assert_array_equal(back.labels, labels)
    assert back.sided


@pytest.mark.parametrize("suffix", FORMATS)
def test_unsided_and_one_sided_masks_stay_so_and_bytes_repeat(suffix, tmp_path):
    series = series_on(turned((2, 1, 0), (1, 1, 1)), tmp_path / "ct")
    both = lungs_on(series.grid)
    unsided = LungMask((both.labels > 0).astype(np.uint8), series.grid, sided=False)
    alone = LungMask(np.where(both.labels == 1, 1, 0).astype(np.uint8), series.grid)
    for name, mask in (("unsided", unsided), ("alone", alone)):
        for place in "ab":
            write_mask(tmp_path / place / f"{name}{suffix}", mask, series)
        back = read_mask(tmp_path / "a" / f"{name}{suffix}", series.grid, series)
        np.testing.assert_array_equal(back.labels, mask.labels)
        assert back.sided == mask.sided
        assert (tmp_path / "a" / f"{name}{suffix}").read_bytes() == (
            tmp_path / "b" / f"{name}{suffix}"
        ).read_bytes()


@pytest.mark.parametrize("suffix", MAPS)
def test_maps_that_simpleitk_writes(suffix, tmp_path):
    mask = lungs_on(turned((2, 1, 0), (1, 1, 1)))
    image = sitk.GetImageFromArray(mask.labels)
    image.SetSpacing(SPACING[::-1])
    image.SetOrigin(mask.grid.affine[:3, 3])
    for compressed in (True, False):
        sitk.WriteImage(image, str(tmp_path / f"m{suffix}"), compressed)
        back = read_mask(tmp_path / f"m{suffix}", mask.grid)
        assert back.grid is mask.grid
        np.testing.assert_array_equal(back.labels, mask.labels)


def one_lattice(order, flips):
    """Always the same 6 x 7 x 5 voxels of the world, by axes in any order and direction."""
    sizes, steps, corner = (6, 7, 5), (0.9, 0.7, 2.5), np.array([11.0, -7.0, 3.0])
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (along, flip) in enumerate(zip(order, flips, strict=True)):
        affine[along, axis] = steps[along] * flip
        corner[along] += steps[along] * (sizes[along] - 1) * (flip < 0)
    affine[:3, 3] = corner
    return Grid(tuple(sizes[along] for along in order), affine)


def test_segmentations_of_any_orientation_come_onto_a_volume_of_any_other(tmp_path):
    """Sagittal, coronal and flipped frames on the axial grid of the same voxels, as a viewer may
    save them.
    """
    goal = lungs_on(series_on(one_lattice((2, 1, 0), (1, 1, 1)), tmp_path / "goal").grid)
    for number, turn in enumerate(ORDERS[::3]):
        series = series_on(one_lattice(*turn), tmp_path / str(number))
        write_mask(tmp_path / f"{number}.seg.dcm", lungs_on(series.grid), series)
        np.testing.assert_array_equal(
            read_mask(tmp_path / f"{number}.seg.dcm", goal.grid).labels, goal.labels
        )


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_segmentations_that_highdicom_writes(kind, tmp_path):
    """Frames upside down, the left lung first, codes with laterality as others write them, and a
    tumour beside.
    """
    series = series_on(turned((2, 1, 0), (1, 1, 1)), tmp_path / "ct")
    mask = lungs_on(series.grid)
    sources = [pydicom.dcmread(plane.path) for plane in series.files][::-1]
    lung = Code("39607008", "SCT", "Lung")
    sides = [Code("7771000", "SCT", "Left"), Code("24028007", "SCT", "Right")]
    described = [
        hd.seg.SegmentDescription(
            number,
            name,
            Code("123037004", "SCT", "Anatomical Structure"),
            lung if side else Code("4147007", "SCT", "Mass"),
            hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, name, side in ((1, "a", sides[0]), (2, "b", sides[1]), (3, "c", None))
    ]
    for item, side in zip(described, sides, strict=False):
        modifier = pydicom.Dataset()
        modifier.CodeValue, modifier.CodingSchemeDesignator, modifier.CodeMeaning = (
            side.value,
            side.scheme_designator,
            "side",
        )
        item.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [
            modifier
        ]
    stack = np.stack([mask.left, mask.right, np.zeros(mask.labels.shape, bool)], axis=-1)[::-1]
    stack[1, 2, 2, 2] = not stack[1, 2, 2].any()
    pixels = stack.astype(np.float32) * 0.8 if kind == "FRACTIONAL" else stack.astype(np.uint8)
    if kind == "LABELMAP":
        pixels = (stack * [1, 2, 3]).max(axis=-1).astype(np.uint8)
    hd.seg.Segmentation(
        sources, pixels, kind, described, hd.UID(), 1, hd.UID(), 1, "other", "other", "1", "1",
        **({"max_fractional_value": 100} if kind == "FRACTIONAL" else {}),
    ).save_as(tmp_path / "m.dcm")  # fmt: skip
    back = read_mask(tmp_path / "m.dcm", series.grid, series)
    np.testing.assert_array_equal(back.labels, mask.labels)
    own = read_mask(tmp_path / "m.dcm")
    near(points_of(own.labels, own.grid.to_world), points_of(mask.labels, series.grid.to_world))
