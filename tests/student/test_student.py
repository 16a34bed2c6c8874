"""The report's terms: plain arrays in, any network, loss, optimiser and data set."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import nn
from torch.utils.data import TensorDataset

from pleura.core.errors import NothingUsable, UsageError
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.dataset import write_dataset
from pleura.student import (
    CombinedLoss,
    DICOMSliceDataset,
    ModelTrainer,
    UNet,
    evaluate_slices,
    load_dicom,
    load_patient_segmentations,
)


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=2, shape=(8, 24, 24), seed=1, label=write_mask)
    return folder


def test_importing_pleura_does_not_import_torch():
    code = "import sys, pleura; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_arrays_are_those_of_the_files(chests):
    import pydicom

    volumes, masks = load_dicom(chests), load_patient_segmentations(chests)
    assert sorted(volumes) == sorted(masks) == ["Case_000", "Case_001"]
    for case in volumes:
        headers = [pydicom.dcmread(path) for path in (chests / "Images" / case).glob("*.dcm")]
        headers.sort(key=lambda one: one.ImagePositionPatient[2])
        hu = np.stack(
            [one.pixel_array * one.RescaleSlope + one.RescaleIntercept for one in headers]
        )
        seen = hu > -1024
        assert np.array_equal(volumes[case][seen], hu[seen])
        label = read_mask(chests / "Labels" / f"{case}.nii.gz").labels
        assert np.array_equal(masks[case], label)


def test_a_folder_without_masks(chests):
    with pytest.raises(NothingUsable, match="no case has a lung mask"):
        load_patient_segmentations(chests / "Images")


def plain():
    """Two cases of plain arrays: squares that are lung where HU is below -500."""
    rng = np.random.default_rng(0)
    volumes = {name: rng.integers(-1000, 200, (5, 16, 16)) for name in ("a", "b")}
    return volumes, {name: (hu < -500).astype(np.uint8) for name, hu in volumes.items()}


def test_a_data_set_of_plain_arrays():
    volumes, masks = plain()
    data = DICOMSliceDataset(volumes, masks, ["b", "a"])
    assert len(data) == 10
    assert data.places[5] == ("a", 0)
    slice_, mask = data[6]
    assert slice_.shape == mask.shape == (1, 16, 16)
    assert slice_.dtype == mask.dtype == torch.float32
    assert np.array_equal(slice_[0].numpy(), volumes["a"][1])
    assert np.array_equal(mask[0].numpy(), masks["a"][1])
    small = DICOMSliceDataset(volumes, masks, size=8)[0][0]
    assert small.shape == (1, 8, 8)
    assert float(small.mean()) == pytest.approx(volumes["a"][0].mean(), rel=0.05)


def test_what_does_not_fit_is_refused():
    volumes, masks = plain()
    with pytest.raises(UsageError, match="c: no volume"):
        DICOMSliceDataset(volumes, masks, ["c"])
    masks["a"] = masks["a"][:4]
    with pytest.raises(UsageError, match="different shapes"):
        DICOMSliceDataset(volumes, masks)


def test_the_network_is_the_reports():
    net = UNet()
    assert sum(one.numel() for one in net.parameters()) == 536_913
    assert [one.p for one in net.modules() if isinstance(one, nn.Dropout2d)] == [0.5] * 3
    assert net(torch.zeros(2, 1, 16, 24)).shape == (2, 1, 16, 24)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_combined_loss_against_its_formula(alpha):
    logits = torch.tensor([[[[0.3, -2.0], [1.5, 0.0]]]])
    y = torch.tensor([[[[1.0, 0.0], [1.0, 1.0]]]])
    p = 1 / (1 + np.exp(-logits.numpy()))
    t = y.numpy()
    bce = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    dice = 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    wanted = alpha * bce + (1 - alpha) * dice
    assert CombinedLoss(alpha)(logits, y).item() == pytest.approx(wanted, rel=1e-6)


def test_any_network_loss_optimiser_and_data_set_can_be_trained():
    torch.manual_seed(0)
    x = torch.randn(12, 1, 8, 8)
    data = TensorDataset(x, (x > 0.3).float())
    net = nn.Conv2d(1, 1, 1)
    optimiser = torch.optim.SGD(net.parameters(), lr=1.0)
    trainer = ModelTrainer(net, nn.BCEWithLogitsLoss(), optimiser, batch=4)
    history = trainer.fit(data, data, epochs=8)
    assert [line["epoch"] for line in history] == list(range(1, 9))
    assert history[-1]["test"]["loss"] < 0.5 * history[0]["train"]["loss"]
    assert history[-1]["test"]["accuracy"] > 0.9
    weights = net.weight.clone()
    trainer.score(data)
    assert torch.equal(net.weight, weights)
    assert len(trainer.fit(data, epochs=1)) == 9


def test_slices_are_shuffled_anew_each_epoch_and_repeatably():
    orders = []

    class Noting(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            orders.append(x[:, 0, 0, 0].tolist())
            return x * 0 + self.weight

    data = TensorDataset(torch.arange(30.0)[:, None, None, None], torch.zeros(30, 1, 1, 1))
    for _ in range(2):
        ModelTrainer(Noting(), nn.BCEWithLogitsLoss(), batch=30).fit(data, epochs=2)
    first, second, again, _ = orders
    assert sorted(first) == list(range(30))
    assert first != sorted(first)
    assert first != second
    assert first == again


def test_slices_are_scored_as_scikit_learn_scores_them():
    volumes, masks = plain()
    masks["a"][0] = 0
    data = DICOMSliceDataset(volumes, masks)

    class Threshold(nn.Module):
        def __init__(self):
            super().__init__()
            self.level = nn.Parameter(torch.tensor(-300.0))

        def forward(self, x):
            return self.level - x

    scores = evaluate_slices(Threshold(), data)
    for (case, k), score in zip(data.places, scores, strict=True):
        answer, lung = (volumes[case][k] <= -300).ravel(), masks[case][k].ravel()
        assert score.accuracy == pytest.approx(accuracy_score(lung, answer))
        assert score.dice == pytest.approx(f1_score(lung, answer))
        assert score.predicted_pixels == answer.sum()
    assert [score.kind for score in scores][:2] == ["hallucinated", "lung"]


def test_an_empty_answer_on_an_empty_slice_has_no_dice():
    net = nn.Conv2d(1, 1, 1)
    nn.init.zeros_(net.weight)
    nn.init.constant_(net.bias, -1.0)
    data = TensorDataset(torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 8))
    assert [(one.dice, one.kind) for one in evaluate_slices(net, data)] == [(None, "empty")] * 2
