"""The loop learns, judges as scikit-learn would, keeps the best, and goes on after a kill to the same bits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import accuracy_score

from pleura.core.errors import InputRefused, UsageError
from pleura.geometry.network_grid import NetInput
from pleura.learn import checkpoint
from pleura.learn.dataset import SliceDataset
from pleura.learn.loop import _judge, device_of, fit, rate
from pleura.learn.losses import loss_of
from pleura.learn.recipe import DEFAULT, REPORT, Recipe, epochs_for
from pleura.learn.unet import LightUNet

RECIPE = Recipe(epochs=3, batch=6, size=24)
FILES = ("best.json", "best.safetensors", "history.jsonl", "last.json", "last.safetensors")


def parts(cohort, recipe=RECIPE):
    cases = [cohort.case(name) for name in cohort.split.train]
    net = NetInput(recipe.size)
    return SliceDataset(cases, cohort.split, "train", net, seed=recipe.seed), SliceDataset(
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
    for ours, theirs in zip(net.state_dict().values(), straight[0].state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("stem", ["best", "last"])
@pytest.mark.parametrize("writer", ["write_json", "save_file"])
def test_killed_between_two_files_of_a_checkpoint(cohort, straight, tmp_path, writer, stem, monkeypatch):
    """Killed before either file of the last epoch's checkpoints is written: nothing comes after that would mend it."""
    written = getattr(checkpoint, writer)
    end = ".json" if writer == "write_json" else ".safetensors"
    calls = 0

    def killer(*given, **options):
        nonlocal calls
        path = next(one for one in given if isinstance(one, Path))
        if path.name.endswith(stem + end):
            calls += 1
            if calls == RECIPE.epochs:
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
    ended = subprocess.run([sys.executable, "-c", script], env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())})
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
    with pytest.raises(UsageError, match=r"epoch 1: give a lower --lr"):
        run(cohort, tmp_path, Recipe(loss="bce", epochs=2, lr=1e30, batch=6, size=24, schedule="constant"))
    assert not (tmp_path / "history.jsonl").exists()


def test_history_tells_each_epoch(straight):
    lines = history(straight[1])
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for line in lines:
        assert set(line) == {"epoch", "lr", "train", "validation"}
        for part in ("train", "validation"):
            assert set(line[part]) == {"loss", "accuracy"}
            assert 0 <= line[part]["accuracy"] <= 1


def test_it_learns(cohort, tmp_path):
    run(cohort, tmp_path, Recipe(loss="bce", epochs=8, lr=0.01, batch=3, size=24, augment=False))
    lines = history(tmp_path)
    assert lines[-1]["train"]["loss"] < 0.4 * lines[0]["train"]["loss"]
    assert lines[-1]["train"]["accuracy"] > 0.96


def test_the_judge_says_what_scikit_learn_says(cohort, straight):
    _, held = parts(cohort)
    net = straight[0]
    told = _judge(RECIPE, net, held)
    with torch.no_grad():
        logits = torch.cat([net(held[k][0][None]) for k in range(len(held))])
    truth = torch.stack([held[k][1] for k in range(len(held))])
    wanted = accuracy_score((truth >= 0.5).numpy().ravel(), (logits >= 0).numpy().ravel())
    assert told["accuracy"] == pytest.approx(wanted, abs=1e-6)
    assert told["loss"] == pytest.approx(loss_of(RECIPE)(logits, truth).item(), rel=1e-4)


def test_the_best_is_the_one_with_the_lowest_validation_loss(straight):
    lines, best = history(straight[1]), json.loads((straight[1] / "best.json").read_text())
    wanted = min(lines, key=lambda line: line["validation"]["loss"])
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
    run(cohort, tmp_path, Recipe(epochs=2, batch=6, size=24), progress=lambda *call: calls.append(call))
    steps = -(-21 // 6)
    assert calls == [("train bce_dice", step, 2 * steps) for step in range(1, 2 * steps + 1)]


def test_a_checkpoint_of_another_network_is_refused(straight):
    with pytest.raises(InputRefused, match="another network"):
        checkpoint.restore(straight[1] / "last", LightUNet(widths=(8, 16, 32), bottleneck=64))


def test_one_cycle_rises_to_the_rate_and_falls_to_nothing():
    rates = [rate(DEFAULT, done) for done in np.linspace(0, 1, 1001)]
    assert max(rates) == pytest.approx(DEFAULT.lr, rel=1e-3)
    assert np.argmax(rates) == pytest.approx(300, abs=1)
    assert (np.diff(rates[:300]) > 0).all()
    assert (np.diff(rates[301:]) < 0).all()
    assert rates[-1] < 1e-3 * DEFAULT.lr
    assert {rate(REPORT, done) for done in (0, 0.5, 1)} == {0.1}


def test_presets_are_what_they_say():
    assert (REPORT.lr, REPORT.batch, REPORT.epochs, REPORT.alpha, REPORT.size) == (0.1, 3, 10, 0.5, 512)
    assert not REPORT.augment
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
