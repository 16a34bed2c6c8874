"""Samples: poses move image and labels alike, diseases carry the right label, scanners leave
labels alone.
"""

import numpy as np
import pytest

from pleura.learn.lungs import disease, scanner
from pleura.learn.lungs.corpus import DENSE, DOUBTFUL, TrainingVolume
from pleura.learn.lungs.pool import BLOCK, Pool
from pleura.learn.lungs.samples import LEFT, RIGHT, Pose, Sample, posed, rotation, smoothed, upright

STILL = Pose(0, 0, 0, 0, 0, (0, 0, 0), mirror=0, upside=0)
EXCHANGE = np.array([0, 2, 1, 4, 3], dtype=np.uint8)


def volume_of(name="one", patient="patient", seed=0):
    """Two boxes of lung in a block of tissue; a part of the left one dense, a corner doubtful."""
    rng = np.random.default_rng(seed)
    hu = np.full((48, 56, 64), -1024, dtype=np.int16)
    hu[4:-4, 6:-6, 4:-4] = 40
    right, left = np.zeros(hu.shape, np.uint8), np.zeros(hu.shape, np.uint8)
    right[8:40, 12:44, 8:28] = 255
    left[8:40, 12:44, 34:56] = 255
    hu[(right > 0) | (left > 0)] = -850
    flags = np.zeros(hu.shape, np.uint8)
    flags[8:20, 12:44, 34:56] = DENSE
    hu[8:20, 12:44, 34:56] = 30
    flags[:6, :6, :6] |= DOUBTFUL
    hu += rng.integers(-9, 10, hu.shape).astype(np.int16)
    return TrainingVolume(name, patient, hu, right, left, flags, (0.0, 0.0, 0.0))


def sample_of(shape=(40, 48, 64)):
    """Two lungs in tissue, on the network's grid."""
    hu = np.full(shape, 40, dtype=np.float32)
    label = np.zeros(shape, np.uint8)
    label[4:-4, 6:-6, 6:28] = RIGHT
    label[4:-4, 6:-6, 36:58] = LEFT
    hu[label > 0] = -850
    none = np.zeros(shape, dtype=bool)
    return Sample(hu, label, none, none)


def test_the_still_pose_is_the_volume():
    volume = volume_of()
    sample = posed(
        volume, volume.hu.shape, np.random.default_rng(0), STILL, spacing_mm=volume.spacing_mm
    )
    # shifted by half a voxel
    assert np.abs(sample.hu[1:-1, 1:-1, 1:-1] - volume.hu[1:-1, 1:-1, 1:-1]).max() > 0
    whole = upright(volume, spacing_mm=2.0, multiple=1)
    assert np.allclose(whole.hu, volume.hu, atol=0.1)
    assert np.array_equal(whole.label == 4, volume.flags & DENSE > 0)
    assert np.array_equal(whole.ignore, volume.flags & DOUBTFUL > 0)
    assert np.array_equal(whole.label == 1, volume.right > 0)


def test_a_mirrored_pose_exchanges_the_labels():
    volume = volume_of()
    plain = posed(volume, (48, 64, 80), np.random.default_rng(0), STILL)
    mirrored = posed(
        volume,
        (48, 64, 80),
        np.random.default_rng(0),
        Pose(0, 0, 0, 0, 0, (0, 0, 0), mirror=1, upside=0),
    )
    assert np.allclose(mirrored.hu[:, :, ::-1], plain.hu, atol=0.5)
    assert np.array_equal(EXCHANGE[mirrored.label[:, :, ::-1]], plain.label)
    assert set(np.unique(plain.label)) == {0, 1, 2, 4}


def test_right_stays_at_low_columns_in_every_pose():
    volume = volume_of()
    for seed in range(12):
        label = posed(volume, (64, 64, 96), np.random.default_rng(seed), Pose()).label
        right = np.nonzero((label == 1) | (label == 3))[2]
        left = np.nonzero((label == 2) | (label == 4))[2]
        if right.size > 500 and left.size > 500:
            assert right.mean() < left.mean()


def test_outside_the_volume_is_air_without_label():
    sample = posed(volume_of(), (96, 96, 96), np.random.default_rng(1), Pose())
    assert np.all(sample.hu[0] == -1024)
    assert not sample.label[0].any()


def test_rotations_keep_lengths():
    matrix = rotation(np.array([10.0, -20.0, 30.0]))
    assert np.allclose(matrix @ matrix.T, np.eye(3))
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_smoothing_keeps_a_ramp():
    volume = volume_of()
    ramp = np.broadcast_to(np.arange(64, dtype=np.int16) * 10, volume.hu.shape)
    smooth = smoothed(
        TrainingVolume("r", "r", ramp, volume.right, volume.left, volume.flags, (0, 0, 0))
    )
    assert np.array_equal(smooth.hu[:, :, 1:-1], ramp[:, :, 1:-1])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", list(disease.PAINTERS))
def test_disease_follows_the_convention(name, seed):
    before = sample_of()
    rng = np.random.default_rng(seed)
    lung = disease.one_lung(before, rng)
    after = disease.PAINTERS[name][0](before, lung, rng)
    was, now = before.label > 0, after.label > 0
    assert not (now & ~was).any(), "lung appears where there was none"
    sides = np.where(after.label > 2, after.label - 2, after.label)
    assert np.array_equal(sides[now], before.label[now]), "a side changes"
    assert np.array_equal(after.hu[~was], before.hu[~was]), "what is not lung changes"
    lost = was & ~now
    if name in ("consolidation", "patchy", "ground_glass", "emphysema", "nodule"):
        assert not lost.any()
    elif name == "pneumothorax":
        assert lost.any()
        assert after.hu[lost].mean() == pytest.approx(-1000, abs=5)
    else:
        assert lost.any()
        assert after.hu[lost].mean() > -320
    if name == "consolidation":
        dense = after.label > 2
        assert dense.any()
        assert np.median(after.hu[dense]) > -100
        assert np.array_equal(after.hu[~dense], before.hu[~dense])
    if name in ("ground_glass", "emphysema", "pneumothorax", "nodule", "mass"):
        assert not (after.label > 2).any()


def test_no_disease_without_lung():
    empty = sample_of()
    empty = Sample(empty.hu, np.zeros_like(empty.label), empty.ignore, empty.density_unknown)
    assert disease.diseased(empty, np.random.default_rng(0), chance=1.0) is empty


@pytest.mark.parametrize(
    "step",
    [
        scanner.density,
        scanner.bowel_gas,
        scanner.couch,
        scanner.metal,
        scanner.slices,
        scanner.noise,
    ],
)
def test_scanner_steps_keep_the_labels(step):
    before = sample_of()
    for seed in range(8):
        after = step(before, np.random.default_rng(seed))
        assert np.array_equal(after.label, before.label)
        assert after.hu.shape == before.hu.shape
        assert after.hu.dtype == np.float32


def test_a_cut_field_has_air_and_no_label_outside():
    cuts = 0
    for seed in range(20):
        after = scanner.field_of_view(sample_of(), np.random.default_rng(seed))
        outside = after.hu == -1024
        cuts += outside.any()
        assert not after.label[outside].any()
    assert cuts > 3


def test_motion_moves_image_and_labels_alike():
    before = sample_of()
    moved = [scanner.motion(before, np.random.default_rng(seed)) for seed in range(60)]
    assert any(not np.array_equal(after.label, before.label) for after in moved)
    for after in moved:
        assert np.array_equal(after.hu < -800, after.label > 0)


@pytest.fixture
def pool(tmp_path):
    volumes = [volume_of(f"v{k}", f"p{k}", seed=k) for k in range(3)]
    return Pool((volumes, []), (1.0, 0.0), tmp_path, seed=4)


def test_a_sample_is_decided_by_its_number(pool, tmp_path):
    drawn = pool.sample(5)
    again = pool.sample(5)
    other = Pool(pool.groups, pool.shares, tmp_path / "elsewhere", seed=4).sample(5)
    for name in ("hu", "label", "ignore", "density_unknown"):
        assert np.array_equal(getattr(drawn, name), getattr(again, name))
        assert np.array_equal(getattr(drawn, name), getattr(other, name))


def test_patients_held_out_are_never_drawn(pool):
    batches = pool.batches(2, held_out=("p1",))
    numbers = [next(batches) for _ in range(12)]
    assert {pool.volume_of(k).patient for batch in numbers for k in batch} == {"p0", "p2"}
    assert all(batch[0] // BLOCK == batch[1] // BLOCK for batch in numbers)


def test_a_batch_has_one_shape(pool):
    batch = next(pool.batches(2))
    assert len({pool.sample(k).hu.shape for k in batch}) == 1
