"""`--gaps` of prepare and segment: lost slices refused, filled, or parted; label objects tell of
real slices alone.
"""

import json

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread
from testing import flaws
from testing.classical import segment

from pleura.core.errors import Exit, NothingUsable, UsageError
from pleura.dicom.series import find_series
from pleura.geometry.volume import LungMask
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series, write_files
from pleura.store.cohort import Cohort
from pleura.verbs.prepare import prepare
from pleura.verbs.scan import scan

SHAPE = (30, 48, 48)
LOST = (14, 15)


@pytest.fixture(scope="module")
def volume():
    return chest(SHAPE, spacing_mm=(9, 7, 7), seed=4)[0]


@pytest.fixture(scope="module")
def gapped(volume, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gapped") / "in" / "Case_007"
    write_files(folder, flaws.missing(series(volume, SeriesSpec(seed=4)), *LOST))
    return folder.parent


def codes(case):
    return {finding["code"] for finding in case["findings"]}


def test_refused_by_default(gapped, tmp_path):
    result = segment(gapped, tmp_path / "masks")
    assert result.exit_code is Exit.NOTHING_USABLE
    assert "GAP-IN-SLICES" in result.cases[0]["reason"]
    with pytest.raises(NothingUsable, match="GAP-IN-SLICES"):
        prepare(gapped, tmp_path / "cohort")
    assert [len(scan(gapped, gaps=gaps).series) for gaps in ("refuse", "interpolate", "split")] == [
        1,
        1,
        2,
    ]


@pytest.mark.parametrize("format", ["seg", "rtstruct"])
def test_interpolated_slices_are_in_no_label_object(format, gapped, volume, tmp_path):
    result = segment(gapped, tmp_path / "out", gaps="interpolate", format=format)
    (case,) = result.cases
    assert "GAP-FILLED" in codes(case)
    assert (
        json.loads((tmp_path / "out" / "run.json").read_text())["options"]["gaps"] == "interpolate"
    )
    written = dcmread(tmp_path / "out" / case["mask"])
    real = {
        str(dcmread(path).SOPInstanceUID): dcmread(path).ImagePositionPatient
        for path in gapped.rglob("*")
        if path.is_file()
    }
    with np.load(tmp_path / "out" / case["id"] / "lungs_seg.npz") as file:
        filled = file["masks"] > 0
    assert filled.shape == SHAPE
    assert filled[list(LOST)].any()
    if format == "seg":
        seg = hd.seg.Segmentation.from_dataset(written)
        named = [uid for _, _, uid in seg.get_source_image_uids()]
        places = [
            frame.PlanePositionSequence[0].ImagePositionPatient
            for frame in seg.PerFrameFunctionalGroupsSequence
        ]
        assert {round(float(place[2]), 3) for place in places} <= {
            round(float(place[2]), 3) for place in real.values()
        }
    else:
        contours = [c for roi in written.ROIContourSequence for c in roi.ContourSequence]
        named = [str(c.ContourImageSequence[0].ReferencedSOPInstanceUID) for c in contours]
        for contour, uid in zip(contours, named, strict=True):
            assert {round(float(z), 3) for z in contour.ContourData[2::3]} == {
                round(float(real[uid][2]), 3)
            }
    assert set(map(str, named)) <= set(real)
    (one,) = find_series(gapped, gaps="interpolate")
    back = read_mask(tmp_path / "out" / case["mask"], one.grid, one)
    true = np.setdiff1d(np.arange(SHAPE[0]), LOST)
    np.testing.assert_array_equal(back.lungs[true], filled[true])
    assert not back.lungs[list(LOST)].any()


def test_parts_are_cases_of_their_own(gapped, volume, tmp_path):
    made = prepare(gapped, tmp_path / "cohort", gaps="split")
    assert made.exit_code is Exit.OK
    cohort = Cohort.open(tmp_path / "cohort")
    assert [case.id for case in cohort.cases] == ["Case_007_1", "Case_007_2"]
    truth = {0: volume.hu[:14], 1: volume.hu[16:]}
    for number, case in enumerate(cohort.cases):
        np.testing.assert_array_equal(case.volume().hu, truth[number])
        assert "GAP-SPLIT" in {finding["code"] for finding in case.about["findings"]}
        start = (0, 16)[number]
        np.testing.assert_allclose(
            case.grid.to_world([0, 0, 0]), volume.grid.to_world([start, 0, 0]), atol=1e-4
        )
    with pytest.raises(UsageError, match="--gaps"):
        segment(tmp_path / "cohort", tmp_path / "masks", gaps="split")


def test_label_objects_of_parts_name_their_own_slices(gapped, tmp_path):
    for number, one in enumerate(find_series(gapped, gaps="split")):
        labels = np.zeros(one.grid.shape, np.uint8)
        labels[:, 20:30, 10:20] = 1
        labels[:, 20:30, 26:36] = 2
        for suffix in (".seg.dcm", ".rtstruct.dcm"):
            path = tmp_path / f"{number}{suffix}"
            write_mask(path, LungMask(labels, one.grid), one)
            np.testing.assert_array_equal(read_mask(path, one.grid, one).labels, labels)
            text = path.read_bytes()
            own = {plane.sop_uid for plane in one.files}
            others = {
                plane.sop_uid for s in find_series(gapped, gaps="split") for plane in s.files
            } - own
            assert all(uid.encode() in text for uid in own)
            assert not any(
                uid.encode() + b"\0" in text or uid.encode() + b" " in text for uid in others
            )
