"""The net is the report's, its loop resumes to the same bits, and ONNX answers as torch does."""

import hashlib
import json

import numpy as np
import onnxruntime
import pytest
import torch

from pleura.arrays.netgrid import NetInput
from pleura.core.errors import InputRefused, NothingUsable, UsageError
from pleura.learn.augment import augmented
from pleura.learn.dataset import SliceDataset
from pleura.learn.export import write_onnx
from pleura.learn.loop import fit, rate
from pleura.learn.recipe import DEFAULT, REPORT, Recipe
from pleura.learn.unet import LightUNet, architecture
from pleura.phantom.anatomy import chest
from pleura.segmenters.onnx import OnnxSegmenter
from pleura.store.case import write_case
from pleura.store.cohort import Cohort, write_cohort
from pleura.store.split import make_split
from pleura.verbs.train import train

QUICK = {"epochs": 2, "size": 32, "loss": "bce_dice"}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    for number in range(3):
        name = f"Case_{number:03d}"
        volume, mask = chest((32, 32, 32), seed=number)
        (folder / "cases" / name).mkdir(parents=True)
        write_case(folder / "cases" / name, name, volume, mask, verdict="ok")
    entries = [{"id": f"Case_{k:03d}", "slices": 32, "mask": "right and left", "verdict": "ok"} for k in range(3)]
    write_cohort(folder, entries, make_split({entry["id"]: 32 for entry in entries}))
    return folder


def test_the_network_is_the_reports():
    net = LightUNet()
    told = architecture(net, 512)
    assert told["parameters"] == 483_153  # 0.482 M weights and the norms' and biases' rest
    assert [s["channels"] for s in told["stages"] if s["name"].startswith("down")] == [16, 32, 64]
    assert next(s for s in told["stages"] if s["name"] == "bottom")["channels"] == 128
    assert sum(stage["parameters"] for stage in told["stages"]) == told["parameters"]
    assert net(torch.zeros(2, 1, 64, 32)).shape == (2, 1, 64, 32)


def test_presets_are_as_stated():
    assert (REPORT.lr, REPORT.batch, REPORT.epochs, REPORT.alpha, REPORT.size, REPORT.schedule) == (
        0.1,
        3,
        10,
        0.5,
        512,
        "constant",
    )
    assert not REPORT.augment
    rates = [rate(DEFAULT, k / 100) for k in range(101)]
    assert max(rates) == pytest.approx(DEFAULT.lr)
    assert rates[-1] < DEFAULT.lr / 1000
    assert rate(REPORT, 0.7) == 0.1


def test_samples_know_their_case_and_slice(cohort):
    held = Cohort.open(cohort)
    shown = NetInput(32)
    data = SliceDataset(held.cases, held.split, "train", shown)
    judged = SliceDataset(held.cases, held.split, "validation", shown)
    assert {case.id for case in data.cases} == {"Case_000", "Case_001"}
    seen = {(case, number) for _, _, case, number in (data[k] for k in range(len(data)))}
    spared = {(case, number) for _, _, case, number in (judged[k] for k in range(len(judged)))}
    assert not seen & spared
    assert len(seen | spared) == 64
    assert [s[2:] for s in (data[k] for k in range(len(data)))] == sorted(seen)
    picture, target, case, number = data[11]
    truth = data.cases[case].mask().lungs[number]
    np.testing.assert_allclose(target[0].numpy(), truth, atol=1e-3)
    hu = np.clip((data.cases[case].volume().filled()[number] + 1000.0) / 1400, 0, 1)
    np.testing.assert_allclose(picture[0].numpy(), hu, atol=1e-3)


def test_augmentation_moves_picture_and_target_alike():
    picture = torch.zeros(8, 1, 64, 64)
    picture[:, :, 20:40, 15:35] = 1
    moved, target = augmented(picture, picture.clone(), torch.Generator().manual_seed(1))
    overlap = ((moved > 0.5) & (target > 0.5)).sum() / (target > 0.5).sum()
    assert overlap > 0.93
    assert (target != picture).any()
    again, _ = augmented(picture, picture.clone(), torch.Generator().manual_seed(1))
    assert torch.equal(moved, again)


def digest(folder):
    names = ("best.safetensors", "last.safetensors", "history.jsonl", "model.onnx", "model.json")
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def test_killed_between_epochs_it_ends_with_the_same_bits(cohort, tmp_path):
    train(cohort, tmp_path / "whole", epochs=3, size=32, seed=5)

    def killed(stage, done, total):
        if done == total * 2 // 3 + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(cohort, tmp_path / "cut", epochs=3, size=32, seed=5, progress=killed)
    assert len((tmp_path / "cut" / "bce_dice" / "history.jsonl").read_text().splitlines()) == 2
    assert not (tmp_path / "cut" / "bce_dice" / "model.json").exists()
    train(cohort, tmp_path / "cut", epochs=3, size=32, seed=5)
    assert digest(tmp_path / "cut" / "bce_dice") == digest(tmp_path / "whole" / "bce_dice")
    other = train(cohort, tmp_path / "other", epochs=3, size=32, seed=6)
    assert other.models["bce_dice"]["sha256"] != json.loads((tmp_path / "whole/bce_dice/model.json").read_text())["sha256"]


def test_history_tells_loss_and_accuracy_of_both_parts(cohort, tmp_path):
    result = train(cohort, tmp_path / "out", **QUICK)
    lines = [json.loads(line) for line in (tmp_path / "out/bce_dice/history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    for line in lines:
        for part in ("train", "validation"):
            assert 0 < line[part]["accuracy"] <= 1
            assert line[part]["loss"] > 0
    card = result.models["bce_dice"]
    assert card["trained_on"] == ["Case_000", "Case_001"]
    assert "Case_002" not in json.dumps(card)


def test_a_loss_falls(cohort, tmp_path):
    train(cohort, tmp_path / "out", epochs=8, size=32, loss="bce")
    losses = [json.loads(line)["train"]["loss"] for line in (tmp_path / "out/bce/history.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] / 2


def test_onnx_answers_as_torch_does(tmp_path):
    torch.manual_seed(2)
    net = LightUNet()
    net(torch.rand(4, 1, 32, 32))  # running statistics that are not the start's
    net.eval()
    write_onnx(net, 32, tmp_path / "m.onnx")
    write_onnx(net, 32, tmp_path / "n.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == (tmp_path / "n.onnx").read_bytes()
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    for batch in (1, 3):
        pictures = torch.rand(batch, 1, 32, 32)
        with torch.no_grad():
            wanted = torch.sigmoid(net(pictures)).numpy()
        np.testing.assert_allclose(session.run(None, {"picture": pictures.numpy()})[0], wanted, atol=2e-6)


def test_the_segmenter_checks_its_weights(cohort, tmp_path):
    train(cohort, tmp_path / "out", **QUICK)
    run = tmp_path / "out" / "bce_dice"
    assert OnnxSegmenter.open(tmp_path / "out").folder == run
    volume = Cohort.open(cohort).cases[2].volume()
    answer = OnnxSegmenter.open(run)(volume)
    assert answer.raw.shape == volume.hu.shape
    assert answer.mask.grid is volume.grid
    with pytest.raises(UsageError, match="threshold"):
        OnnxSegmenter.open(run, threshold=1.5)
    (run / "model.onnx").write_bytes((run / "model.onnx").read_bytes() + b" ")
    with pytest.raises(InputRefused, match="weights"):
        OnnxSegmenter.open(run)
    with pytest.raises(UsageError, match="no model"):
        OnnxSegmenter.open(tmp_path)


@pytest.mark.parametrize(("option", "value"), [("alpha", 1.5), ("epochs", 0), ("lr", -1.0), ("batch", 0), ("size", 8)])
def test_wrong_numbers_are_said(cohort, tmp_path, option, value):
    with pytest.raises(UsageError, match=f"--{option}"):
        train(cohort, tmp_path / "out", **{option: value})
    assert not (tmp_path / "out").exists()


def test_nothing_to_train_from(tmp_path):
    volume, _ = chest((8, 24, 24), seed=1)
    (tmp_path / "cases" / "Case_000").mkdir(parents=True)
    write_case(tmp_path / "cases" / "Case_000", "Case_000", volume, None, verdict="ok")
    entry = {"id": "Case_000", "slices": 8, "mask": None, "verdict": "ok"}
    write_cohort(tmp_path, [entry], make_split({}, unlabelled=["Case_000"]))
    with pytest.raises(NothingUsable, match="mask"):
        train(tmp_path, tmp_path.with_name("out"))


def test_a_checkpoint_of_another_network_is_refused(cohort, tmp_path):
    from pleura.learn import checkpoint

    net = LightUNet(widths=(8, 16, 32), bottleneck=64)
    checkpoint.save(tmp_path / "last", net, torch.optim.Adam(net.parameters()), {"epoch": 1})
    (tmp_path / "history.jsonl").write_text('{"epoch": 1, "validation": null}\n')
    held = Cohort.open(cohort)
    data = SliceDataset(held.cases, held.split, "train", NetInput(32))
    with pytest.raises(InputRefused, match="another network"):
        fit(Recipe(epochs=2, size=32), data, data, tmp_path, device=torch.device("cpu"))
