"""`pleura evaluate` on masks that SimpleITK wrote; what it should say is counted by scikit-learn
or by hand.
"""

import csv
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from sklearn.metrics import accuracy_score, f1_score

from pleura.core.errors import Exit, NothingUsable, OutputConflict, UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.store.case import write_case
from pleura.store.cohort import write_cohort
from pleura.store.split import make_split
from pleura.verbs.evaluate import evaluate

SPACING = (4.0, 2.0, 1.5)
SHAPE = (10, 20, 24)


def lungs():
    """Right lung in slices 2 to 7, left in 3 to 8; nothing in 0, 1 and 9."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:8, 5:15, 3:10] = 1
    labels[3:9, 5:15, 13:20] = 2
    return labels


def answer():
    """A prediction that misses slice 2, hallucinates in slice 9, and is a voxel narrow
    everywhere else.
    """
    labels = lungs()
    labels[:, 5] = 0
    labels[2] = 0
    labels[9, 10, 10] = 2
    return labels


def write(path: Path, labels, spacing=SPACING, origin=(-30.0, -20.0, 100.0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing([float(s) for s in reversed(spacing)])
    image.SetOrigin(origin)
    sitk.WriteImage(image, str(path))


@pytest.fixture
def folders(tmp_path):
    write(tmp_path / "ref" / "Case_000.nii.gz", lungs())
    write(tmp_path / "pred" / "Case_000" / "lungs.nii.gz", answer())
    raw = answer() > 0
    raw[0, :3, :3] = True
    np.savez(tmp_path / "pred" / "Case_000" / "raw.npz", masks=raw)
    return tmp_path


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def score(folders, out="out", **options):
    return evaluate(folders / "pred", folders / "ref", folders / out, workers=1, **options)


def test_scores_of_a_case_counted_by_others(folders):
    told = score(folders)
    assert told.exit_code is Exit.OK
    (case,) = told.scores["cases"]
    prediction, truth = answer(), lungs()
    for name, label in (("right", 1), ("left", 2)):
        expected = f1_score((truth == label).ravel(), (prediction == label).ravel())
        assert case[name]["dice"] == pytest.approx(expected)
        assert case[name]["volume_ml"] == pytest.approx((prediction == label).sum() * 0.012)
    assert (
        case["dice"]
        == case["both"]["dice"]
        == pytest.approx(f1_score(truth.ravel() > 0, prediction.ravel() > 0))
    )
    assert case["accuracy"] == pytest.approx(
        accuracy_score(truth.ravel() > 0, prediction.ravel() > 0)
    )
    assert case["slices"] == {"lung": 6, "empty": 2, "hallucinated": 1, "missed": 1}
    assert case["raw"]["slices"] == {"lung": 6, "empty": 1, "hallucinated": 2, "missed": 1}
    assert case["both"]["hd_mm"] >= 4.0
    assert case["split"] is None
    assert told.scores["format"] == "pleura-scores/2"
    account = {"files": 3, "used": 3, "refused": {}, "other": {}}
    scores = json.loads((folders / "out" / "scores.json").read_text())
    assert scores | {"input": account} == told.as_json()


def test_slices_in_order_with_class_and_both_sources(folders):
    score(folders)
    table = rows(folders / "out" / "slices.csv")
    assert list(table[0]) == [
        "case",
        "slice",
        "position_mm",
        "structure",
        "class",
        "metric",
        "value",
    ]
    clean = [r for r in table if (r["structure"], r["metric"]) == ("both", "dice")]
    assert [int(r["slice"]) for r in clean] == list(range(10))
    np.testing.assert_allclose([float(r["position_mm"]) for r in clean], 100 + 4.0 * np.arange(10))
    assert [r["class"] for r in clean] == ["empty"] * 2 + ["missed"] + ["lung"] * 6 + [
        "hallucinated"
    ]
    expected = [
        f1_score(t.ravel() > 0, p.ravel() > 0, zero_division=1.0)
        for t, p in zip(lungs(), answer(), strict=True)
    ]
    np.testing.assert_allclose([float(r["value"]) for r in clean], expected, atol=1e-6)
    raw = [r["class"] for r in table if r["metric"] == "raw_accuracy"]
    keys = [tuple(r[name] for name in ("case", "slice", "structure", "metric")) for r in table]
    assert len(set(keys)) == len(keys)
    assert raw[:2] == ["hallucinated", "empty"]


def test_the_tidy_table(folders):
    score(folders)
    table = rows(folders / "out" / "scores.csv")
    assert list(table[0]) == ["case", "structure", "metric", "value", "unit", "note"]
    assert {r["structure"] for r in table} == {"right", "left", "both"}
    wanted = {
        "dice",
        "iou",
        "precision",
        "recall",
        "accuracy",
        "volume_ml",
        "reference_volume_ml",
        "msd_mm",
        "hd95_mm",
        "hd_mm",
    }
    for side in ("right", "left", "both"):
        assert wanted | {"surface_dice_1mm", "surface_dice_2mm"} <= {
            r["metric"] for r in table if r["structure"] == side
        }
    units = {r["metric"]: r["unit"] for r in table}
    assert (units["volume_ml"], units["hd95_mm"], units["surface_dice_1mm"], units["dice"]) == (
        "ml",
        "mm",
        "ratio",
        "ratio",
    )
    assert units["slices_missed"] == "slices"


@pytest.mark.parametrize(("empty", "value"), [("one", "1"), ("zero", "0"), ("undefined", "")])
def test_what_an_empty_slice_counts_as_is_asked_for_and_written_down(folders, empty, value):
    told = score(folders, empty=empty)
    assert told.scores["policy"]["empty"] == empty
    table = rows(folders / "out" / "slices.csv")
    first = next(
        r for r in table if (r["slice"], r["structure"], r["metric"]) == ("0", "both", "dice")
    )
    assert (first["class"], first["value"]) == ("empty", value)


def test_masks_that_all_equal_their_references_are_questioned(folders):
    write(folders / "pred" / "Case_000" / "lungs.nii.gz", lungs())
    assert "every mask equals its reference" in " ".join(score(folders).notes())
    half = lungs()
    half[: len(half) // 2] = 0
    write(folders / "pred" / "Case_000" / "lungs.nii.gz", half)
    assert "every mask equals" not in " ".join(score(folders, out="second").notes())


def test_an_empty_mask_misses_both_lungs_and_has_no_label_to_explain(folders):
    write(folders / "pred" / "Case_000" / "lungs.nii.gz", np.zeros_like(lungs()))
    (case,) = score(folders).scores["cases"]
    assert [one["code"] for one in case["findings"]] == ["LUNG-MISSED", "LUNG-MISSED"]


def test_a_missed_lung_is_counted_and_never_dropped(folders):
    labels = lungs()
    labels[labels == 2] = 0
    write(folders / "pred" / "Case_000" / "lungs.nii.gz", labels)
    (case,) = score(folders).scores["cases"]
    assert {one["code"] for one in case["findings"]} >= {"LABEL-ONE-ALONE", "LUNG-MISSED"}
    diagonal = np.linalg.norm([9 * 4.0, 19 * 2.0, 23 * 1.5])
    assert case["left"]["dice"] == case["left"]["surface_dice_2mm"] == 0
    assert case["left"]["hd95_mm"] == case["left"]["msd_mm"] == pytest.approx(diagonal)
    assert "missed" in case["notes"]["left"]["hd95_mm"]
    table = rows(folders / "out" / "scores.csv")
    (row,) = [r for r in table if (r["structure"], r["metric"]) == ("left", "hd95_mm")]
    assert float(row["value"]) == pytest.approx(diagonal, abs=1e-5)
    assert "missed" in row["note"]


def test_a_lung_that_is_in_neither_has_no_distance_and_says_why(folders):
    one = np.where(lungs() == 2, 0, lungs()).astype(np.uint8)
    write(folders / "pred" / "Case_000" / "lungs.nii.gz", one)
    cohort(folders / "cohort", Case_000=one)
    evaluate(folders / "pred", folders / "cohort", folders / "out", workers=1)
    table = rows(folders / "out" / "scores.csv")
    (row,) = [r for r in table if (r["structure"], r["metric"]) == ("left", "hd95_mm")]
    assert (row["value"], row["note"]) == ("", "in neither mask")


def cohort(folder, **cases):
    """A prepared cohort: water in air on a couch, with the lungs in it; the first two thirds of
    the cases train.
    """
    for name, labels in cases.items():
        hu = np.full(SHAPE, -1000, np.int16)
        hu[:, 2:18, 1:23] = 0
        hu[labels > 0] = -850
        grid = Grid.axial(SHAPE, SPACING, (-30.0, -20.0, 100.0))
        place = folder / "cases" / name
        place.mkdir(parents=True)
        write_case(place, name, Volume(hu, grid), LungMask(labels, grid))
    write_cohort(
        folder, [{"id": name} for name in cases], make_split(dict.fromkeys(cases, SHAPE[0]))
    )


def test_against_a_cohort_each_case_has_its_split_and_false_positives_their_place(folders):
    labels = answer()
    labels[5, 0, :4] = 2  # four voxels of 0.012 ml, outside the body
    for k in range(3):
        write(folders / "pred" / f"Case_00{k}" / "lungs.nii.gz", labels)
    cohort(folders / "cohort", Case_000=lungs(), Case_001=lungs(), Case_002=lungs())
    told = evaluate(folders / "pred", folders / "cohort", folders / "out", workers=1)
    assert [case["split"] for case in told.scores["cases"]] == ["train", "train", "test"]
    assert set(told.scores["summary"]) == {"all", "train", "test"}
    for case in told.scores["cases"]:
        assert case["both"]["false_positive_outside_body_ml"] >= 4 * 0.012 - 1e-9
        assert case["both"]["false_positive_couch_ml"] == 0
    test = evaluate(folders / "pred", folders / "cohort", folders / "test", split="test", workers=1)
    assert [case["case"] for case in test.scores["cases"]] == ["Case_002"]


def test_exchanged_sides_are_said(folders):
    write(folders / "pred" / "Case_000" / "lungs.nii.gz", np.array([0, 2, 1], np.uint8)[lungs()])
    told = score(folders)
    assert any("SIDES-EXCHANGED" in line for line in told.notes())
    assert told.scores["cases"][0]["dice"] == 1
    assert told.scores["cases"][0]["right"]["dice"] == 0


def test_another_grid_is_refused_or_resampled_and_said(folders):
    write(folders / "ref" / "Case_001.nii.gz", lungs())
    write(
        folders / "pred" / "Case_001" / "lungs.nii.gz",
        lungs().repeat(2, axis=0),
        spacing=(2.0, 2.0, 1.5),
        origin=(-30, -20, 99),
    )
    told = score(folders)
    assert told.exit_code is Exit.SOME_FAILED
    (refused,) = told.scores["refused"]
    assert refused["case"] == "Case_001"
    assert "--resample" in refused["reason"]
    assert "\n" not in refused["reason"]
    again = score(folders, out="again", resample=True)
    assert again.exit_code is Exit.OK
    assert again.scores["cases"][1]["dice"] == 1
    assert any(one["code"] == "MASK-RESAMPLED" for one in again.scores["cases"][1]["findings"])


@pytest.mark.parametrize("without", ["pred/Case_001/lungs.nii.gz", "ref/Case_001.nii.gz"])
def test_a_mask_that_does_not_say_where_it_lies_is_not_resampled(folders, without):
    """nibabel would lay it around the scanner's centre, with columns from left to right."""
    write(folders / "ref" / "Case_001.nii.gz", lungs())
    write(
        folders / "pred" / "Case_001" / "lungs.nii.gz",
        lungs().repeat(2, axis=0),
        spacing=(2.0, 2.0, 1.5),
    )
    image = nibabel.load(folders / without)
    image.header.set_sform(None, code=0)
    image.header.set_qform(None, code=0)
    bare = nibabel.Nifti1Image(np.asarray(image.dataobj), None, image.header)
    nibabel.save(bare, folders / without)
    told = score(folders, resample=True)
    assert told.exit_code is Exit.SOME_FAILED
    (refused,) = told.scores["refused"]
    assert refused["case"] == "Case_001"
    assert "neither qform nor sform" in refused["reason"]


def test_two_masks_without_orientation_are_compared_voxel_by_voxel(folders):
    for place in ("pred/Case_001/lungs.nii.gz", "ref/Case_001.nii.gz"):
        (folders / place).parent.mkdir(exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(lungs().T, None), folders / place)
    told = score(folders)
    assert told.exit_code is Exit.OK
    assert told.scores["cases"][1]["dice"] == 1


def test_what_has_no_partner_is_said_and_fails(folders):
    write(folders / "ref" / "Case_007.nii.gz", lungs())
    write(folders / "pred" / "Case_008" / "lungs.nii.gz", lungs())
    told = score(folders)
    assert told.exit_code is Exit.SOME_FAILED
    assert told.scores["unanswered"] == ["Case_007"]
    assert told.scores["without_reference"] == ["Case_008"]
    assert sum("Case_007" in line for line in told.notes()) == 1


def test_nothing_in_common_is_nothing_usable(folders):
    (folders / "ref" / "Case_000.nii.gz").rename(folders / "ref" / "Case_009.nii.gz")
    with pytest.raises(NothingUsable, match="1 masks and 1 references"):
        score(folders)


def broken(path):
    path.write_bytes(b"not a gzip file")


def unknown(path):
    write(path, np.where(lungs() == 2, 7, lungs()).astype(np.uint8))


def not_numbers(path):
    labels = lungs().astype(np.float32)
    labels[0, 0, 0] = np.nan
    write(path, labels)


def flat(path):
    write(path, lungs()[4])


@pytest.mark.parametrize("spoil", [broken, unknown, not_numbers, flat])
def test_a_bad_mask_is_one_line_without_its_path_and_the_rest_goes_on(folders, spoil):
    write(folders / "ref" / "Case_001.nii.gz", lungs())
    (folders / "pred" / "Case_001").mkdir()
    spoil(folders / "pred" / "Case_001" / "lungs.nii.gz")
    told = score(folders)
    assert told.exit_code is Exit.SOME_FAILED
    assert [case["case"] for case in told.scores["cases"]] == ["Case_000"]
    (refused,) = told.scores["refused"]
    assert refused["case"] == "Case_001"
    assert "\n" not in refused["reason"]
    assert "lungs.nii.gz" not in refused["reason"]


def test_empty_folders_and_missing_ones(folders):
    (folders / "none").mkdir()
    with pytest.raises(NothingUsable, match="0 masks"):
        evaluate(folders / "none", folders / "ref", folders / "out")
    with pytest.raises(UsageError):
        evaluate(folders / "nowhere", folders / "ref", folders / "out2")


def test_an_empty_mask_misses_everything_and_scores_nought(folders):
    write(folders / "pred" / "Case_000" / "lungs.nii.gz", np.zeros(SHAPE, np.uint8))
    (case,) = score(folders).scores["cases"]
    assert case["right"]["dice"] == case["left"]["dice"] == case["dice"] == 0
    assert case["slices"] == {"lung": 0, "empty": 3, "hallucinated": 0, "missed": 7}
    assert case["regions"]["apex"] == {"slices": 1, "missed": 1, "dice": 0.0}


def test_it_resumes_and_ends_at_once_when_done(folders):
    write(folders / "ref" / "Case_001.nii.gz", lungs())
    write(folders / "pred" / "Case_001" / "lungs.nii.gz", answer())
    score(folders)
    whole = {p.name: p.read_bytes() for p in (folders / "out").glob("scores.*")}
    record = json.loads((folders / "out" / "run.json").read_text())
    (folders / "out" / "run.json").write_text(json.dumps(record | {"state": "running"}))
    (folders / "out" / "scores.json").unlink()
    (folders / "out" / "cases" / "Case_001.json").unlink()
    kept = (folders / "out" / "cases" / "Case_000.json").stat().st_mtime_ns
    told = score(folders)
    assert (folders / "out" / "cases" / "Case_000.json").stat().st_mtime_ns == kept
    assert {p.name: p.read_bytes() for p in (folders / "out").glob("scores.*")} == whole
    again = score(folders)
    assert again.as_json() == told.as_json()
    with pytest.raises(OutputConflict, match="--overwrite"):
        score(folders, empty="zero")
    assert score(folders, empty="zero", overwrite=True).scores["policy"]["empty"] == "zero"


def test_many_at_a_time_say_the_same_and_progress_is_told(folders):
    for k in range(1, 4):
        write(folders / "ref" / f"Case_00{k}.nii.gz", lungs())
        write(folders / "pred" / f"Case_00{k}" / "lungs.nii.gz", answer())
    write(folders / "pred" / "Case_003" / "lungs.nii.gz", (answer() == 1).astype(np.uint8))
    heard = []
    one = evaluate(
        folders / "pred",
        folders / "ref",
        folders / "a",
        workers=1,
        progress=lambda *said: heard.append(said),
    )
    two = evaluate(folders / "pred", folders / "ref", folders / "b", workers=2)
    assert one.as_json() == two.as_json()
    for name in ("scores.json", "scores.csv", "slices.csv"):
        assert (folders / "a" / name).read_bytes() == (folders / "b" / name).read_bytes()
    assert heard[-1] == ("evaluate", 4, 4)


def test_unsided_masks_have_no_sides_and_say_so(folders):
    np.savez(folders / "pred" / "Case_000" / "other.npz", masks=answer() > 0)
    (folders / "npz").mkdir()
    np.savez(folders / "npz" / "Case_000_seg.npz", masks=(answer() > 0).astype(np.uint8))
    told = evaluate(folders / "npz", folders / "ref", folders / "out", workers=1)
    (case,) = told.scores["cases"]
    assert case["right"] == {}
    assert case["dice"] == pytest.approx(f1_score(lungs().ravel() > 0, answer().ravel() > 0))
    (row,) = [
        r
        for r in rows(folders / "out" / "scores.csv")
        if (r["structure"], r["metric"]) == ("right", "dice")
    ]
    assert row["value"] == ""
    assert "no left/right labels" in row["note"]


def test_two_npz_need_a_grid_and_take_it_from_a_cohort_or_label_maps(folders):
    for side, labels in (("p", answer()), ("r", lungs())):
        (folders / side).mkdir()
        np.savez(folders / side / "Case_000_seg.npz", masks=(labels > 0).astype(np.uint8))
    cohort(folders / "cohort", Case_000=lungs())
    with_none = evaluate(folders / "p", folders / "r", folders / "none", workers=1)
    assert with_none.exit_code is Exit.NOTHING_USABLE
    assert "--grid" in with_none.scores["refused"][0]["reason"]
    values = []
    for k, grid in enumerate((folders / "cohort", folders / "ref")):
        told = evaluate(folders / "p", folders / "r", folders / f"out{k}", grid=grid, workers=1)
        values.append(told.scores["cases"][0]["both"])
    assert values[0] == values[0] | values[1], (
        "the cohort has CT too, so it says where false lung is"
    )
    assert values[0]["reference_volume_ml"] == pytest.approx((lungs() > 0).sum() * 0.012)


def test_against_another_method_by_patient_and_site(folders):
    worse = answer()
    worse[:, :, 3:5] = 0
    for k in range(6):
        write(folders / "ref" / f"Case_00{k}.nii.gz", lungs())
        write(folders / "pred" / f"Case_00{k}" / "lungs.nii.gz", answer())
        labels = worse.copy()
        labels[3 + k % 3] = 0
        write(folders / "other" / f"Case_00{k}.nii.gz", labels)
    table = "case,patient,site\n" + "".join(
        f"Case_00{k},P{k // 2},{'AB'[k // 3]}\n" for k in range(6)
    )
    (folders / "people.csv").write_text(table)
    told = score(folders, against=folders / "other", patients=folders / "people.csv")
    assert told.exit_code is Exit.OK
    tests = told.scores["against"]["tests"]
    dice = next(test for test in tests if (test["structure"], test["metric"]) == ("both", "dice"))
    assert (dice["n"], dice["effect"], dice["p"]) == (3, 1.0, 0.25)
    assert dice["first"] > dice["second"]
    assert sorted(told.scores["sites"]) == ["A", "B"]
    assert told.scores["summary"]["all"]["both"]["dice"]["n"] == 3
    assert any("after Holm" in line for line in told.notes())


def test_a_table_of_patients_without_its_heading_is_wrong_usage(folders):
    (folders / "people.csv").write_text("name;who\n")
    with pytest.raises(UsageError, match="--patients"):
        score(folders, patients=folders / "people.csv")
