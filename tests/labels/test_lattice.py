"""Label maps on the voxels of a volume: headers as tools write them are accepted, every shift by
0.3 voxel is refused.
"""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pleura.core.errors import GridMismatch
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.lattice import find_placement, mismatch, place, union
from pleura.labels.registry import read_mask

RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def rotation(seed, degrees):
    """A rotation by at most `degrees` about a random axis."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    x, y, z = axis / np.linalg.norm(axis)
    angle = np.radians(degrees)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


lattices = st.builds(
    lambda shape, spacing, origin, degrees, seed: _lattice(shape, spacing, origin, degrees, seed),
    st.tuples(st.integers(2, 480), st.sampled_from([256, 512, 768]), st.sampled_from([256, 512])),
    st.tuples(*[st.sampled_from([0.5, 0.625, 0.7, 2 / 3, 0.9765625, 1.25, 3.0]) for _ in range(3)]),
    st.tuples(*[st.floats(-500, 500) for _ in range(3)]),
    st.sampled_from([0, 0, 3, 10, 30]),
    st.integers(0, 10**6),
)


def _lattice(shape, spacing, origin, degrees, seed):
    affine = np.eye(4)
    affine[:3, :3] = rotation(seed, degrees) @ Grid.axial((2, 2, 2), spacing).affine[:3, :3]
    affine[:3, 3] = origin
    return shape, affine


def float32(affine):
    return affine.astype(np.float32).astype(np.float64)


def three_decimals(affine):
    """Steps with three decimals, as text headers have them; the first voxel in full."""
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    rounded = affine.copy()
    rounded[:3, :3] *= np.round(steps, 3) / steps
    return rounded


def four_digits(affine):
    """Cosines with four digits, the third axis their cross product, as dcm2niix makes it."""
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.round(affine[:3, :3] / steps, 4)
    row, column = (cosines[:, axis] / np.linalg.norm(cosines[:, axis]) for axis in (1, 2))
    rounded = affine.copy()
    rounded[:3, :3] = np.stack([np.cross(column, row), row, column], axis=1) * steps
    return rounded


def from_the_other_end(affine, shape):
    """The slices in the other order: the first voxel is the last slice's, reached by rounded
    steps.
    """
    turned = three_decimals(affine)
    turned[:3, 3] += turned[:3, 0] * (shape[0] - 1)
    turned[:3, 0] *= -1
    return turned


def by_quaternion(affine):
    """As a qform stores it: a float32 quaternion."""
    header = nibabel.Nifti1Header()
    header.set_qform(RAS @ affine[:, [2, 1, 0, 3]], code=1)
    return (RAS @ header.get_qform())[:, [2, 1, 0, 3]]


HEADERS = {
    "float32": float32,
    "three decimals": three_decimals,
    "four-digit cosines": four_digits,
    "quaternion": by_quaternion,
}


def placed(affine, shape, grid):
    return find_placement(Grid(shape, affine), grid)


@given(lattice=lattices, header=st.sampled_from([*HEADERS, "from the other end"]))
@settings(max_examples=500)
def test_headers_of_tools_are_accepted_and_shifts_refused(lattice, header):
    shape, affine = lattice
    grid = Grid(shape, affine)
    written = (
        from_the_other_end(affine, shape)
        if header == "from the other end"
        else HEADERS[header](affine)
    )
    found = placed(written, shape, grid)
    assert found is not None
    assert found.offset == (0, 0, 0)
    for axis in range(3):
        for sign in (0.3, -0.3):
            shifted = written.copy()
            shifted[:3, 3] += sign * affine[:3, axis]
            assert placed(shifted, shape, grid) is None, (header, axis, sign)


@given(lattice=lattices, header=st.sampled_from(list(HEADERS)), seed=st.integers(0, 10**6))
@settings(max_examples=200)
def test_crops_are_accepted_and_shifted_crops_refused(lattice, header, seed):
    shape, affine = lattice
    rng = np.random.default_rng(seed)
    low = [int(rng.integers(0, n - 1)) for n in shape]
    high = [int(rng.integers(a + 1, n + 1)) for a, n in zip(low, shape, strict=True)]
    written = HEADERS[header](affine)
    cropped = written.copy()
    cropped[:3, 3] += written[:3, :3] @ low
    size = tuple(b - a for a, b in zip(low, high, strict=True))
    found = placed(cropped, size, Grid(shape, affine))
    assert found is not None
    assert list(found.offset) == low
    cropped[:3, 3] += 0.3 * affine[:3, int(rng.integers(3))]
    assert placed(cropped, size, Grid(shape, affine)) is None


@pytest.mark.parametrize(
    ("spacing", "count"),
    [((0.7, 0.7, 0.7), 480), ((2 / 3, 0.9, 0.9), 480), ((1.25, 0.7, 0.7), 1200)],
)
@pytest.mark.parametrize("writer", ["nibabel", "simpleitk nrrd", "simpleitk mha", "nrrd text"])
def test_files_that_tools_write_on_long_stacks(spacing, count, writer, tmp_path):
    """Real files, 16 x 16 pixels: written by strangers, read onto the grid of the series;
    shifted ones are not.
    """
    grid = Grid.axial((count, 16, 16), spacing, (-249.512, -231.5, -1012.75))
    labels = np.zeros(grid.shape, np.uint8)
    labels[1:-1, 4:12, 2:6], labels[1:-1, 4:12, 9:14] = 1, 2
    for shift, wanted in ((0.0, True), (0.3, False)):
        steps = np.round(spacing, 3)
        origin = grid.affine[:3, 3] + [0, 0, shift * spacing[0]]
        path = _written(writer, labels, steps, origin, tmp_path / str(shift))
        back = read_mask(path, grid)
        assert (back.grid is grid) == wanted
        np.testing.assert_array_equal(back.labels, labels)


def _written(writer, labels, steps, origin, stem):
    if writer == "nibabel":
        affine = np.diag([-steps[2], -steps[1], steps[0], 1.0])
        affine[:3, 3] = origin * [-1, -1, 1]
        path = stem.with_name(f"{stem.name}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(labels.T, affine), path)
        return path
    if writer == "nrrd text":
        path = stem.with_name(f"{stem.name}.nrrd")
        sizes = " ".join(map(str, labels.shape[::-1]))
        head = f"""NRRD0004
type: uint8
dimension: 3
space: left-posterior-superior
sizes: {sizes}
space directions: ({steps[2]:.3f},0,0) (0,{steps[1]:.3f},0) (0,0,{steps[0]:.3f})
kinds: domain domain domain
encoding: raw
space origin: ({origin[0]:.3f},{origin[1]:.3f},{origin[2]:.3f})

"""
        path.write_bytes(head.encode() + labels.tobytes())
        return path
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing([float(step) for step in steps[::-1]])
    image.SetOrigin([float(x) for x in origin])
    path = stem.with_name(f"{stem.name}.{writer.split()[1]}")
    sitk.WriteImage(image, str(path), True)
    return path


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cropped_flipped_and_padded_maps_by_simpleitk(suffix, seed, tmp_path):
    """Cropped to the labels, padded, flipped along any axis, axes permuted: SimpleITK's own
    filters, then our reader.
    """
    rng = np.random.default_rng(seed)
    grid = Grid.axial((9, 12, 14), (2.5, 0.7, 0.8), (-10.0, 20.0, 30.0))
    labels = np.zeros(grid.shape, np.uint8)
    labels[2:7, 3:9, 2:6], labels[3:8, 3:9, 8:12] = 1, 2
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing([0.8, 0.7, 2.5])
    image.SetOrigin([-10.0, 20.0, 30.0])
    cropped, padded = image[2:12, 3:9, 2:8], sitk.ConstantPad(image, [1, 2, 3], [3, 1, 2], 0)
    image = cropped if rng.random() < 0.5 else padded
    image = sitk.Flip(image, [bool(rng.integers(2)) for _ in range(3)], False)
    image = sitk.PermuteAxes(image, [int(axis) for axis in rng.permutation(3)])
    path = tmp_path / f"{seed}{suffix}"
    sitk.WriteImage(image, str(path))
    back = read_mask(path, grid)
    assert back.grid is grid
    np.testing.assert_array_equal(back.labels, labels)


def test_lung_outside_of_the_volume_is_refused():
    grid = Grid.axial((4, 5, 6), (2.5, 0.7, 0.8))
    labels = np.ones((4, 5, 6), np.uint8)
    shifted = grid.affine.copy()
    shifted[:3, 3] = grid.to_world([1, 0, 0])
    with pytest.raises(GridMismatch) as caught:
        place(LungMask(labels, Grid(grid.shape, shifted)), grid)
    assert caught.value.code == "GRID-BEYOND"
    assert caught.value.evidence["n"] == 30


def test_the_refusal_prints_both_lattices():
    one = Grid.axial((4, 5, 6), (2.5, 0.7, 0.8), (1, 2, 3))
    other = Grid.axial((4, 5, 6), (2.5, 0.7, 0.8), (1.24, 2, 3))
    text = str(mismatch(one, other))
    for words in (
        "4 x 5 x 6",
        "2.5 x 0.7 x 0.8 mm",
        "origin (1, 2, 3)",
        "origin (1.24, 2, 3)",
        "(0, 0, 1)",
        "(1, 0, 0)",
    ):
        assert words in text
    assert "\n" not in text


def test_unions_of_turned_lattices():
    whole = Grid.axial((9, 8, 7), (2.5, 0.7, 0.8), (3, 4, 5))
    labels = np.random.default_rng(3).integers(0, 3, whole.shape).astype(np.uint8)
    turned = whole.affine.copy()
    turned[:3, 3] = whole.to_world([8, 0, 0])
    turned[:3, 0] *= -1
    one, other = union(
        LungMask(labels, whole),
        LungMask(np.ascontiguousarray(labels[::-1]), Grid(whole.shape, turned)),
    )
    np.testing.assert_array_equal(one.labels, other.labels)
