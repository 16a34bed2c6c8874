"""prepare: masks must lie on their volume and on lung; what does not is one line, and the rest
goes on.
"""

import json
import shutil

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from pleura.core.errors import Exit, NothingUsable, OutputConflict
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.dataset import write_dataset
from pleura.store.cohort import Cohort
from pleura.verbs.prepare import prepare

pytestmark = pytest.mark.usefixtures("figures_rendered")


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=2, shape=(12, 48, 48), seed=4, label=write_mask)
    return folder


@pytest.fixture
def copy(chests, tmp_path):
    return shutil.copytree(chests, tmp_path / "chests")


def test_a_cohort_with_sides_pictures_and_a_split(chests, tmp_path):
    result = prepare(chests, tmp_path / "out")
    assert result.exit_code is Exit.OK
    cohort = Cohort.open(tmp_path / "out")
    for case in cohort.cases:
        truth = np.load(chests / "Segmentations" / f"{case.id}_seg.npz")["masks"]
        np.testing.assert_array_equal(case.mask().lungs, truth > 0)
        assert case.mask().sided
        assert case.mask().volume_ml()["right"] > case.mask().volume_ml()["left"] * 0.8
        picture = (case.folder / "planes.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 10_000
    assert (cohort.split.train, cohort.split.test) == (("Case_000",), ("Case_001",))
    text = json.dumps(cohort.about)
    assert str(tmp_path) not in text


def test_again_ends_at_once_and_other_options_conflict(chests, tmp_path):
    first = prepare(chests, tmp_path / "out")
    again = prepare(chests, tmp_path / "out")
    assert again == first
    with pytest.raises(OutputConflict, match="--overwrite"):
        prepare(chests, tmp_path / "out", split="seeded")
    assert (
        prepare(chests, tmp_path / "out", split="seeded", overwrite=True).split["rule"] == "seeded"
    )


@pytest.mark.parametrize("masks", ["empty", "images"])
def test_a_folder_of_masks_without_a_mask_is_said(chests, tmp_path, masks):
    """The cohort is unlabelled then, which nobody wanted who named the masks."""
    (tmp_path / "empty").mkdir()
    where = tmp_path / "empty" if masks == "empty" else chests / "Images"
    result = prepare(chests / "Images", tmp_path / "out", masks=where)
    assert result.exit_code is Exit.SOME_FAILED
    assert any(line.startswith("--masks: no mask") for line in result.notes())
    assert len(result.about["cases"]) == 2


def test_masks_elsewhere_and_none_at_all(chests, tmp_path):
    result = prepare(chests / "Images", tmp_path / "none")
    assert result.exit_code is Exit.OK
    assert result.split["unlabelled"] == ["Case_000", "Case_001"]
    result = prepare(chests / "Images", tmp_path / "given", masks=chests)
    assert [entry["mask"] for entry in result.about["cases"]] == ["right and left"] * 2
    result = prepare(chests / "Images", tmp_path / "npz", masks=chests / "Segmentations")
    assert [entry["mask"] for entry in result.about["cases"]] == ["both as one"] * 2


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda masks: masks[:, :, :-2], "MASK-SHAPE"),
        (lambda masks: np.roll(masks, 20, axis=1), "MASK-NOT-LUNG"),
        (lambda masks: masks[::-1], "slices flipped"),
        (lambda masks: masks * 0, "empty"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(copy, tmp_path, spoil, words):
    shutil.rmtree(copy / "Labels")
    path = copy / "Segmentations" / "Case_000_seg.npz"
    np.savez(path, masks=spoil(np.load(path)["masks"]))
    result = prepare(copy, tmp_path / "out")
    assert result.exit_code is Exit.SOME_FAILED
    (line,) = result.failures
    assert "Case_000" in line
    assert words in line
    assert [entry["id"] for entry in result.about["cases"]] == ["Case_001"]


def test_npz_and_map_must_agree(copy, tmp_path):
    path = copy / "Segmentations" / "Case_000_seg.npz"
    masks = np.load(path)["masks"]
    masks[6, 20:24, 10:14] ^= 1
    np.savez(path, masks=masks)
    result = prepare(copy, tmp_path / "out")
    assert "differ in 16 voxels" in result.failures[0]


def test_every_kind_of_file_that_cannot_be_read_is_refused_by_code(copy, tmp_path):
    (copy / "Images" / "gone").symlink_to(tmp_path / "nowhere")
    (copy / "Images" / "export.zip").write_bytes(b"PK\3\4" + bytes(40))
    (copy / "Images" / "export.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(40))
    result = prepare(copy, tmp_path / "out")
    assert result.exit_code is Exit.SOME_FAILED
    told = "\n".join(result.notes())
    for words in ("BROKEN-LINK:", "corrupt or truncated", "archive format not supported"):
        assert told.count(words) == 1, told


def test_a_map_on_another_grid_is_refused(copy, tmp_path):
    path = copy / "Labels" / "Case_000.nii.gz"
    image = sitk.ReadImage(str(path))
    image.SetOrigin([x + 5 for x in image.GetOrigin()])
    sitk.WriteImage(image, str(path))
    assert "GRID-MISMATCH" in prepare(copy, tmp_path / "out").failures[0]


def test_exports(chests, tmp_path):
    prepare(chests, tmp_path / "nifti", export="nifti")
    stored = Cohort.open(tmp_path / "nifti").cases[0]
    image = sitk.ReadImage(str(tmp_path / "nifti" / "export" / "Case_000.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), stored.volume().hu)
    np.testing.assert_allclose(image.GetOrigin(), stored.grid.affine[:3, 3], atol=1e-3)
    prepare(chests, tmp_path / "npy", export="npy")
    np.testing.assert_array_equal(
        np.load(tmp_path / "npy" / "export" / "Case_000.npy"), stored.volume().hu
    )


@pytest.fixture(scope="module")
def lctsc(chests, tmp_path_factory):
    """The same chests as a collection delivers them: patient, study and series folders, CT
    beside a structure set.
    """
    from pleura.dicom.series import find_series

    folder = tmp_path_factory.mktemp("made") / "LCTSC"
    for number, series in enumerate(find_series(chests / "Images")):
        study = folder / f"LCTSC-Test-S1-{101 + number}" / "03-03-2004-08186"
        shutil.copytree(chests / "Images" / series.id, study / "0.000000-NA-73059")
        mask = read_mask(chests / "Labels" / f"{series.id}.nii.gz", series.grid)
        write_mask(study / "1.000000-NA-82046" / "1-1.rtstruct.dcm", mask, series)
        (study / "1.000000-NA-82046" / "1-1.rtstruct.dcm").rename(
            study / "1.000000-NA-82046" / "1-1.dcm"
        )
    return folder


def sides_equal(cohort, chests):
    """Every case's mask is one of the label maps, as a stranger reads them."""
    truths = [
        sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        for path in sorted((chests / "Labels").glob("*.nii.gz"))
    ]
    return all(
        any(np.array_equal(case.mask().labels, truth) for truth in truths) for case in cohort.cases
    )


def test_the_lctsc_layout_as_it_is_delivered_and_de_identified(lctsc, chests, tmp_path):
    result = prepare(lctsc, tmp_path / "out")
    assert result.exit_code is Exit.OK
    assert [entry["mask"] for entry in result.about["cases"]] == ["right and left"] * 2
    assert sides_equal(Cohort.open(tmp_path / "out"), chests)
    from pleura.verbs.deidentify import deidentify

    for profile in ("report", "basic"):
        deidentify(lctsc, tmp_path / f"clean-{profile}", profile=profile)
        out = tmp_path / f"cohort-{profile}"
        result = prepare(tmp_path / f"clean-{profile}", out, masks=lctsc)  # as `run` calls it
        assert result.exit_code is Exit.OK
        assert sides_equal(Cohort.open(out), chests)


@pytest.mark.parametrize("name", ["anything {}", "doe {}.dcm", "deep/er/{}.dcm"])
def test_labels_in_a_folder_of_their_own(lctsc, chests, tmp_path, name):
    for number, path in enumerate(lctsc.rglob("1-1.dcm")):
        goal = tmp_path / "labels" / name.format(number)
        goal.parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(path, goal)
    result = prepare(chests / "Images", tmp_path / "out", masks=tmp_path / "labels")
    assert result.exit_code is Exit.OK
    assert sides_equal(Cohort.open(tmp_path / "out"), chests)


def changed(copy, change):
    """One of the structure sets, changed by pydicom."""
    path = sorted(copy.rglob("1-1.dcm"))[0]
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)


def other_uids(dataset, frame=None):
    (referenced,) = dataset.ReferencedFrameOfReferenceSequence
    (series,) = referenced.RTReferencedStudySequence[0].RTReferencedSeriesSequence
    series.SeriesInstanceUID = "1.2.3"
    for image in series.ContourImageSequence:
        image.ReferencedSOPInstanceUID = "1.2.4"
    for contour in (one for roi in dataset.ROIContourSequence for one in roi.ContourSequence):
        contour.ContourImageSequence[0].ReferencedSOPInstanceUID = "1.2.4"
    for stored in (referenced, *dataset.StructureSetROISequence) if frame else ():
        stored[
            "ReferencedFrameOfReferenceUID" if "ROINumber" in stored else "FrameOfReferenceUID"
        ].value = frame
    if frame:
        dataset.FrameOfReferenceUID = frame


def test_labels_whose_uids_fail_are_joined_by_frame_of_reference(lctsc, tmp_path):
    copy = shutil.copytree(lctsc, tmp_path / "in")
    changed(copy, other_uids)
    result = prepare(copy, tmp_path / "out")
    assert result.exit_code is Exit.OK
    findings = [
        f["code"] for case in Cohort.open(tmp_path / "out").cases for f in case.about["findings"]
    ]
    assert findings == ["CONTOURS-WRONG-INSTANCE", "LABELS-JOINED"]


def test_labels_of_no_scan_here_are_one_line(lctsc, tmp_path):
    copy = shutil.copytree(lctsc, tmp_path / "in")
    changed(copy, lambda dataset: other_uids(dataset, frame="1.2.5"))
    result = prepare(copy, tmp_path / "out")
    assert result.exit_code is Exit.SOME_FAILED
    (line,) = result.failures
    assert "reference no CT series" in line
    assert len(result.split["unlabelled"]) == 1


def test_labels_without_lungs_leave_a_case_unlabelled_and_say_so(lctsc, tmp_path):
    copy = shutil.copytree(lctsc, tmp_path / "in")
    changed(
        copy,
        lambda dataset: [
            setattr(roi, "ROIName", "Heart") for roi in dataset.StructureSetROISequence
        ],
    )
    result = prepare(copy, tmp_path / "out")
    assert [entry["verdict"] for entry in result.about["cases"] if not entry["mask"]] == ["review"]


def test_nothing_usable(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(NothingUsable):
        prepare(tmp_path / "in", tmp_path / "out")


def test_the_references_of_real_cases_hold(real_data):
    """The real references fit their volumes by our own checks, sides and all (three slices are
    enough to see a flip).
    """
    from pleura.dicom.series import find_series
    from pleura.labels.references import Reference  # the check itself, without writing 100 MB

    (series,) = find_series(real_data / "chests" / "Images" / "Case_000")
    from pleura.labels.registry import find_masks

    mask, odd = Reference(find_masks(real_data / "chests")["Case_000"]).read(series.read(), series)
    assert not odd
    assert mask.sided
    assert (
        read_mask(real_data / "chests" / "Labels" / "Case_000.nii.gz", series.grid).volume_ml()
        == mask.volume_ml()
    )


def test_an_intercept_left_out_is_put_right_and_said(tmp_path):
    from testing import flaws

    from pleura.phantom.anatomy import chest
    from pleura.phantom.writer import SeriesSpec, series, write_files

    volume, _ = chest((24, 64, 64), seed=3)
    slices = series(
        volume, SeriesSpec(seed=3, signed=False, intercept=-1024.0, declare_padding=False)
    )
    write_files(tmp_path / "in" / "Case_000", flaws.tags(slices, RescaleIntercept="0"))
    result = prepare(tmp_path / "in", tmp_path / "out")
    (case,) = Cohort.open(tmp_path / "out").cases
    assert result.about["cases"][0]["verdict"] == "repaired"
    assert "HU-OFFSET" in {finding["code"] for finding in case.about["findings"]}
    assert np.abs(case.volume().hu.astype(int) - volume.hu).max() <= 60
