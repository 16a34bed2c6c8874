"""The report's experiment on one set of phantoms in two layouts: the coursework's, and LCTSC as
TCIA delivers it.
"""

import copy
import json
import shutil

import numpy as np
import pydicom
import pytest

from pleura.dicom.series import find_series
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.dataset import write_dataset
from pleura.verbs.run import run

TINY = {
    "preset": "report",
    "profile": "report",
    "loss": "bce_dice",
    "lr": 0.01,
    "size": 32,
    "steps": 60,
    "workers": 1,
}
"""The report's preset, in so few steps that it needs a smaller rate to find any lung."""
MODEL = "bce_dice-lr-0.01"
CASES, TRAINED = 12, 8
"""The report's twelve patients; the first `int(12 × 0.67)` train."""
pytestmark = pytest.mark.usefixtures("one_thread_and_one_date")


def patient(case):
    """The PatientID that a phantom has in the collection."""
    return f"LCTSC-Train-S1-{int(case.removeprefix('Case_')) + 1:03d}"


@pytest.fixture(scope="module")
def coursework(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "coursework"
    write_dataset(folder, cases=CASES, shape=(9, 32, 32), seed=7, label=write_mask)
    for path in (folder / "Images").rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.PatientID = patient(path.parent.name)
        dataset.save_as(path)
    return folder


def with_distractors(path):
    """Add what a radiotherapy plan has beside lungs: heart, oesophagus, cord, all inside the
    body; in front of the lungs in the list.
    """
    dataset = pydicom.dcmread(path)
    for number, name in enumerate(("Esophagus", "Heart", "SpinalCord"), 90):
        roi = copy.deepcopy(dataset.StructureSetROISequence[0])
        contours = copy.deepcopy(dataset.ROIContourSequence[0])
        observation = copy.deepcopy(dataset.RTROIObservationsSequence[0])
        roi.ROINumber = contours.ReferencedROINumber = observation.ReferencedROINumber = number
        observation.ObservationNumber = number
        roi.ROIName = name
        for contour in contours.ContourSequence:
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            points[:, :2] = points[:, :2] * 0.5 + (number - 91) * 8
            contour.ContourData = [f"{value:.4f}" for value in points.ravel()]
        dataset.StructureSetROISequence.insert(0, roi)
        dataset.ROIContourSequence.insert(0, contours)
        dataset.RTROIObservationsSequence.insert(0, observation)
    dataset.save_as(path)


@pytest.fixture(scope="module")
def tcia(coursework, tmp_path_factory):
    """Patient, study and series folders with NA in their names, metadata.csv, one structure set
    a patient.
    """
    folder = tmp_path_factory.mktemp("made") / "LCTSC"
    lines = ["Series UID,Collection,Subject ID,Modality,File Location"]
    for number, series in enumerate(find_series(coursework / "Images")):
        study = folder / patient(series.id) / f"03-03-2004-NA-CHEST-{8186 + number}"
        shutil.copytree(coursework / "Images" / series.id, study / "0.000000-NA-73059")
        mask = read_mask(coursework / "Labels" / f"{series.id}.nii.gz", series.grid)
        labels = study / "1.000000-NA-82046"
        write_mask(labels / "1-1.rtstruct.dcm", mask, series)
        (labels / "1-1.rtstruct.dcm").rename(labels / "1-1.dcm")
        with_distractors(labels / "1-1.dcm")
        lines.append(f"{series.series_uid},LCTSC,{patient(series.id)},CT,./LCTSC")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def first(coursework, tmp_path_factory):
    out = tmp_path_factory.mktemp("coursework") / "out"
    assert run(coursework, out, **TINY).exit_code == 0
    return out


@pytest.fixture(scope="module")
def second(tcia, tmp_path_factory):
    out = tmp_path_factory.mktemp("tcia") / "out"
    result = run(tcia, out, **TINY)
    assert result.exit_code == 0, result.notes()
    return out


def by_patient(out):
    """Case id to PatientID, as the private map beside OUT says."""
    persons = json.loads(out.with_name("out.map.json").read_text())["patients"]
    return {case: own[0]["patient_id"] for case, own in persons.items()}


def split_of(out):
    split = json.loads((out / "cohort" / "split.json").read_text())
    known = by_patient(out)
    return {
        part: sorted(known[case] for case in split[part])
        for part in ("train", "validation", "test")
    }


def test_the_split_is_the_reports_and_the_same_in_both(first, second):
    split = split_of(first)
    names = [patient(f"Case_{k:03d}") for k in range(CASES)]
    assert sorted(split["train"] + split["validation"]) == names[:TRAINED]
    assert split["test"] == names[TRAINED:]
    assert split_of(second) == split
    card = json.loads((second / "runs" / MODEL / "model.json").read_text())
    assert sorted(by_patient(second)[case] for case in card["trained_on"]) == names[:TRAINED]
    assert card["recipe"]["validation"] == "none"


def test_no_case_id_of_the_second_tells_the_patients_number(second):
    text = (second / "cohort" / "split.json").read_text() + (second / "run.json").read_text()
    assert "LCTSC-" not in text


def test_networks_masks_and_scores_are_the_same(first, second):
    loss = MODEL
    models = [(out / "runs" / loss / "model.onnx").read_bytes() for out in (first, second)]
    assert models[0] == models[1]
    case_of = {name: case for case, name in by_patient(second).items()}
    scores = [
        {case["case"]: case for case in json.loads(path.read_text())["cases"]}
        for path in (out / "results" / loss / "scores.json" for out in (first, second))
    ]
    assert len(scores[0]) == len(scores[1]) == CASES
    for case, name in by_patient(first).items():
        masks = []
        for out, own in ((first, case), (second, case_of[name])):
            with np.load(out / "masks" / loss / own / "raw.npz") as raw:
                with np.load(out / "masks" / loss / own / "lungs_seg.npz") as lungs:
                    masks.append((raw["masks"], lungs["masks"]))
        assert np.array_equal(masks[0][0], masks[1][0])
        assert np.array_equal(masks[0][1], masks[1][1])
        one, other = scores[0][case], scores[1][case_of[name]]
        for key in ("split", "dice", "accuracy", "slices", "right", "left", "both"):
            assert one[key] == other[key], (case, key)
        assert one["raw"]["both"] == other["raw"]["both"]


def results(folder):
    """Every result's bytes; times are in `.pleura` only."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".pleura" not in path.parts
    }


def test_twice_gives_the_same_bytes(coursework, first, tmp_path):
    run(coursework, tmp_path / "out", **TINY)
    again = results(tmp_path / "out")
    before = results(first)
    assert set(again) == set(before)
    assert [name for name in before if again[name] != before[name]] == []
