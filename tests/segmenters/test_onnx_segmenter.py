"""A network behind the protocol. The networks here are thresholds written by hand, so that the
right answer is known.
"""

import hashlib
import json
import os

import numpy as np
import pytest
from testing.networks import LEVEL, write_run

from pleura.anatomy.couch import body_mask, couch_mask
from pleura.core.errors import InputRefused, UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LEFT, RIGHT, Volume
from pleura.phantom.anatomy import chest
from pleura.segmenters import onnx as module
from pleura.segmenters.onnx import OnnxSegmenter


@pytest.fixture(scope="module")
def phantom():
    return chest((26, 64, 64), seed=2)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"), size=64)


def test_raw_is_the_networks_answer_on_the_volumes_own_voxels(run_folder, phantom):
    """The picture has the slice's own size, so that the band in HU is the whole truth."""
    volume, _ = phantom
    raw = OnnxSegmenter.open(run_folder).raw(volume)
    hu = volume.filled().astype(float)
    near = (np.abs(hu - LEVEL) < 1) | (np.abs(hu + 950) < 1)
    wanted = (hu > -950) & (hu < LEVEL)
    assert raw.dtype == np.bool_
    assert 0.02 < wanted.mean() < 0.5
    assert np.array_equal(raw[~near], wanted[~near])


@pytest.mark.parametrize("count", [1, 3, 4, 5])
def test_every_slice_is_answered_whatever_the_batches(run_folder, phantom, count):
    volume, _ = phantom
    grid = Grid.axial((count, 64, 64), volume.grid.spacing_mm)
    some = Volume(volume.hu[10 : 10 + count], grid)
    calls = []
    raw = OnnxSegmenter.open(run_folder).raw(some, lambda *call: calls.append(call))
    whole = OnnxSegmenter.open(run_folder).raw(volume)
    assert np.array_equal(raw, whole[10 : 10 + count])
    assert calls[-1] == ("network", count, count)


def test_the_network_sees_a_batch_and_never_the_whole_volume(run_folder, phantom, monkeypatch):
    seen = []
    straight = module.open_network

    def counted(*arguments, **options):
        predict = straight(*arguments, **options)

        def noted(inputs):
            seen.append(len(inputs["picture"]))
            return predict(inputs)

        return noted

    monkeypatch.setattr(module, "open_network", counted)
    OnnxSegmenter.open(run_folder).raw(phantom[0])
    assert sum(seen) == 26
    assert max(seen) <= 4


def test_lungs_are_found_cleaned_and_sided(run_folder, phantom):
    volume, truth = phantom
    answer = OnnxSegmenter.open(run_folder)(volume)
    for side in (RIGHT, LEFT):
        ours, true = answer.mask.labels == side, truth.labels == side
        assert 2 * (ours & true).sum() / (ours.sum() + true.sum()) > 0.93
    assert answer.findings == ()
    assert answer.mask.grid is volume.grid


def test_a_coarse_network_still_answers_on_the_fine_grid(tmp_path, phantom):
    volume, truth = phantom
    answer = OnnxSegmenter.open(write_run(tmp_path, size=32))(volume)
    ours, true = answer.mask.labels > 0, truth.labels > 0
    assert answer.raw.shape == volume.hu.shape
    assert 2 * (ours & true).sum() / (ours.sum() + true.sum()) > 0.93


def test_a_stack_stored_the_other_way_gives_the_same_lungs(run_folder, phantom):
    volume, _ = phantom
    affine = np.array(volume.grid.affine)
    affine[:3, 3] += affine[:3, 0] * (volume.grid.shape[0] - 1)
    affine[:3, 0] *= -1
    padding = None if volume.padding is None else volume.padding[::-1]
    turned = Volume(np.ascontiguousarray(volume.hu[::-1]), Grid(volume.grid.shape, affine), padding)
    straight, other = (OnnxSegmenter.open(run_folder)(one) for one in (volume, turned))
    assert np.array_equal(straight.raw, other.raw[::-1])
    assert np.array_equal(straight.mask.labels, other.mask.labels[::-1])


def test_padding_is_shown_as_air(run_folder, phantom):
    volume, _ = phantom
    hu = np.array(volume.hu)
    padding = np.zeros(hu.shape, np.bool_)
    padding[:, :, :20] = True
    hu[padding] = -700
    raw = OnnxSegmenter.open(run_folder).raw(Volume(hu, volume.grid, padding))
    assert not raw[padding].any()
    assert raw.any()


def test_nothing_found_is_said(tmp_path, phantom):
    volume, _ = phantom
    answer = OnnxSegmenter.open(write_run(tmp_path, size=64, below=-1100.0))(volume)
    assert not answer.mask.labels.any()
    assert [finding.code for finding in answer.findings] == ["NO-LUNGS-FOUND"]


def test_a_threshold_nearer_one_takes_less(run_folder, phantom):
    volume, _ = phantom
    usual, strict = (OnnxSegmenter.open(run_folder, threshold=t).raw(volume) for t in (None, 0.99))
    assert strict.sum() < usual.sum()
    assert not (strict & ~usual).any()


def test_it_tells_what_it_is_and_no_path(run_folder):
    told = OnnxSegmenter.open(run_folder).describe()
    assert told["name"] == "onnx"
    assert told["sha256"] == hashlib.sha256((run_folder / "model.onnx").read_bytes()).hexdigest()
    assert str(run_folder) not in json.dumps(told)
    assert os.sep not in json.dumps(told)


def test_the_only_model_in_a_folder_is_opened_and_of_several_one_must_be_named(tmp_path):
    write_run(tmp_path / "bce")
    assert OnnxSegmenter.open(tmp_path).folder == tmp_path / "bce"
    write_run(tmp_path / "bce_dice")
    with pytest.raises(UsageError, match="bce, bce_dice"):
        OnnxSegmenter.open(tmp_path)
    assert OnnxSegmenter.open(tmp_path / "bce").card["loss"] == "bce_dice"


def test_no_model_there(tmp_path):
    with pytest.raises(UsageError, match=r"no model\.json"):
        OnnxSegmenter.open(tmp_path)


def test_other_weights_than_the_cards_are_refused(tmp_path):
    write_run(tmp_path)
    data = bytearray((tmp_path / "model.onnx").read_bytes())
    data[-1] ^= 1
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(InputRefused) as refused:
        OnnxSegmenter.open(tmp_path)
    assert refused.value.code == "WEIGHTS-CHANGED"
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(InputRefused):
        OnnxSegmenter.open(tmp_path)


def test_a_card_of_another_format_is_refused(tmp_path):
    write_run(tmp_path, format="pleura-model/9")
    with pytest.raises(UsageError, match="format"):
        OnnxSegmenter.open(tmp_path)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.5, 2.0, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(run_folder, threshold):
    with pytest.raises(UsageError, match="--threshold"):
        OnnxSegmenter.open(run_folder, threshold=threshold)


def test_cuda_that_is_not_there_is_refused(run_folder, phantom):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(UsageError, match="CUDA"):
        OnnxSegmenter.open(run_folder, device="cuda").raw(phantom[0])


def test_a_network_trained_without_couch_is_shown_none(tmp_path):
    """The threshold network calls the couch's foam lung, unless its card says that the couch was
    removed in training.
    """
    volume, _ = chest((12, 64, 64), seed=2, couch=True)
    couch = couch_mask(volume, body_mask(volume))
    found = {}
    for what in ("keep", "remove"):
        segmenter = OnnxSegmenter.open(write_run(tmp_path / what, size=64, couch=what))
        assert segmenter.describe()["couch"] == what
        found[what] = segmenter(volume).raw
    assert found["keep"][couch].any()
    assert not found["remove"][couch].any()
    away = ~couch
    assert (found["keep"][away] != found["remove"][away]).mean() < 0.01
