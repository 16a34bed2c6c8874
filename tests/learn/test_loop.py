"""The loop learns, judges as scikit-learn would, keeps the best, and goes on after a kill to the
same bits.
"""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import accuracy_score, f1_score

from pleura.core.errors import InputRefused, UsageError
from pleura.geometry.network_grid import NetInput
from pleura.learn import checkpoint, loop
from pleura.learn.dataset import SliceDataset
from pleura.learn.loop import Budget, device_of, fit, kept_epoch, rate, score_slices
from pleura.learn.losses import loss_of
from pleura.learn.recipe import DEFAULT, REPORT, Recipe, epochs_for
from pleura.learn.unet import LightUNet

RECIPE = Recipe(epochs=3, batch=6, size=24)
FILES = ("best.json", "best.safetensors", "history.jsonl", "last.json", "last.safetensors")


def parts(cohort, recipe=RECIPE):
    cases = [cohort.case(name) for name in cohort.split.train]
    net = NetInput(recipe.size)
    return SliceDataset(cases, cohort.split, "train", net, thicken_seed=recipe.seed), SliceDataset(
        cases, cohort.split, "validation", net
    )


def run(cohort, out, recipe=RECIPE, **options):
    return fit(recipe, *parts(cohort, recipe), out, device=torch.device("cpu"), **options)


def history(out):
    return [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def straight(cohort, tmp_path_factory):
    """A run that nobody disturbed."""
    out = tmp_path_factory.mktemp("straight")
    return run(cohort, out), out


class Killed(BaseException):
    """What a kill looks like from within."""


@pytest.mark.parametrize("after", [1, 5, 9])
def test_a_killed_run_goes_on_to_the_same_bits(cohort, straight, tmp_path, after):
    """Killed in the first, second and third epoch (4 steps each), between two steps."""
    calls = 0

    def killer(stage, done, total):
        nonlocal calls
        calls += 1
        if calls > after:
            raise Killed

    with pytest.raises(Killed):
        run(cohort, tmp_path, progress=killer)
    net = run(cohort, tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (straight[1] / name).read_bytes(), name
    for ours, theirs in zip(
        net.state_dict().values(), straight[0].state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("stem", ["best", "last"])
@pytest.mark.parametrize("writer", ["write_json", "write_tensors"])
def test_killed_between_two_files_of_a_checkpoint(
    cohort, straight, tmp_path, writer, stem, monkeypatch
):
    """Killed before the last write of either file of a checkpoint: nothing that comes after
    would repair it.
    """
    written = getattr(checkpoint, writer)
    end = ".json" if writer == "write_json" else ".safetensors"
    lines = history(straight[1])
    writes = sum(
        stem == "last" or kept_epoch(RECIPE, lines[:k]) == k for k in range(1, len(lines) + 1)
    )
    calls = 0

    def killer(*given, **options):
        nonlocal calls
        path = next(one for one in given if isinstance(one, Path))
        if path.name.endswith(stem + end):
            calls += 1
            if calls == writes:
                raise Killed
        written(*given, **options)

    monkeypatch.setattr(checkpoint, writer, killer)
    with pytest.raises(Killed):
        run(cohort, tmp_path)
    monkeypatch.undo()
    run(cohort, tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (straight[1] / name).read_bytes(), name


def test_a_process_that_dies_at_once_leaves_nothing_half_written(cohort, straight, tmp_path):
    script = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from pleura.store.cohort import Cohort
from test_loop import run
calls = []
def killer(stage, done, total):
    calls.append(done)
    if len(calls) == 6:
        os._exit(9)
run(Cohort.open(Path({str(cohort.folder)!r})), Path({str(tmp_path)!r}), progress=killer)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    assert ended.returncode == 9
    assert [line["epoch"] for line in history(tmp_path)] == [1]
    run(cohort, tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (straight[1] / name).read_bytes(), name


def test_a_finished_run_is_not_trained_again(cohort, straight):
    calls = []
    run(cohort, straight[1], progress=lambda *call: calls.append(call))
    assert calls == []


def test_the_seed_decides(cohort, straight, tmp_path):
    other = run(cohort, tmp_path, Recipe(epochs=1, batch=6, size=24, seed=1))
    assert not torch.equal(other.head.weight, straight[0].head.weight)


def test_a_loss_that_runs_away_is_said(cohort, tmp_path):
    with pytest.raises(UsageError, match=r"diverged in epoch 1; lower --lr"):
        run(
            cohort,
            tmp_path,
            Recipe(loss="bce", epochs=2, lr=1e30, batch=6, size=24, schedule="constant"),
        )
    assert not (tmp_path / "history.jsonl").exists()


def test_history_tells_each_epoch(straight):
    lines = history(straight[1])
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for line in lines:
        assert set(line) == {"epoch", "lr", "train", "validation"}
        for part in ("train", "validation"):
            assert set(line[part]) == {"loss", "accuracy", "dice"}
            assert 0 <= line[part]["accuracy"] <= 1


def test_it_learns(cohort, tmp_path):
    run(cohort, tmp_path, Recipe(loss="bce", epochs=8, lr=0.01, batch=3, size=24, augment=()))
    lines = history(tmp_path)
    assert lines[-1]["train"]["loss"] < 0.4 * lines[0]["train"]["loss"]
    assert lines[-1]["train"]["accuracy"] > 0.96


def test_the_judge_says_what_scikit_learn_says(cohort, straight):
    _, held_out = parts(cohort)
    net = straight[0]
    told = score_slices(RECIPE, net, held_out)
    with torch.no_grad():
        logits = torch.cat([net(held_out[k][0][None]) for k in range(len(held_out))])
    truth = torch.stack([held_out[k][1] for k in range(len(held_out))])
    wanted = accuracy_score((truth >= 0.5).numpy().ravel(), (logits >= 0).numpy().ravel())
    assert told["accuracy"] == pytest.approx(wanted, abs=1e-6)
    answer, lung = (logits >= 0).numpy().ravel(), (truth >= 0.5).numpy().ravel()
    assert told["dice"] == pytest.approx(f1_score(lung, answer), abs=1e-9)
    assert told["loss"] == pytest.approx(loss_of(RECIPE)(logits, truth).item(), rel=1e-4)


def test_the_best_is_the_one_with_the_highest_validation_dice(straight):
    lines, best = history(straight[1]), json.loads((straight[1] / "best.json").read_text())
    wanted = max(lines, key=lambda line: line["validation"]["dice"])
    assert best["epoch"] == wanted["epoch"]
    assert best["validation"] == wanted["validation"]


def test_without_a_validation_part_the_last_epoch_is_kept(cohort, tmp_path):
    train, validation = parts(cohort)
    validation.places = []
    fit(Recipe(epochs=2, batch=9, size=24), train, validation, tmp_path, device=torch.device("cpu"))
    assert [line["validation"] for line in history(tmp_path)] == [None, None]
    best, last = (load_file(tmp_path / f"{stem}.safetensors") for stem in ("best", "last"))
    assert all(torch.equal(best[name], last[name]) for name in last)
    assert json.loads((tmp_path / "best.json").read_text())["epoch"] == 2


def test_progress_counts_the_steps_of_the_whole_run(cohort, tmp_path):
    calls = []
    run(
        cohort,
        tmp_path,
        Recipe(epochs=2, batch=6, size=24),
        progress=lambda *call: calls.append(call),
    )
    steps = -(-21 // 6)
    assert calls == [("train bce_dice", step, 2 * steps) for step in range(1, 2 * steps + 1)]


def test_a_checkpoint_of_another_network_is_refused(straight):
    with pytest.raises(InputRefused, match="another network"):
        checkpoint.restore(straight[1] / "last", LightUNet(widths=(8, 16, 32), bottleneck=64))


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_a_corrupt_checkpoint_is_refused(straight, tmp_path, cut):
    data = (straight[1] / "last.safetensors").read_bytes()
    (tmp_path / "last.safetensors").write_bytes(data[:cut])
    for read in (checkpoint.epoch_of, lambda stem: checkpoint.restore(stem, LightUNet())):
        with pytest.raises(InputRefused, match="corrupt"):
            read(tmp_path / "last")


def test_a_failing_disk_raises_its_own_error(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        checkpoint.write_tensors(tmp_path / "last.safetensors", {"a": torch.zeros(3)}, epoch=1)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_the_disk_does_not_open_is_a_disk_error(straight, monkeypatch):
    def missing(*_):
        raise FileNotFoundError("No such file or directory")  # as safetensors, without a number

    monkeypatch.setattr(checkpoint, "safe_open", missing)
    for read in (checkpoint.epoch_of, lambda stem: checkpoint.restore(stem, LightUNet())):
        with pytest.raises(OSError) as raised:
            read(straight[1] / "last")
        assert raised.value.errno == errno.EIO


def test_one_cycle_rises_to_the_rate_and_falls_to_nothing():
    rates = [rate(DEFAULT, done) for done in np.linspace(0, 1, 1001)]
    assert max(rates) == pytest.approx(DEFAULT.lr, rel=1e-3)
    assert np.argmax(rates) == pytest.approx(300, abs=1)
    assert (np.diff(rates[:300]) > 0).all()
    assert (np.diff(rates[301:]) < 0).all()
    assert rates[-1] < 1e-3 * DEFAULT.lr
    assert {rate(REPORT, done) for done in (0, 0.5, 1)} == {0.1}


def test_presets_are_what_they_say():
    assert (REPORT.lr, REPORT.batch, REPORT.epochs, REPORT.alpha, REPORT.size) == (
        0.1,
        3,
        10,
        0.5,
        512,
    )
    assert REPORT.augment == ()
    assert (REPORT.dropout, REPORT.network, REPORT.scaling, REPORT.keep) == (
        0.5,
        "report",
        "none",
        "last",
    )
    assert (REPORT.validation, REPORT.watch_test, REPORT.schedule) == ("none", True, "constant")
    assert DEFAULT.loss == "bce_dice"


@pytest.mark.parametrize(("slices", "epochs"), [(234, 12), (10, 60), (100_000, 2), (0, 60)])
def test_epochs_are_counted_from_steps(slices, epochs):
    assert epochs_for(slices, 4) == epochs


def test_a_device_that_is_not_there_is_refused():
    assert device_of("cpu").type == "cpu"
    if not torch.cuda.is_available():
        assert device_of("auto").type == "cpu"
        with pytest.raises(UsageError, match="--device cuda"):
            device_of("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_the_loop_runs_on_cuda(cohort, tmp_path):
    net = fit(RECIPE, *parts(cohort), tmp_path, device=torch.device("cuda"))
    assert next(net.parameters()).device.type == "cuda"
    assert len(history(tmp_path)) == 3


def lines_with(*dices):
    return [{"validation": {"loss": 9 - k, "dice": dice}} for k, dice in enumerate(dices)]


def test_the_kept_epoch_follows_the_recipe():
    lines = lines_with(0.1, 0.8, 0.8, 0.7)
    assert kept_epoch(Recipe(keep="best"), lines) == 2
    assert kept_epoch(Recipe(keep="last"), lines) == 4


def test_selection_does_not_depend_on_batch_size_or_alpha(cohort, straight):
    _, held_out = parts(cohort)
    scores = [
        score_slices(Recipe(size=24, batch=batch, alpha=alpha), straight[0], held_out)["dice"]
        for batch, alpha in ((1, 0.1), (2, 0.5), (3, 0.9))
    ]
    assert scores == [scores[0]] * 3


def seen_order(cohort, tmp_path, monkeypatch, recipe):
    """The cases and slices in the order in which the loop takes them, one list an epoch."""
    train, validation = parts(cohort, recipe)
    orders = []
    loaded = loop.DataLoader

    def noting(data, **options):
        loader = loaded(data, **options)
        if data is not train:
            return loader
        orders.append([])

        def batches():
            for batch in loader:
                orders[-1] += list(zip(batch[2].tolist(), batch[3].tolist(), strict=True))
                yield batch

        return batches()

    monkeypatch.setattr(loop, "DataLoader", noting)
    fit(recipe, train, validation, tmp_path, device=torch.device("cpu"))
    return orders, [(place.case, place.slice) for place in train.places]


def test_training_slices_are_shuffled_anew_each_epoch(cohort, tmp_path, monkeypatch):
    orders, straight_order = seen_order(
        cohort, tmp_path, monkeypatch, Recipe(epochs=3, batch=6, size=24)
    )
    for order in orders:
        assert sorted(order) == sorted(straight_order)
        assert order != straight_order
    assert orders[0] != orders[1] != orders[2]


def test_one_augmentation_less_leaves_the_order_as_it_was(cohort, tmp_path, monkeypatch):
    every = Recipe(epochs=1, batch=6, size=24)
    fewer = Recipe(epochs=1, batch=6, size=24, augment=("rotate",))
    first, _ = seen_order(cohort, tmp_path / "a", monkeypatch, every)
    monkeypatch.undo()
    second, _ = seen_order(cohort, tmp_path / "b", monkeypatch, fewer)
    assert first == second


def test_training_accuracy_is_of_probabilities(cohort, tmp_path, monkeypatch):
    """Logits between 0 and 0.5 are lung: 0.5 is a threshold of probability."""
    logits = torch.full((1, 1, 8, 8), 0.2)
    lung = torch.ones_like(logits)
    score = loop.RunningScore()
    score.add(logits, lung, 1.0)
    assert score.mean() == {"loss": 1.0, "accuracy": 1.0, "dice": 1.0}


def test_dropout_is_at_work_in_training_and_not_in_scoring(cohort, tmp_path, straight):
    without = run(cohort, tmp_path, Recipe(epochs=3, batch=6, size=24, dropout=0.0))
    assert not torch.equal(without.head.weight, straight[0].head.weight)
    _, held_out = parts(cohort)
    twice = [score_slices(RECIPE, straight[0], held_out) for _ in range(2)]
    assert twice[0] == twice[1]


@pytest.mark.parametrize("steps", [1, 4, 5, 9])
def test_a_budget_of_steps_is_kept_to_the_step(cohort, tmp_path, steps):
    calls = []
    recipe = Recipe(steps=steps, batch=6, size=24)
    run(cohort, tmp_path, recipe, progress=lambda *call: calls.append(call[1:]))
    assert calls == [(step, steps) for step in range(1, steps + 1)]
    assert len(history(tmp_path)) == -(-steps // 4)


def test_a_budget_of_epochs():
    assert Budget.of(Recipe(epochs=3, batch=6), 21) == Budget(4, 12)
    assert Budget.of(Recipe(epochs=3, batch=6), 21).epochs == 3


def test_the_test_part_is_watched_and_decides_nothing(cohort, straight, tmp_path):
    train, validation = parts(cohort)
    test = SliceDataset([cohort.case("Case_002")], cohort.split, "test", NetInput(24))
    net = fit(RECIPE, train, validation, tmp_path, device=torch.device("cpu"), test=test)
    for ours, theirs in zip(
        net.state_dict().values(), straight[0].state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)
    lines = history(tmp_path)
    assert json.loads((tmp_path / "best.json").read_text())["test"] in [
        line["test"] for line in lines
    ]
    assert all(set(line["test"]) == {"loss", "accuracy", "dice"} for line in lines)
