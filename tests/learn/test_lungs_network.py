"""The lung network: shapes, loss, export, resuming, and folds that never saw their patient."""

import hashlib

import numpy as np
import onnx
import pytest
import torch

from pleura.learn.lungs import plan
from pleura.learn.lungs.corpus import NEGATIVE_CASES, REAL_CASES, TrainingVolume
from pleura.learn.lungs.export import write_onnx
from pleura.learn.lungs.net import MULTIPLE, LungNet, depth_to_space, multiply_adds, space_to_depth
from pleura.learn.lungs.pool import Pool
from pleura.learn.lungs.samples import Sample
from pleura.learn.lungs.scores import (
    dense_of,
    dice,
    logits_of,
    predictor,
    score,
    sides_of,
    surface_distances,
)
from pleura.learn.lungs.training import Learner, Phase, loss_of, run_phase
from pleura.segmenters.runtime import check_weights

SIZE = (32, 48, 64)


def network(seed=0):
    """A network whose biases and gains matter."""
    torch.manual_seed(seed)
    net = LungNet().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return net


def test_space_to_depth_and_back():
    x = torch.randn(2, 1, 4, 6, 8)
    cells = space_to_depth(x)
    assert cells.shape == (2, 8, 2, 3, 4)
    assert torch.equal(depth_to_space(cells), x)
    assert torch.equal(cells[0, :, 0, 1, 2], x[0, 0, 0:2, 2:4, 4:6].reshape(8))


def test_logits_have_the_grid_of_the_input():
    with torch.no_grad():
        assert network()(torch.zeros(1, 1, *SIZE)).shape == (1, 5, *SIZE)


def test_padding_of_any_value_is_air_and_zero_padding_too():
    net = network()
    hu = torch.from_numpy(
        np.random.default_rng(0).uniform(-1024, 300, (1, 1, *SIZE)).astype(np.float32)
    )
    low = hu.clone()
    low[:, :, :8], hu[:, :, :8] = -3024, -1024
    with torch.no_grad():
        assert torch.equal(net(low), net(hu))


def test_multiply_adds_are_those_of_the_layers():
    counted = 0

    def count(layer, _, output):
        nonlocal counted
        counted += layer.weight[0].numel() * output.numel()

    net = network()
    for layer in net.modules():
        if hasattr(layer, "standardised"):
            layer.register_forward_hook(count)
    with torch.no_grad():
        net(torch.zeros(1, 1, *SIZE))
    assert counted == multiply_adds() * np.prod(SIZE)


def test_the_export_answers_as_torch_does(tmp_path):
    net = network()
    write_onnx(net, tmp_path / "lungs.onnx")
    predict = predictor((tmp_path / "lungs.onnx").read_bytes())
    for seed, size in ((1, SIZE), (2, (48, 32, 32))):
        hu = np.random.default_rng(seed).uniform(-3000, 3000, (1, 1, *size)).astype(np.float32)
        with torch.no_grad():
            wanted = net(torch.from_numpy(hu)).numpy()
        assert wanted.std() > 0.05
        assert np.abs(predict(hu) - wanted).max() < 1e-4


def test_the_export_is_small_and_the_same_each_time(tmp_path):
    for name in ("one", "two"):
        write_onnx(network(), tmp_path / name)
    data = (tmp_path / "one").read_bytes()
    assert data == (tmp_path / "two").read_bytes()
    assert len(data) < 10_000_000
    kinds = {node.op_type for node in onnx.load_from_string(data).graph.node}
    assert kinds == {"Clip", "Add", "Mul", "Concat", "Conv", "ConvTranspose", "Relu"}
    check_weights(data, hashlib.sha256(data).hexdigest())


def perfect(label, strength=30.0):
    return (
        torch.nn.functional.one_hot(torch.from_numpy(label).long(), 5)
        .permute(3, 0, 1, 2)[None]
        .float()
        * strength
    )


def striped():
    label = np.repeat(np.arange(5, dtype=np.uint8), 4)[None, None].repeat(8, 0).repeat(8, 1)
    none = np.zeros(label.shape, dtype=bool)
    return Sample(np.zeros(label.shape, np.float32), label, none, none)


def test_a_perfect_answer_costs_nothing():
    sample = striped()
    assert float(loss_of(perfect(sample.label), [sample])) == pytest.approx(0, abs=1e-4)


def test_ignored_voxels_cost_nothing():
    sample = striped()
    wrong = sample.label.copy()
    wrong[:4] = 1
    ignored = np.zeros(wrong.shape, dtype=bool)
    ignored[:4] = True
    logits = perfect(wrong)
    assert float(loss_of(logits, [sample])) > 1
    part = Sample(sample.hu, sample.label, ignored, sample.density_unknown)
    assert float(loss_of(logits, [part])) == pytest.approx(0, abs=1e-4)


def test_unknown_density_costs_only_a_wrong_side():
    sample = striped()
    unsure = Sample(sample.hu, sample.label, sample.ignore, np.ones_like(sample.ignore))
    other = np.array([0, 3, 4, 1, 2], dtype=np.uint8)[sample.label]
    assert float(loss_of(perfect(other), [sample])) > 1
    assert float(loss_of(perfect(other), [unsure])) == pytest.approx(0, abs=1e-4)


def volume_of(name, patient):
    rng = np.random.default_rng(0)
    hu = rng.integers(-900, 100, (30, 30, 30)).astype(np.int16)
    right, left = np.zeros(hu.shape, np.uint8), np.zeros(hu.shape, np.uint8)
    right[5:25, 5:25, 3:13] = 255
    left[5:25, 5:25, 17:27] = 255
    return TrainingVolume(name, patient, hu, right, left, np.zeros_like(right), (0.0, 0.0, 0.0))


def test_a_resumed_run_ends_with_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr("pleura.learn.lungs.pool.SHAPES", ((32, 32, 32),))
    monkeypatch.setattr("pleura.learn.lungs.training.SAVE_EVERY", 1)
    pool = Pool(([volume_of("one", "one"), volume_of("two", "two")],), (1.0,), tmp_path / "pool")
    phase = Phase(steps=3, first_rate=1e-3, last_rate=1e-4, warm_up=1)
    reports = []
    run_phase(phase, pool, tmp_path / "whole", report=reports.append)

    class Stopped(Exception):
        pass

    def stop(entry):
        if entry["step"] == 2:
            raise Stopped

    with pytest.raises(Stopped):
        run_phase(phase, pool, tmp_path / "parts", report=stop)
    run_phase(phase, pool, tmp_path / "parts", report=reports.append)
    one, two = Learner.load(tmp_path / "whole"), Learner.load(tmp_path / "parts")
    assert one.step == two.step == 3
    for name, value in one.net.state_dict().items():
        assert torch.equal(value, two.net.state_dict()[name])
        assert torch.equal(one.average[name], two.average[name])
    assert np.isfinite([entry["loss"] for entry in reports]).all()


def test_rates_warm_up_and_fall():
    phase = Phase(steps=100, first_rate=1.0, last_rate=0.1, warm_up=10)
    rates = [phase.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.1, abs=0.01)


def test_no_fold_has_seen_its_patient(tmp_path):
    runs = {run.name: run for run in plan.runs()}
    cases = [volume_of(case.name, case.patient) for case in (*REAL_CASES, *NEGATIVE_CASES)]
    phantoms, negatives = [volume_of("phantom", "phantom")], [volume_of("negative", "negative")]
    pools = plan.pools(cases, phantoms, negatives, tmp_path)
    for case in REAL_CASES:
        run = runs[plan.fold_name(case.patient)]
        while True:
            pool = pools[run.pool]
            patients = {volume.patient for group in pool.groups for volume in group}
            assert case.patient not in patients - set(run.held_out), (case.patient, run.name)
            if run.start is None:
                break
            run = runs[run.start]


def test_every_patient_is_held_out_once_and_the_final_model_trains_longest():
    held_out = [patient for group in plan.FOLD_GROUPS for patient in group]
    assert sorted(held_out) == sorted(case.patient for case in REAL_CASES)
    fold = plan.BASE_PHASE.steps + plan.FOLD_PHASE.steps
    assert sum(phase.steps for phase in plan.FINAL_PHASES) >= 1.5 * fold
    assert plan.FINAL_PHASES[1].skip == plan.FINAL_PHASES[0].steps


def test_starts_come_before_what_starts_from_them():
    seen = set()
    for run in plan.runs():
        assert run.start is None or run.start in seen
        seen.add(run.name)


def test_logits_of_any_size_come_back_on_their_grid():
    shapes = []

    def predict(hu):
        shapes.append(hu.shape)
        assert (hu[0, 0, 40:] == -1024).all()
        return np.repeat(hu, 5, axis=1)

    hu = np.random.default_rng(0).integers(-1000, 0, (40, 33, 64)).astype(np.int16)
    logits = logits_of(predict, hu)
    assert all(n % MULTIPLE == 0 for n in shapes[0][2:])
    assert np.array_equal(logits[3], hu)


def test_a_perfect_answer_scores_one_and_a_shifted_one_its_shift():
    volume = volume_of("one", "one")
    label = np.where(volume.right > 0, 1, np.where(volume.left > 0, 2, 0)).astype(np.uint8)
    exact = score(volume, perfect(label)[0].numpy())
    assert (
        exact.dice_right,
        exact.dice_left,
        exact.dice,
        exact.surface_mm,
        exact.stray_slices,
    ) == (1, 1, 1, 0, 0)
    shifted = score(volume, perfect(np.roll(label, 2, axis=0))[0].numpy())
    assert shifted.stray_slices == 2
    assert shifted.dice == pytest.approx(0.9)
    assert shifted.hd95_mm == pytest.approx(4.0)


def test_sides_sum_over_density():
    logits = np.log(np.array([0.4, 0.25, 0.05, 0.28, 0.02], dtype=np.float32)).reshape(5, 1, 1, 1)
    assert sides_of(logits)[0, 0, 0] == 1
    assert dense_of(logits)[0, 0, 0]


def test_dice_and_surfaces_of_boxes():
    one = np.zeros((9, 9, 9), dtype=bool)
    one[2:7, 2:7, 2:7] = True
    assert dice(one, one) == 1.0
    assert dice(np.zeros_like(one), np.zeros_like(one)) == 1.0
    assert dice(one, np.roll(one, 1, 0)) == pytest.approx(0.8)
    assert surface_distances(one, np.zeros_like(one), 1.0).size == 0
