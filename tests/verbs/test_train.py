"""`pleura train` from a cohort on disk to a run folder that another runtime can use."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open

from pleura.core import extras
from pleura.core.atomic import sha256_file
from pleura.core.codes import finding
from pleura.core.errors import Exit, MissingExtra, NothingUsable, OutputConflict, UsageError
from pleura.phantom.anatomy import chest
from pleura.segmenters.onnx import OnnxSegmenter
from pleura.store.case import Case, write_case
from pleura.store.cohort import write_cohort
from pleura.store.split import Split, make_split
from pleura.verbs.train import train

TINY = {"epochs": 2, "size": 24, "batch": 8}
TILTED = finding("GANTRY-TILT", degrees=3.0)
NAMES = ("Case_000", "Case_001", "Case_002")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Three chests; the last is the test case, and is broken on purpose: training must not open
    it.
    """
    folder = tmp_path_factory.mktemp("cohort")
    for seed, name in enumerate(NAMES):
        volume, mask = chest((32, 24, 24), seed=seed)
        (folder / "cases" / name).mkdir(parents=True)
        found = [TILTED.as_json()] if name == NAMES[0] else []
        write_case(folder / "cases" / name, name, volume, mask, findings=found)
    (folder / "cases" / NAMES[2] / "volume.npy").write_bytes(b"not to be opened")
    (folder / "cases" / NAMES[2] / "mask.npy").write_bytes(b"not to be opened")
    write_cohort(folder, [{"id": name} for name in NAMES], make_split(dict.fromkeys(NAMES, 32)))
    return folder


@pytest.fixture(scope="module")
def done(cohort, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    return train(cohort, out, **TINY), out


def content(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_a_run_folder_holds_what_it_should(done):
    result, out = done
    assert result.exit_code is Exit.OK
    results = {name for name in content(out) if not name.startswith(".pleura/")}
    assert results == {"run.json"} | {
        f"bce_dice/{name}"
        for name in (
            *("best.json", "best.safetensors", "last.json", "last.safetensors", "history.jsonl"),
            *("model.onnx", "model.json", "architecture.json"),
        )
    }


def test_the_card_tells_what_the_model_is(done, cohort):
    result, out = done
    card = json.loads((out / "bce_dice" / "model.json").read_text())
    assert card == result.as_json()["models"]["bce_dice"]
    assert card["sha256"] == sha256_file(out / "bce_dice" / "model.onnx")
    assert card["trained_on"] == list(NAMES[:2])
    assert set(card["validated_on"]) == set(NAMES[:2])
    assert NAMES[2] not in json.dumps(card)
    assert card["input"] == {"size": 24, "low_hu": -1000.0, "high_hu": 400.0, "scaling": "window"}
    assert (card["preset"], card["loss"], card["recipe"]["epochs"]) == ("default", "bce_dice", 2)
    assert str(cohort) not in (out / "run.json").read_text()


def test_the_card_has_the_findings_of_the_training_cases(done):
    card = json.loads((done[1] / "bce_dice" / "model.json").read_text())
    assert card["findings"] == {NAMES[0]: [TILTED.as_json()]}


def test_the_architecture_can_be_drawn(done):
    told = json.loads((done[1] / "bce_dice" / "architecture.json").read_text())
    assert [stage["channels"] for stage in told["stages"]] == [
        16,
        16,
        32,
        32,
        64,
        64,
        128,
        64,
        64,
        32,
        32,
        16,
        16,
        1,
    ]
    with safe_open(done[1] / "bce_dice" / "best.safetensors", "np") as file:
        keys = list(file.keys())
        names = [key for key in keys if key.startswith("net.") and ".running_" not in key]
        stored = sum(
            file.get_tensor(key).size for key in names if not key.endswith("num_batches_tracked")
        )
    assert told["parameters"] == stored


def test_the_model_runs_without_torch(done, cohort):
    volume = Case.open(cohort / "cases" / NAMES[0]).volume()
    answer = OnnxSegmenter.open(done[1])(volume)
    assert answer.raw.shape == volume.hu.shape


def test_the_same_command_again_ends_at_once(done, cohort):
    calls = []
    before = content(done[1])
    again = train(cohort, done[1], **TINY, progress=lambda *call: calls.append(call))
    assert again == done[0]
    assert calls == []
    assert content(done[1]) == before


def test_the_same_command_elsewhere_gives_the_same_bytes(done, cohort, tmp_path):
    train(cohort, tmp_path / "out", **TINY)
    assert content(tmp_path / "out") == content(done[1])


def test_interrupted_within_an_epoch_it_goes_on_to_the_same_bytes(done, cohort, tmp_path):
    def stop(stage, done, total):
        if done == total - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(cohort, tmp_path / "out", **TINY, progress=stop)
    assert len((tmp_path / "out" / "bce_dice" / "history.jsonl").read_text().splitlines()) == 1
    assert not (tmp_path / "out" / "bce_dice" / "model.json").exists()
    train(cohort, tmp_path / "out", **TINY)
    assert content(tmp_path / "out") == content(done[1])


def test_interrupted_between_two_losses_it_goes_on(cohort, tmp_path):
    def stop(stage, done, total):
        if stage == "train bce_dice":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(cohort, tmp_path / "out", loss="both", **TINY, progress=stop)
    first = content(tmp_path / "out" / "bce")
    assert "model.json" in first
    assert "model.json" not in content(tmp_path / "out" / "bce_dice")
    calls = []
    result = train(
        cohort, tmp_path / "out", loss="both", **TINY, progress=lambda *call: calls.append(call[0])
    )
    assert set(calls) == {"train bce_dice"}
    assert set(result.models) == {"bce", "bce_dice"}
    assert content(tmp_path / "out" / "bce") == first
    assert len(result.table().rows) == 2
    assert len(result.notes()) == 2


def test_another_size_is_a_conflict_until_overwritten(cohort, tmp_path):
    train(cohort, tmp_path / "out", **TINY)
    with pytest.raises(OutputConflict, match="--overwrite"):
        train(cohort, tmp_path / "out", **(TINY | {"size": 16}))
    result = train(cohort, tmp_path / "out", **(TINY | {"size": 16}), overwrite=True)
    assert result.models["bce_dice"]["input"]["size"] == 16


def test_several_recipes_live_in_one_out(done, cohort, tmp_path):
    out = tmp_path / "out"
    train(cohort, out, **TINY, alpha=0.25, seed=3, augment="blur,flip", schedule="constant")
    train(cohort, out, **TINY)
    first = content(out / "bce_dice")
    assert first == content(done[1] / "bce_dice")
    other = "bce_dice-alpha-0.25-schedule-constant-augment-flip-blur-seed-3"
    assert json.loads((out / "run.json").read_text())["models"] == ["bce_dice", other]
    card = json.loads((out / other / "model.json").read_text())
    assert (card["recipe"]["alpha"], card["recipe"]["seed"]) == (0.25, 3)
    calls = []
    train(cohort, out, **TINY, progress=lambda *call: calls.append(call))
    assert calls == []


def test_the_card_says_what_became_of_the_couch(done, cohort, tmp_path):
    assert done[0].models["bce_dice"]["couch"] == "keep"
    about = json.loads((cohort / "cohort.json").read_text())
    copy = tmp_path / "cohort"
    shutil.copytree(cohort, copy)
    (copy / "cohort.json").write_text(json.dumps(about | {"couch": "remove"}))
    assert train(copy, tmp_path / "out", **TINY).models["bce_dice"]["couch"] == "remove"


def test_models_do_not_depend_on_what_cases_are_called(done, cohort, tmp_path):
    """The same volumes under names in the opposite order, without blocks held back."""
    ends = []
    for number, names in enumerate((NAMES[:2], NAMES[1::-1])):
        folder = tmp_path / f"cohort-{number}"
        for seed, name in enumerate(names):
            volume, mask = chest((32, 24, 24), seed=seed)
            (folder / "cases" / name).mkdir(parents=True)
            write_case(folder / "cases" / name, name, volume, mask)
        split = Split(tuple(sorted(names)), (), ())
        write_cohort(folder, [{"id": name} for name in sorted(names)], split)
        out = tmp_path / f"out-{number}"
        train(folder, out, **TINY, validation="none")
        ends.append(next(out.glob("*/model.onnx")).read_bytes())
    assert ends[0] == ends[1]


def test_preset_report_trains_both_losses_as_the_report_did(cohort, tmp_path):
    result = train(cohort, tmp_path / "out", preset="report", size=24, epochs=1, watch_test="no")
    assert list(result.models) == ["bce", "bce_dice"]
    for name, card in result.models.items():
        recipe = card["recipe"]
        assert (recipe["lr"], recipe["batch"], recipe["alpha"], recipe["augment"]) == (
            0.1,
            3,
            0.5,
            [],
        )
        assert card["loss"] == recipe["loss"] == name


def test_the_size_is_never_more_than_the_slices_have(cohort, tmp_path):
    result = train(cohort, tmp_path / "out", epochs=1, batch=28, size=512)
    assert result.models["bce_dice"]["input"]["size"] == 24


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"size": 8}, "--size"),
        ({"epochs": 0}, "--epochs"),
        ({"batch": 0}, "--batch"),
        ({"lr": 0.0}, "--lr"),
        ({"lr": float("nan")}, "--lr"),
        ({"alpha": 1.5}, "--alpha"),
        ({"seed": -1}, "--seed"),
    ],
)
def test_wrong_numbers_are_refused_before_anything_is_written(cohort, tmp_path, options, named):
    with pytest.raises(UsageError, match=named):
        train(cohort, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_there_is_refused(cohort, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(UsageError, match="--device cuda"):
        train(cohort, tmp_path / "out", **TINY, device="cuda")
    assert not (tmp_path / "out").exists()


def test_no_cohort_there(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="cohort"):
        train(tmp_path / "empty", tmp_path / "out")


def test_no_case_with_a_mask(tmp_path):
    folder = tmp_path / "cohort"
    volume, _ = chest((8, 24, 24), seed=0)
    (folder / "cases" / "Case_000").mkdir(parents=True)
    write_case(folder / "cases" / "Case_000", "Case_000", volume, None)
    write_cohort(folder, [{"id": "Case_000"}], make_split({}, unlabelled=["Case_000"]))
    with pytest.raises(NothingUsable, match="no training case"):
        train(folder, tmp_path / "out")


def test_without_torch_one_sentence_says_what_to_install(cohort, tmp_path, monkeypatch):
    def gone(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(extras, "import_module", gone)
    with pytest.raises(MissingExtra, match=r"pleura\[train\]"):
        train(cohort, tmp_path / "out")


def test_a_cohort_of_one_case_trains_to_its_last_epoch(tmp_path):
    folder = tmp_path / "cohort"
    volume, mask = chest((9, 24, 24), seed=0)
    (folder / "cases" / "Case_000").mkdir(parents=True)
    write_case(folder / "cases" / "Case_000", "Case_000", volume, mask)
    write_cohort(folder, [{"id": "Case_000"}], make_split({"Case_000": 9}))
    result = train(folder, tmp_path / "out", **TINY)
    assert result.models["bce_dice"]["kept"]["epoch"] == 2
    assert result.models["bce_dice"]["kept"]["validation"] is None
    assert np.isfinite(result.models["bce_dice"]["kept"]["train"]["loss"])
    assert result.table().rows[0][-1] == "train"
