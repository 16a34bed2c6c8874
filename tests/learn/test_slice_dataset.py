"""Every sample knows its case and slice, and shows what lies there."""

import shutil

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pleura.core.errors import UnreadableFile
from pleura.geometry.network_grid import NetInput
from pleura.geometry.volume import LungMask, Volume
from pleura.learn.dataset import SliceDataset
from pleura.store.case import Case, write_case
from pleura.store.split import Split

NET = NetInput(32)


def data_of(cohort, part, **options):
    names = (*cohort.split.train, *cohort.split.validation)
    return SliceDataset([cohort.case(name) for name in names], cohort.split, part, NET, **options)


def test_parts_share_no_slice_and_leave_none_out(cohort):
    train = [(place.case, place.slice) for place in data_of(cohort, "train").places]
    held_out = data_of(cohort, "validation")
    validation = [(held_out.cases[place.case].id, place.slice) for place in held_out.places]
    assert validation == [("Case_000", 3), ("Case_000", 4), ("Case_000", 8)]
    assert train == [(0, k) for k in range(12) if k not in (3, 4, 8)] + [(1, k) for k in range(12)]


def test_test_cases_are_in_no_other_part(cohort):
    everyone = [cohort.case(name) for name in ("Case_000", "Case_001", "Case_002")]
    for part, ids in (
        ("train", {"Case_000", "Case_001"}),
        ("validation", {"Case_000"}),
        ("test", {"Case_002"}),
    ):
        assert {case.id for case in SliceDataset(everyone, cohort.split, part, NET).cases} == ids
    assert len(SliceDataset(everyone, cohort.split, "test", NET)) == 12


def test_a_sample_shows_its_slice(cohort):
    """The net's size is the slice's own here, so that picture and target are the slice itself."""
    data = data_of(cohort, "train")
    for index in (0, 5, 14):
        picture, target, case, number = data[index]
        volume, mask = data.cases[case].volume(), data.cases[case].mask()
        hu = np.array(volume.hu[number], dtype=float)
        if volume.padding is not None:
            hu[volume.padding[number]] = -1000
        assert picture.shape == target.shape == (1, 32, 32)
        assert picture.dtype == target.dtype == torch.float32
        assert np.abs(picture[0].numpy() - np.clip((hu + 1000) / 1400, 0, 1)).max() < 1e-3
        assert np.array_equal(target[0].numpy() > 0.5, mask.labels[number] > 0)


def test_training_is_shuffled_by_seed_and_the_rest_in_order(cohort):
    train, validation = data_of(cohort, "train"), data_of(cohort, "validation")

    def order(seed):
        loader = DataLoader(
            train, batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(seed)
        )
        return [
            pair
            for _, _, cases, slices in loader
            for pair in zip(cases.tolist(), slices.tolist(), strict=True)
        ]

    assert sorted(order(1)) == [(place.case, place.slice) for place in train.places]
    assert order(1) == order(1)
    assert order(1) != order(2)
    _, _, _, slices = next(iter(DataLoader(validation, batch_size=3)))
    assert slices.tolist() == [3, 4, 8]


def test_some_samples_are_thick_slices_drawn_by_seed_and_epoch(cohort):
    plain, thick = data_of(cohort, "train"), data_of(cohort, "train", thicken_seed=7)

    def changed():
        return [
            index
            for index in range(len(plain))
            if not torch.equal(plain[index][0], thick[index][0])
        ]

    first = changed()
    thick.epoch = 1
    second = changed()
    thick.epoch = 0
    assert changed() == first != second
    assert 0 < len(first) < len(plain) / 2
    for index in first:
        assert torch.allclose(
            thick[index][0], (plain[index][0] + plain[index + 1][0]) / 2, atol=1e-3
        )
        assert torch.allclose(
            thick[index][1], (plain[index][1] + plain[index + 1][1]) / 2, atol=1e-3
        )
        assert plain[index][2] == plain[index + 1][2]
        assert plain[index][3] + 1 == plain[index + 1][3]


def test_a_stack_stored_upside_down_and_mirrored_is_shown_upright(cohort, tmp_path):
    case = cohort.case("Case_001")
    volume, mask = case.volume(), case.mask()
    affine = np.array(volume.grid.affine)
    for axis in (0, 2):
        affine[:3, 3] += affine[:3, axis] * (volume.grid.shape[axis] - 1)
        affine[:3, axis] *= -1
    grid = type(volume.grid)(volume.grid.shape, affine)
    turned = (
        np.ascontiguousarray(volume.hu[::-1, :, ::-1]),
        np.ascontiguousarray(mask.labels[::-1, :, ::-1]),
    )
    (tmp_path / "Case_001").mkdir()
    write_case(
        tmp_path / "Case_001", "Case_001", Volume(turned[0], grid), LungMask(turned[1], grid)
    )
    split = Split(("Case_001",), (), ())
    straight = SliceDataset([case], split, "train", NET)
    other = SliceDataset([Case.open(tmp_path / "Case_001")], split, "train", NET)
    for k in range(12):
        assert torch.equal(straight[k][0], other[11 - k][0])
        assert torch.equal(straight[k][1], other[11 - k][1])
        assert other[11 - k][3] == 11 - k


def test_volumes_are_opened_when_a_slice_is_asked_for_and_not_before(cohort, tmp_path):
    folder = tmp_path / "Case_001"
    shutil.copytree(cohort.case("Case_001").folder, folder)
    (folder / "volume.npy").unlink()
    data = SliceDataset([Case.open(folder)], Split(("Case_001",), (), ()), "train", NET)
    assert len(data) == 12
    with pytest.raises(UnreadableFile):
        data[0]
