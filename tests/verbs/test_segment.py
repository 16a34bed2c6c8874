"""`pleura segment` from DICOM or a cohort to masks, read back by strangers."""

import json
import shutil

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from testing.classical import segment

from pleura.core.atomic import atomic_folder
from pleura.core.errors import Exit, InputRefused, NothingUsable, OutputConflict, UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.phantom.dataset import write_dataset
from pleura.phantom.writer import SeriesSpec, write_series
from pleura.segmenters.classical import Classical
from pleura.segmenting.recipe import _scanner
from pleura.store.case import write_case
from pleura.store.cohort import write_cohort
from pleura.store.split import make_split

SHAPE = (28, 64, 64)


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=2, shape=SHAPE, seed=3)
    return folder


@pytest.fixture(scope="module")
def done(chests, tmp_path_factory):
    out = tmp_path_factory.mktemp("done") / "out"
    return segment(chests, out), out


def test_dense_parts_are_in_a_file_of_their_own(chests, done, tmp_path):
    segment(chests, tmp_path / "out", dense=True)
    plain = results(done[1])
    also = results(tmp_path / "out")
    assert {name.rsplit("/")[-1] for name in also.keys() - plain.keys()} == {"dense.nii.gz"}
    for case in json.loads((tmp_path / "out" / "run.json").read_text())["cases"]:
        folder = tmp_path / "out" / case["id"]
        mask, dense = (
            sitk.GetArrayFromImage(sitk.ReadImage(str(folder / name)))
            for name in ("lungs.nii.gz", "dense.nii.gz")
        )
        assert np.array_equal(np.where(dense > 2, dense - 2, dense), mask)
        assert plain[f"{case['id']}/lungs.nii.gz"] == also[f"{case['id']}/lungs.nii.gz"]


def content(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def results(folder):
    return {name: data for name, data in content(folder).items() if not name.startswith(".pleura")}


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".pleura")


def block(hu=40):
    """A body of soft tissue with a bubble of gas, and no lung."""
    grid = Grid.axial((10, 40, 40), (6, 8, 8))
    array = np.full(grid.shape, -1000, dtype=np.int16)
    array[:, 8:32, 6:34] = hu
    array[4:7, 14:18, 18:22] = -1000
    return Volume(array, grid)


def test_masks_lie_on_the_source_with_the_patients_sides(done, chests):
    result, out = done
    assert result.exit_code is Exit.OK
    for case in ("Case_000", "Case_001"):
        found = sitk.ReadImage(str(out / case / "lungs.nii.gz"))
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(chests / "Images" / case)))
        source = reader.Execute()
        assert found.GetSize() == source.GetSize()
        assert np.allclose(found.GetSpacing(), source.GetSpacing(), atol=1e-4)
        assert np.allclose(found.GetOrigin(), source.GetOrigin(), atol=1e-3)
        assert np.allclose(found.GetDirection(), source.GetDirection(), atol=1e-5)
        labels = sitk.GetArrayFromImage(found)
        with np.load(chests / "Segmentations" / f"{case}_seg.npz") as file:
            truth = file["masks"] > 0
        assert (
            2 * np.count_nonzero(truth & (labels > 0)) / (truth.sum() + (labels > 0).sum()) > 0.97
        )
        _, _, columns = np.nonzero(labels == 1)
        # supine axial: right at low columns
        assert columns.mean() < SHAPE[2] / 2 < np.nonzero(labels == 2)[2].mean()
        with np.load(out / case / "lungs_seg.npz") as file:
            assert np.array_equal(file["masks"] > 0, labels > 0)
        with np.load(out / case / "raw.npz") as file:
            assert file["masks"].shape == SHAPE
            assert file["masks"].sum() > (labels > 0).sum() * 0.9


def test_the_record(done):
    result, out = done
    record = json.loads((out / "run.json").read_text())
    assert record["labels"] == {"1": "right lung", "2": "left lung"}
    assert [case["id"] for case in record["cases"]] == ["Case_000", "Case_001"]
    for case in record["cases"]:
        assert case["verdict"] == "ok"
        assert case["reason"] == ""
        assert (out / case["mask"]).is_file()
        assert case["series_uid"].startswith("2.25.") or case["series_uid"][0].isdigit()
        assert 800 < case["volume_ml"]["left"] < case["volume_ml"]["right"] < 5000
    assert record["options"]["segmenter"]["name"] == "classical"
    assert result.as_json()["cases"] == record["cases"]
    assert [row[0] for row in result.table().rows] == ["Case_000", "Case_001"]


def test_the_same_command_again_does_nothing_and_another_is_a_conflict(done, chests):
    result, out = done
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    assert segment(chests, out).as_json() == result.as_json()
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before
    with pytest.raises(OutputConflict, match="--overwrite"):
        segment(chests, out, format="nrrd")


def test_killed_and_resumed_gives_the_same_bytes(done, chests, tmp_path, monkeypatch):
    calls = []

    def dying(self, volume, progress=None, *, anatomy=None, straight=Classical.__call__):
        calls.append(volume)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return straight(self, volume)

    monkeypatch.setattr(Classical, "__call__", dying)
    with pytest.raises(KeyboardInterrupt):
        segment(chests, tmp_path / "out")
    assert visible(tmp_path / "out") == ["Case_000", "run.json"]
    segment(chests, tmp_path / "out")
    assert len(calls) == 3  # the first case is not done again
    assert results(tmp_path / "out") == results(done[1])


def test_killed_while_writing_leaves_nothing_that_looks_whole(chests, tmp_path, monkeypatch):
    import pleura.labels.registry as registry

    straight = registry.write_mask

    def dying(path, mask, *more):
        if path.name == "raw.npz":
            raise KeyboardInterrupt
        straight(path, mask, *more)

    monkeypatch.setattr(registry, "write_mask", dying)
    with pytest.raises(KeyboardInterrupt):
        segment(chests, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_workers_write_the_same_bytes(done, chests, tmp_path):
    segment(chests, tmp_path / "out", workers=2)
    assert results(tmp_path / "out") == results(done[1])


def test_what_is_no_chest_gets_a_reason_and_no_mask(chests, tmp_path):
    source = tmp_path / "in"
    shutil.copytree(chests / "Images" / "Case_000", source / "Case_000")
    write_series(source / "other", block(), SeriesSpec(seed=9))
    result = segment(source, tmp_path / "out")
    assert result.exit_code is Exit.SOME_FAILED
    bad, good = sorted(result.cases, key=lambda case: case["id"] == "Case_000")
    assert good["verdict"] == "ok"
    assert bad["verdict"] == "refused"
    assert bad["mask"] is None
    assert bad["reason"].startswith("NO-LUNGS: ")
    assert not (tmp_path / "out" / bad["id"]).exists()
    assert any(line.startswith(f"{bad['id']}: refused: NO-LUNGS") for line in result.notes())
    assert segment(source, tmp_path / "out").exit_code is Exit.SOME_FAILED  # and it stays so


def test_nothing_but_refusals_exits_three(tmp_path):
    write_series(tmp_path / "in", block(), SeriesSpec(seed=9))
    assert segment(tmp_path / "in", tmp_path / "out").exit_code is Exit.NOTHING_USABLE


def test_a_cut_chest_is_for_review_and_still_segmented(tmp_path):
    volume, _ = chest(SHAPE, seed=1)
    middle = Volume(
        np.ascontiguousarray(volume.hu[12:20]), Grid.axial((8, 64, 64), volume.grid.spacing_mm)
    )
    write_series(tmp_path / "in" / "Case_000", middle, SeriesSpec(seed=1))
    (case,) = segment(tmp_path / "in", tmp_path / "out").cases
    assert case["verdict"] == "review"
    assert "CHEST-CUT" in case["reason"]
    assert (tmp_path / "out" / "Case_000" / "lungs.nii.gz").is_file()


def test_a_cohort_gives_the_same_masks_as_its_series(done, tmp_path):
    source = tmp_path / "cohort"
    (source / "cases").mkdir(parents=True)
    for number in (0, 1):
        volume, truth = chest(SHAPE, seed=3000 + number)
        with atomic_folder(source / "cases" / f"Case_00{number}") as part:
            write_case(part, f"Case_00{number}", volume, truth, series_uid=f"1.2.{number}")
    split = make_split({"Case_000": SHAPE[0], "Case_001": SHAPE[0]})
    write_cohort(source, [{"id": "Case_000"}, {"id": "Case_001"}], split)
    result = segment(source, tmp_path / "out")
    assert [case["series_uid"] for case in result.cases] == ["1.2.0", "1.2.1"]
    for case in ("Case_000", "Case_001"):
        with (
            np.load(tmp_path / "out" / case / "lungs_seg.npz") as ours,
            np.load(done[1] / case / "lungs_seg.npz") as theirs,
        ):
            assert np.array_equal(ours["masks"], theirs["masks"])
    (source / "cases" / "Case_001" / "case.json").unlink()
    broken = segment(source, tmp_path / "again")
    assert [case["verdict"] for case in broken.cases] == ["ok", "refused"]
    assert broken.exit_code is Exit.SOME_FAILED


def test_one_bad_case_does_not_stop_the_batch(chests, tmp_path, monkeypatch):
    straight = Classical.__call__
    seen = []

    def fussy(self, volume, progress=None, *, anatomy=None):
        seen.append(1)
        if len(seen) == 1:
            raise InputRefused("too few slices", code="TOO-FEW")
        return straight(self, volume)

    monkeypatch.setattr(Classical, "__call__", fussy)
    result = segment(chests, tmp_path / "out")
    assert [case["verdict"] for case in result.cases] == ["refused", "ok"]
    assert result.cases[0]["reason"] == "TOO-FEW: too few slices"


def test_bad_calls(chests, tmp_path):
    with pytest.raises(UsageError):
        segment(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no picture")
    with pytest.raises(NothingUsable, match="no CT series"):
        segment(tmp_path / "texts", tmp_path / "out")
    with pytest.raises(UsageError):
        segment(chests, tmp_path / "out", model=tmp_path / "nowhere")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputConflict):
        segment(chests, tmp_path / "full")
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"


def test_a_flipped_stack_gets_no_mask(tmp_path):
    volume, _ = chest(SHAPE, seed=3000)
    for name, flips in (
        ("Case_000", np.s_[::-1]),
        ("Case_001", np.s_[:, ::-1]),
        ("Case_002", np.s_[:, :, ::-1]),
    ):
        lie = Volume(np.ascontiguousarray(volume.hu[flips]), volume.grid)
        write_series(tmp_path / "in" / name, lie, SeriesSpec(seed=int(name[-1])))
    result = segment(tmp_path / "in", tmp_path / "out")
    assert [case["verdict"] for case in result.cases] == ["refused", "refused", "review"]
    assert [case["reason"].split(":")[0] for case in result.cases] == [
        "UPSIDE-DOWN",
        "SPINE-IN-FRONT",
        "MIRRORED",
    ]
    assert [case["mask"] is None for case in result.cases] == [True, True, False]


def test_tasks_of_a_plan_write_what_a_plain_run_writes(done, chests, tmp_path):
    plain, out = done[1], tmp_path / "out"
    plan = segment(chests, out, plan=True, tasks=2)
    assert (plan.cases, plan.left, plan.tasks) == (2, 2, 2)
    assert "--array=0-1" in plan.as_json()["slurm"]
    for number in (1, 0, 1):
        share = segment(chests, out, task=f"{number}/2")
        assert share.exit_code is Exit.OK
        assert share.as_json()["done"] == 1
    assert segment(chests, out).exit_code is Exit.OK
    assert results(out) == results(plain)


@pytest.mark.parametrize(
    ("agent", "said"), [("Quillfeather 80 ml", "yes"), ("NONE", None), ("", None)]
)
def test_of_a_contrast_agent_only_its_presence_is_told(tmp_path, agent, said):
    """It is free text, in which people write what they like."""
    write_dataset(tmp_path / "in", cases=1, shape=SHAPE, seed=3)
    for path in (tmp_path / "in").rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.ContrastBolusAgent = agent
        dataset.save_as(path)
    segment(tmp_path / "in", tmp_path / "out")
    (case,) = json.loads((tmp_path / "out" / "lungs.json").read_text(encoding="utf-8"))["cases"]
    assert case["scan"]["contrast"] == said
    assert not any(b"Quillfeather" in data for data in content(tmp_path / "out").values())


def test_records_and_the_table_name_the_scanner(done):
    record = json.loads((done[1] / "run.json").read_text())["cases"][0]
    header = (done[1] / "lungs.csv").read_text().splitlines()[0].split(",")
    row = (done[1] / "lungs.csv").read_text().splitlines()[1].split(",")
    assert record["scan"]["scanner"] == (row[header.index("scanner")] or None)
    assert _scanner({"Manufacturer": "ACME", "ManufacturerModelName": "One"}) == "ACME One"
    assert _scanner({}) is None
