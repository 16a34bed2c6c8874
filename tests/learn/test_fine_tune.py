"""The shipped network back in torch, trained further, and used by `segment`."""

import numpy as np
import pytest
import torch

from pleura.core.errors import InputRefused, NothingUsable, UsageError
from pleura.learn import fine_tune as tuning
from pleura.learn.lungs.export import write_onnx
from pleura.learn.lungs.net import LungNet
from pleura.learn.lungs.weights import read_onnx
from pleura.phantom.anatomy import chest
from pleura.segmenters.shipped import CARD, ShippedNetwork
from pleura.store.case import write_case
from pleura.store.cohort import write_cohort
from pleura.store.layout import FINE_TUNED
from pleura.store.split import Split
from pleura.verbs.segment import segment
from pleura.verbs.train import train

NAMES = ("Case_000", "Case_001", "Case_002")


def hu(seed=0, shape=(32, 32, 48)):
    return np.random.default_rng(seed).uniform(-1100, 500, shape).astype(np.float32)


def logits(net, values):
    with torch.no_grad():
        return net(torch.from_numpy(values)[None, None])[0].numpy()


def test_the_shipped_network_answers_the_same_in_torch():
    shipped = ShippedNetwork.open(threads=1)
    ours, theirs = logits(read_onnx(shipped.weights), hu()), shipped.logits(hu())
    assert np.abs(ours - theirs).max() < 2e-3 * np.abs(theirs).max()


def test_any_network_comes_back_from_its_export(tmp_path):
    torch.manual_seed(3)
    net = LungNet().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    write_onnx(net, tmp_path / "net.onnx")
    back = read_onnx((tmp_path / "net.onnx").read_bytes())
    np.testing.assert_allclose(logits(back, hu(1)), logits(net, hu(1)), atol=2e-3)
    write_onnx(back, tmp_path / "again.onnx")  # and exports as what it was
    again = read_onnx((tmp_path / "again.onnx").read_bytes())
    np.testing.assert_allclose(logits(again, hu(1)), logits(net, hu(1)), atol=4e-3)


@pytest.mark.parametrize("data", [b"", b"not a network", b"\x08\x07"])
def test_what_is_no_such_network_is_refused(data):
    with pytest.raises(InputRefused) as caught:
        read_onnx(data)
    assert caught.value.code == "WEIGHTS-UNREADABLE"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Three chests; the last is for testing, and cannot be opened while training."""
    folder = tmp_path_factory.mktemp("cohort")
    for seed, name in enumerate(NAMES):
        volume, mask = chest((40, 60, 60), seed=seed)
        (folder / "cases" / name).mkdir(parents=True)
        write_case(folder / "cases" / name, name, volume, mask)
    kept = folder / "cases" / NAMES[2] / "volume.npy"
    data = kept.read_bytes()
    kept.write_bytes(b"not to be opened")
    write_cohort(folder, [{"id": name} for name in NAMES], Split(NAMES[:2], (), NAMES[2:], {}))
    return folder, lambda: kept.write_bytes(data)


def few_samples(monkeypatch):
    monkeypatch.setattr(tuning, "SHARES", (1.0, 0.0, 0.0))
    monkeypatch.setattr(tuning, "PHANTOMS", 0)
    monkeypatch.setattr(tuning, "BODIES", 0)


def test_two_steps_make_a_model_that_segment_takes(cohort, tmp_path, monkeypatch):
    folder, close = cohort
    few_samples(monkeypatch)
    how = {"preset": "fine-tune", "steps": 2, "lr": 1e-4}
    result = train(folder, tmp_path / "runs", **how)
    model = tmp_path / "runs" / FINE_TUNED
    assert result.card["fine_tuned"]["trained_on"] == list(NAMES[:2])
    assert "held_out_scores" not in result.card
    tuned, shipped = ShippedNetwork.open(model, threads=1), ShippedNetwork.open(threads=1)
    assert result.card["fine_tuned"]["from_sha256"] == shipped.card["sha256"]
    apart = np.abs(tuned.logits(hu()) - shipped.logits(hu()))
    assert 1e-4 < np.median(apart) < 2.0  # moved, and not far
    written = (model / CARD).read_bytes()
    assert train(folder, tmp_path / "runs", **how).card == result.card
    assert (model / CARD).read_bytes() == written

    close()
    found = segment(folder, tmp_path / "masks", model=model)
    assert [case["mask"] is not None for case in found.cases] == [True] * 3
    with pytest.raises(UsageError, match="--threshold"):
        segment(folder, tmp_path / "other", model=model, threshold=0.4)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"alpha": 0.5}, "--alpha"),
        ({"watch_test": "yes"}, "--watch-test"),
        ({"loss": "bce"}, "--loss"),
        ({"device": "cuda"}, "--device|CUDA"),
        ({"steps": 0}, "--steps"),
        ({"lr": -1.0}, "--lr"),
    ],
)
def test_options_of_the_u_net_are_refused(cohort, tmp_path, given, word):
    with pytest.raises(UsageError, match=word):
        train(cohort[0], tmp_path / "out", preset="fine-tune", **given)
    assert not (tmp_path / "out").exists()


def test_masks_without_sides_or_no_masks_are_refused(tmp_path):
    volume, mask = chest((12, 32, 32), seed=1)
    unsided = type(mask)((mask.labels > 0).astype(np.uint8), mask.grid, sided=False)
    for name, labels, split, error in (
        ("unsided", unsided, Split(("Case_000",), (), (), {}), UsageError),
        ("none", None, Split((), (), (), {}, ("Case_000",)), NothingUsable),
    ):
        folder = tmp_path / name
        (folder / "cases" / "Case_000").mkdir(parents=True)
        write_case(folder / "cases" / "Case_000", "Case_000", volume, labels)
        write_cohort(folder, [{"id": "Case_000"}], split)
        with pytest.raises(error, match="mask"):
            train(folder, tmp_path / "out", preset="fine-tune")
