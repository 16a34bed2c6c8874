"""Structure sets as clinics and collections have them: names, planes, holes, references, and
what is refused.
"""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset

from pleura.core.errors import GridMismatch, InputRefused, UnreadableFile
from pleura.core.lung_names import side_of
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import read_judged, read_mask, write_mask
from pleura.phantom.writer import SeriesSpec, write_series

GRID = Grid.axial((6, 20, 24), (3.0, 1.0, 1.0), (-12.0, -10.0, 100.0))


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ct")
    write_series(folder, Volume(np.zeros(GRID.shape, np.int16), GRID))
    return find_series(folder)[0]


def rectangle(k, rows, columns):
    """A contour in mm round the pixels `[first, last]` of rows and columns, in the plane of
    slice k (fractions allowed).
    """
    (r0, r1), (c0, c1) = rows, columns
    z, y, x = 100.0 + 3 * k, [r0 - 10.5, r1 - 9.5], [c0 - 12.5, c1 - 11.5]
    return [(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)]


def structure_set(path, rois, *, frame="", images=None, kind="CLOSED_PLANAR"):
    """A structure set made with pydicom alone: name to contours."""
    dataset = pydicom.Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = (
        "1.2.840.10008.5.1.4.1.1.481.3",
        "1.2.3.4",
        "RTSTRUCT",
    )
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = "1.2.3.5", "1.2.3.6"
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(rois, 1):
        roi = pydicom.Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame
        dataset.StructureSetROISequence.append(roi)
        if contours is None:
            continue
        drawn = pydicom.Dataset()
        drawn.ReferencedROINumber, drawn.ContourSequence = number, []
        for points in contours:
            contour = pydicom.Dataset()
            contour.NumberOfContourPoints = len(points)
            if kind is not None:
                mode = pydicom.config.IGNORE
                contour.add(
                    pydicom.DataElement("ContourGeometricType", "CS", kind, validation_mode=mode)
                )
            contour.ContourData = [f"{v:.4f}" for point in points for v in point]
            if images:
                image = pydicom.Dataset()
                image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = (
                    "1.2.840.10008.5.1.4.1.1.2",
                    images,
                )
                contour.ContourImageSequence = [image]
            drawn.ContourSequence.append(contour)
        dataset.ROIContourSequence.append(drawn)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = (
        dataset.SOPClassUID,
        "1.2.3.4",
    )
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def codes(findings):
    return {finding.code: finding.evidence["n"] for finding in findings}


RIGHT_BOX = [rectangle(k, (4, 11), (2, 7)) for k in range(1, 5)]
LEFT_BOX = [rectangle(k, (4, 11), (14, 19)) for k in range(1, 5)]
WANTED = np.zeros(GRID.shape, np.uint8)
WANTED[1:5, 4:12, 2:8] = 1
WANTED[1:5, 4:12, 14:20] = 2


@pytest.mark.parametrize(
    ("name", "side"),
    [
        *[(name, "left") for name in ("Lung_L", "Lung L", "lung_left", "L Lung", "LT LUNG",
                                      "Left Lung", "LLUNG", "Lung (L)")],
        *[(name, "right") for name in ("Lung_R", "RIGHT LUNG", "rt_lung", "LungR", "Lung, right")],
        *[(name, "both") for name in ("Lungs", "Lung", "Lung Total", "Lungs_Combined",
                                      "both lungs")],
        *[(name, None) for name in ("Lung_L_PRV05", "Lungs-GTV", "zLung_L", "Lobe_RUL", "Heart", "",
                                    "L", "Lung_L2")],
        *[(name, None) for name in ("left lung r", "SpinalCord", "Esophagus", "Plunge",
                                    "Lungs_Sub")],
    ],
)  # fmt: skip
def test_names(name, side):
    assert side_of(name) == side


def test_lctsc_names_without_image_references(series, tmp_path):
    path = structure_set(
        tmp_path / "m.dcm",
        [("Esophagus", RIGHT_BOX), ("Lung_L", LEFT_BOX), ("Lung_R", RIGHT_BOX), ("Heart", None)],
        frame=series.frame_uid,
    )
    mask, findings = read_judged(path, series.grid, series)
    np.testing.assert_array_equal(mask.labels, WANTED)
    assert mask.sided
    assert findings == ()


@pytest.mark.parametrize("off", [0.4, -0.4, 0.5])
def test_contours_between_slices_go_to_the_nearest_one(series, tmp_path, off):
    rois = [
        ("Lung_R", [[(x, y, z + off * 3) for x, y, z in points] for points in RIGHT_BOX]),
        ("Lung_L", LEFT_BOX),
    ]
    mask, findings = read_judged(structure_set(tmp_path / "m.dcm", rois), series.grid, series)
    shift = 1 if off == 0.5 else 0  # half-way: all of them upwards, none twice
    np.testing.assert_array_equal(mask.right, np.roll(WANTED == 1, shift, axis=0))
    assert codes(findings) == {"CONTOURS-BETWEEN-SLICES": 4}


def test_uneven_spacing_takes_the_nearest_true_plane(tmp_path):
    positions = np.array([0.0, 3.0, 6.0, 16.0, 26.0, 36.0])
    affine = GRID.affine.copy()
    affine[:3, 0] = [0, 0, positions[-1] / 5]
    grid = Grid(GRID.shape, affine, positions)
    write_series(tmp_path / "ct", Volume(np.zeros(grid.shape, np.int16), grid))
    (found,) = find_series(tmp_path / "ct")
    assert not found.grid.is_even
    contours = [
        [(x, y, 100 + z) for x, y, _ in rectangle(0, (4, 11), (2, 7))]
        for z in (2.8, 6.0, 20.0, 25.0)
    ]
    mask, _ = read_judged(
        structure_set(tmp_path / "m.dcm", [("Lung_R", contours)]), found.grid, found
    )
    assert np.flatnonzero(mask.right.any(axis=(1, 2))).tolist() == [1, 2, 3, 4]


def test_holes_by_xor_and_by_keyhole(series, tmp_path):
    hole = rectangle(2, (6, 8), (3, 4))
    outer = rectangle(2, (4, 11), (2, 7))
    wanted = np.zeros(GRID.shape, bool)
    wanted[2, 4:12, 2:8] = True
    wanted[2, 6:9, 3:5] = False
    ways = {
        "two": ([outer, hole], "CLOSED_PLANAR"),
        "xor": ([outer, hole], "CLOSEDPLANAR_XOR"),
        "key": ([[*outer, outer[0], *hole[::-1], hole[-1]]], "CLOSED_PLANAR"),
    }
    for name, (contours, kind) in ways.items():
        path = structure_set(tmp_path / f"{name}.dcm", [("Lung_R", contours)], kind=kind)
        np.testing.assert_array_equal(read_mask(path, series.grid).right, wanted)


def test_what_is_odd_is_counted(series, tmp_path):
    other = series.files[0].sop_uid
    contours = [
        rectangle(1, (4, 11), (2, 7)),
        rectangle(1.3, (0, 1), (0, 1)),  # another plane that comes to slice 1 too
        rectangle(4, (4, 11), (2, 7)),  # slices 2 and 3 have none
        rectangle(4, (4, 11), (2, 7))[:2],
        rectangle(90, (4, 11), (2, 7)),
        [(-10, -6, 100), (-5, -6, 106), (-5, 2, 106), (-10, 2, 100)],
    ]
    path = structure_set(
        tmp_path / "m.dcm",
        [("Lung_R", contours), ("Lung_L", [rectangle(1, (4, 11), (6, 9))])],
        images=other,
    )
    mask, findings = read_judged(path, series.grid, series)
    assert np.flatnonzero(mask.right.any(axis=(1, 2))).tolist() == [1, 4]
    np.testing.assert_array_equal(mask.right[1], WANTED[1] == 1)
    counted = codes(findings)
    assert counted.pop("CONTOURS-WRONG-INSTANCE") >= 3
    assert counted == {
        "CONTOURS-BROKEN": 1,
        "CONTOURS-DEGENERATE": 1,
        "CONTOURS-OUTSIDE": 1,
        "CONTOURS-BETWEEN-SLICES": 1,
        "CONTOURS-CROWDED": 1,
        "CONTOURS-MISSING": 2,
        "LUNGS-OVERLAP": 16,
    }


def test_one_structure_for_both_lungs_is_unsided_and_sides_go_before_it(series, tmp_path):
    both = [*RIGHT_BOX, *LEFT_BOX]
    mask = read_mask(structure_set(tmp_path / "a.dcm", [("Lungs", both)]), series.grid)
    assert not mask.sided
    np.testing.assert_array_equal(mask.lungs, WANTED > 0)
    rois = [("Lungs", both), ("Lung_R", RIGHT_BOX), ("Lung_L", LEFT_BOX)]
    np.testing.assert_array_equal(
        read_mask(structure_set(tmp_path / "b.dcm", rois), series.grid).labels, WANTED
    )
    _, findings = read_judged(
        structure_set(tmp_path / "c.dcm", [("Lung_R", RIGHT_BOX), ("Lung_L", None)]), series.grid
    )
    assert codes(findings) == {"ONE-LUNG": 1}


def lung_codes(path, series):
    mask, findings = read_judged(path, series.grid, series)
    return mask, {finding.code for finding in findings}


def test_a_lung_drawn_twice_counts_once(series, tmp_path):
    """Each contour twice, in either direction, in either order: PS3.3 gives exclusive or to
    CLOSEDPLANAR_XOR only.
    """
    ways = {
        "same": [*RIGHT_BOX, *RIGHT_BOX],
        "reversed": [*RIGHT_BOX, *[points[::-1] for points in RIGHT_BOX]],
        "two rounds": [[*points, *points] for points in RIGHT_BOX],
        "two rounds, closed": [[*points, points[0], *points[::-1]] for points in RIGHT_BOX],
        "another first point": [*RIGHT_BOX, *[[*points[2:], *points[:2]] for points in RIGHT_BOX]],
    }
    for name, contours in ways.items():
        path = structure_set(tmp_path / f"{name}.dcm", [("Lung_R", contours), ("Lung_L", LEFT_BOX)])
        mask, codes = lung_codes(path, series)
        np.testing.assert_array_equal(mask.labels, WANTED, err_msg=name)
        assert codes == (set() if "two rounds" in name else {"CONTOURS-REPEATED"}), name


def test_pieces_that_overlap_are_united_and_reviewed(series, tmp_path):
    pieces = [[rectangle(k, (4, 11), (2, 5)), rectangle(k, (4, 11), (4, 7))] for k in range(1, 5)]
    beside = [[rectangle(k, (4, 11), (2, 4)), rectangle(k, (4, 11), (5, 7))] for k in range(1, 5)]
    for name, parts, expected in (
        ("over", pieces, {"CONTOURS-OVERLAP"}),
        ("beside", beside, set()),
    ):
        contours = [contour for pair in parts for contour in pair]
        path = structure_set(tmp_path / f"{name}.dcm", [("Lung_R", contours), ("Lung_L", LEFT_BOX)])
        mask, codes = lung_codes(path, series)
        np.testing.assert_array_equal(mask.labels, WANTED)
        assert codes == expected


def test_a_structure_that_ends_empty_is_refused(series, tmp_path):
    xor = structure_set(
        tmp_path / "xor.dcm", [("Lung_R", [*RIGHT_BOX, *RIGHT_BOX])], kind="CLOSEDPLANAR_XOR"
    )
    outside = structure_set(
        tmp_path / "out.dcm", [("Lung_R", [rectangle(90, (4, 11), (2, 7))]), ("Lung_L", LEFT_BOX)]
    )
    speck = [[(x / 50 - 9.5, y / 50 - 6.5, z) for x, y, z in points] for points in RIGHT_BOX]
    small = structure_set(tmp_path / "small.dcm", [("Lung_R", speck), ("Lung_L", LEFT_BOX)])
    for path in (xor, outside, small):
        with pytest.raises(InputRefused) as caught:
            read_mask(path, series.grid, series)
        assert caught.value.code == "LUNG-EMPTY", path.name


@pytest.mark.parametrize(
    ("kind", "code"),
    [("INTERPOLATED_PLANAR", "CONTOURS-TYPE"), ("closed_planar", None), ("Closed_Planar ", None),
     ("", "CONTOURS-TYPE"),
     (None, "CONTOURS-TYPE"), ("CLOSED PLANAR", None), ("SOMETHING", "CONTOURS-TYPE")],
)  # fmt: skip
def test_contour_types_that_tools_write(kind, code, series, tmp_path):
    path = structure_set(
        tmp_path / "m.dcm", [("Lung_R", RIGHT_BOX), ("Lung_L", LEFT_BOX)], kind=kind
    )
    mask, codes = lung_codes(path, series)
    np.testing.assert_array_equal(mask.labels, WANTED)
    assert codes == ({code} if code else set())


def test_open_contours_are_not_filled(series, tmp_path):
    rois = [("Lung_R", RIGHT_BOX), ("Lung_L", LEFT_BOX)]
    with pytest.raises(InputRefused) as caught:
        read_mask(structure_set(tmp_path / "o.dcm", rois, kind="OPEN_PLANAR"), series.grid, series)
    assert caught.value.code == "CONTOURS-NOT-CLOSED"
    closed = [(name, [[*points, points[0]] for points in contours]) for name, contours in rois]
    mask, codes = lung_codes(structure_set(tmp_path / "c.dcm", closed, kind="OPEN_PLANAR"), series)
    np.testing.assert_array_equal(mask.labels, WANTED)
    assert codes == {"CONTOURS-TYPE"}


def test_names_of_one_side_both_and_parts(series, tmp_path):
    """L6: a missing side is both lungs without the other; a partial structure is not a lung;
    near names are listed.
    """
    both = [*RIGHT_BOX, *LEFT_BOX]
    mask, codes = lung_codes(
        structure_set(tmp_path / "d.dcm", [("Lung_R", RIGHT_BOX), ("Lungs", both)]), series
    )
    np.testing.assert_array_equal(mask.labels, WANTED)
    assert codes == {"LUNG-DERIVED"}
    for names in (
        ("Lung_R", "Lung~_L"),
        ("Lung~_R", "Lung_L"),
        ("Lung~_R", "Lung~_L"),
        ("Lungs~", "Heart"),
    ):
        with pytest.raises(InputRefused) as caught:
            read_mask(
                structure_set(tmp_path / "p.dcm", zip(names, (RIGHT_BOX, LEFT_BOX), strict=True)),
                series.grid,
                series,
            )
        assert caught.value.code == "LUNG-PARTIAL"
    rois = [
        ("Lung_R", RIGHT_BOX),
        ("Lung_L", LEFT_BOX),
        ("Lung~_L", LEFT_BOX[:2]),
        ("Lung_L_AI", LEFT_BOX),
    ]
    mask, findings = read_judged(structure_set(tmp_path / "n.dcm", rois), series.grid, series)
    np.testing.assert_array_equal(mask.labels, WANTED)
    assert [finding.evidence["names"] for finding in findings] == ["Lung~_L, Lung_L_AI"]
    with pytest.raises(InputRefused, match=r"Lung_L_PRV05, Lung_R_…"):
        read_mask(
            structure_set(
                tmp_path / "x.dcm", [("Lung_L_PRV05", LEFT_BOX), ("Lung_R_Meier", RIGHT_BOX)]
            ),
            series.grid,
        )


def test_two_structures_of_one_side_must_be_identical(series, tmp_path):
    same = [("Lung_R", RIGHT_BOX), ("RT LUNG", RIGHT_BOX[::-1]), ("Lung_L", LEFT_BOX)]
    mask, codes = lung_codes(structure_set(tmp_path / "s.dcm", same), series)
    np.testing.assert_array_equal(mask.labels, WANTED)
    assert codes == {"LUNG-REPEATED"}
    with pytest.raises(InputRefused) as caught:
        read_mask(
            structure_set(tmp_path / "t.dcm", [*same, ("right lung", RIGHT_BOX[1:])]),
            series.grid,
            series,
        )
    assert caught.value.code == "LUNG-TWICE"


def test_lobes_make_lungs(series, tmp_path):
    def lobes(box, names):
        return [(name, [box[k]]) for k, name in enumerate(names)]

    right, left = (
        lobes(RIGHT_BOX, ("Lung_RLL", "RML", "right upper lobe")),
        lobes(LEFT_BOX, ("LLL", "Lung_LUL")),
    )
    mask, codes = lung_codes(structure_set(tmp_path / "l.dcm", [*right, *left]), series)
    assert [int(np.count_nonzero(mask.labels == side)) for side in (1, 2)] == [3 * 48, 2 * 48]
    assert codes == set()
    _, codes = lung_codes(structure_set(tmp_path / "m.dcm", [*right[:2], *left]), series)
    assert codes == {"LOBES-MISSING"}


def test_refusals_are_one_line(series, tmp_path):
    (tmp_path / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"nonsense" * 9)
    cases = {
        structure_set(tmp_path / "a.dcm", [("Heart", RIGHT_BOX)]): (
            InputRefused,
            "no structure is a lung",
        ),
        structure_set(tmp_path / "b.dcm", [("Lung_R", RIGHT_BOX), ("Right lung", LEFT_BOX)]): (
            InputRefused,
            "2 structures",
        ),
        structure_set(tmp_path / "c.dcm", [("Lung_R", [rectangle(90, (4, 11), (2, 7))])]): (
            GridMismatch,
            "within the volume",
        ),
        structure_set(tmp_path / "d.dcm", [("Lung_R", RIGHT_BOX)], frame="1.2.9"): (
            InputRefused,
            "frame of reference",
        ),
        tmp_path / "broken.dcm": (UnreadableFile, "corrupt"),
        series.files[0].path: (InputRefused, "is not a segmentation"),
    }
    for path, (error, words) in cases.items():
        path = path.rename(path.with_suffix(".dcm")) if path.suffix != ".dcm" else path
        with pytest.raises(error, match=words) as caught:
            read_mask(path, series.grid, series)
        assert "\n" not in str(caught.value)
    with pytest.raises(GridMismatch, match="has no grid"):
        read_mask(tmp_path / "a.dcm")


def test_a_corrupt_segmentation_is_one_line(series, tmp_path):
    write_mask(tmp_path / "m.seg.dcm", LungMask(WANTED, series.grid), series)
    whole = (tmp_path / "m.seg.dcm").read_bytes()
    for share in (0.3, 0.6, 0.9):
        (tmp_path / "cut.seg.dcm").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputRefused) as caught:
            read_mask(tmp_path / "cut.seg.dcm", series.grid, series)
        assert "\n" not in str(caught.value)


def test_labels_of_another_series_are_refused(series, tmp_path):
    shifted = Grid(GRID.shape, GRID.affine + np.array([[0, 0, 0, 0.4]] * 3 + [[0] * 4]))
    write_series(
        tmp_path / "ct",
        Volume(np.zeros(GRID.shape, np.int16), shifted),
        SeriesSpec(seed=9, study=0),
    )
    (other,) = find_series(tmp_path / "ct")
    write_mask(tmp_path / "m.seg.dcm", LungMask(WANTED, series.grid), series)
    with pytest.raises(GridMismatch, match="voxels of the volume"):
        read_mask(tmp_path / "m.seg.dcm", other.grid, other)
    with pytest.raises(GridMismatch, match="does not lie on the series"):
        write_mask(tmp_path / "n.seg.dcm", LungMask(WANTED, series.grid), other)


def changed(path, change):
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    return path


def renumber(first, second):
    def change(dataset):
        for roi, number in zip(dataset.StructureSetROISequence, (first, second), strict=True):
            roi.ROINumber = number
        for item, number in zip(dataset.ROIContourSequence, (first, second), strict=True):
            item.ReferencedROINumber = number

    return change


@pytest.mark.parametrize("other", ["Lung_L", "Heart"])
@pytest.mark.parametrize("number", [1, None])
def test_a_lung_without_a_number_of_its_own_is_refused(other, number, series, tmp_path):
    path = structure_set(tmp_path / "a.dcm", [("Lung_R", RIGHT_BOX), (other, LEFT_BOX)])
    with pytest.raises(InputRefused) as caught:
        read_mask(changed(path, renumber(number, number)), series.grid, series)
    assert caught.value.code == "ROI-NUMBER"


def test_structures_that_share_a_number_do_not_matter_beside_lungs(series, tmp_path):
    path = structure_set(tmp_path / "a.dcm", [("Lungs", RIGHT_BOX), ("Heart", LEFT_BOX)])

    def change(dataset):
        dataset.StructureSetROISequence.append(dataset.StructureSetROISequence[1])

    assert read_mask(changed(path, change), series.grid, series).labels.any()


def test_contours_of_a_number_that_no_structure_has_are_reported(series, tmp_path):
    path = structure_set(tmp_path / "a.dcm", [("Lung_R", RIGHT_BOX), ("Lung_L", LEFT_BOX)])

    def change(dataset):
        dataset.ROIContourSequence[1].ReferencedROINumber = 99

    _, findings = read_judged(changed(path, change), series.grid, series)
    assert {"CONTOURS-UNNAMED", "ONE-LUNG"} <= set(codes(findings))


def test_lungs_in_the_frame_of_reference_of_another_scan_are_left_out(series, tmp_path):
    rois = [("Lung_R", RIGHT_BOX), ("Lung_L", LEFT_BOX), ("Lung_R", LEFT_BOX)]
    frames = (series.frame_uid, series.frame_uid, "1.2.77")

    def two_scans(dataset, frames=frames):
        dataset.FrameOfReferenceUID = series.frame_uid
        for roi, frame in zip(dataset.StructureSetROISequence, frames, strict=True):
            roi.ReferencedFrameOfReferenceUID = frame
        dataset.ReferencedFrameOfReferenceSequence = []
        for frame in dict.fromkeys(frames):
            item = pydicom.Dataset()
            item.FrameOfReferenceUID = frame
            dataset.ReferencedFrameOfReferenceSequence.append(item)

    path = changed(structure_set(tmp_path / "a.dcm", rois), two_scans)
    mask, findings = read_judged(path, series.grid, series)
    np.testing.assert_array_equal(mask.labels, WANTED)
    assert "LUNG-TWICE" not in codes(findings)
    elsewhere = changed(
        structure_set(tmp_path / "b.dcm", rois), lambda ds: two_scans(ds, ("1.2.77",) * 3)
    )
    with pytest.raises(InputRefused) as caught:
        read_mask(elsewhere, series.grid, series)
    assert caught.value.code == "FRAME-OF-REFERENCE"
