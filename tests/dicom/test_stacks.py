"""Which slices make a volume: neither noise nor kind nor number parts a good series, and nothing
strange slips into one.
"""

from copy import deepcopy

import numpy as np
import pytest
from pydicom import Dataset
from testing import flaws

from pleura.core.findings import Verdict
from pleura.dicom.header_checks import check_headers
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.enhanced import enhanced
from pleura.phantom.identity import uid
from pleura.phantom.writer import SeriesSpec, decimal, series, write_files

SHAPE = (12, 16, 14)
SPEC = SeriesSpec(declare_padding=False)


def made(axes=None, step=2.5, seed=1):
    hu = np.random.default_rng(seed).integers(-900, 900, SHAPE).astype(np.int16)
    affine = Grid.axial(SHAPE, (step, 0.7, 0.9), (-90.0, -80.0, 20.0)).affine.copy()
    affine[:3, :3] = (np.eye(3) if axes is None else axes) @ affine[:3, :3]
    return Volume(hu, Grid(SHAPE, affine))


def others(seed, **tags):
    """A second stack under the first one's SeriesInstanceUID, for all that it says."""
    second = series(made(seed=seed), SeriesSpec(number=2, declare_padding=False))
    return flaws.tags(second, SeriesInstanceUID=uid("series", 0, 1), **tags)


def unnamed(seed):
    """A second stack that no attribute but times and InstanceNumber separates from the first."""
    first = series(made(), SPEC)[0]
    return others(seed, SeriesNumber=first.SeriesNumber, SeriesDescription=first.SeriesDescription)


def volumes(folder):
    return [one.read() for one in find_series(folder) if one.usable]


def holds(found, volume, within_mm=0.02):
    return any(
        one.hu.shape == volume.hu.shape
        and (one.hu == volume.hu).all()
        and one.grid.same_as(volume.grid, tolerance_mm=within_mm)
        for one in found
    )


@pytest.mark.parametrize("degrees", [0, 20, 45, 70])
def test_noise_of_cosines_parts_nothing(degrees, tmp_path):
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    volume = made(np.array([[1, 0, 0], [0, c, -s], [0, s, c]]))
    slices, rng = series(volume, SPEC), np.random.default_rng(0)
    for one in slices:
        one.ImageOrientationPatient = [
            decimal(float(x) + rng.normal(0, 1e-4)) for x in one.ImageOrientationPatient
        ]
    write_files(tmp_path, slices)
    (one,) = find_series(tmp_path)
    assert one.verdict is Verdict.OK
    assert holds([one.read()], volume, 0.1)


@pytest.mark.parametrize("step", [0.625, 1.25, 2.5])
def test_positions_in_tenths_of_a_millimetre_are_even(step, tmp_path):
    volume = made(step=step)
    slices = series(volume, SPEC)
    for one in slices:
        one.ImagePositionPatient = [f"{float(x):.1f}" for x in one.ImagePositionPatient]
    write_files(tmp_path / "whole", slices)
    (one,) = find_series(tmp_path / "whole")
    assert (one.verdict, one.grid.is_even) == (Verdict.OK, True)
    assert holds([one.read()], volume, 0.1)
    write_files(tmp_path / "gap", flaws.missing(slices, 5))
    assert "GAP-IN-SLICES: 1 slice is missing" in find_series(tmp_path / "gap")[0].reason


def test_steps_that_creep_are_not_even(tmp_path):
    write_files(tmp_path, flaws.shifted(series(made(), SPEC), np.cumsum([0.0] * 6 + [0.045] * 6)))
    (one,) = find_series(tmp_path)
    assert "UNEVEN-SPACING" in one.reason
    for k, plane in enumerate(one.files):
        np.testing.assert_allclose(one.grid.to_world([k, 0, 0]), plane.position, atol=1e-6)


def test_original_and_derived_slices_of_one_stack_stay_together(tmp_path):
    slices = series(made(), SPEC)
    for one in slices[::2]:
        one.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
    write_files(tmp_path, slices)
    assert holds(volumes(tmp_path), made())


def test_projections_are_no_slices(tmp_path):
    slabs = flaws.shifted(
        others(2, ImageType=["DERIVED", "SECONDARY", "AXIAL", "MIP"]), [1.2] * 12
    )[::4]
    write_files(tmp_path, [*series(made(), SPEC), *slabs])
    found = find_series(tmp_path)
    assert sorted((one.slices, one.verdict.word) for one in found) == [(3, "review"), (12, "ok")]
    assert holds(volumes(tmp_path), made())


@pytest.mark.parametrize(
    "tags",
    [{"StudyInstanceUID": "1.2.3"}, {"FrameOfReferenceUID": "1.2.4"}, {"Manufacturer": "Other"}],
)
def test_a_uid_that_two_scans_share_is_two_series(tags, tmp_path):
    write_files(tmp_path, [*series(made(), SPEC), *flaws.shifted(others(2, **tags), [30.0] * 12)])
    assert [one.slices for one in find_series(tmp_path)] == [12, 12]
    assert holds(volumes(tmp_path), made())


def test_a_frame_of_reference_for_each_file_is_noise(tmp_path):
    slices = series(made(), SPEC)
    for k, one in enumerate(slices):
        one.FrameOfReferenceUID = uid("frame", k)
    write_files(tmp_path, slices)
    assert holds(volumes(tmp_path), made())


def test_phases_and_kernels_at_once_are_four_volumes(tmp_path):
    slices = [*series(made(), SPEC)]
    for k, (phase, kernel) in enumerate([(1, "LUNG"), (2, "STANDARD"), (2, "LUNG")], 2):
        more = others(k, AcquisitionNumber=phase, ConvolutionKernel=kernel)
        slices += flaws.tags(more)
        for one in slices[-12:]:
            one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = uid(
                "instance", k, one.SOPInstanceUID
            )
    write_files(tmp_path, slices)
    found = volumes(tmp_path)
    assert len(found) == 4
    assert all(holds(found, made(seed=seed)) for seed in range(1, 5))


def test_times_of_each_slice_part_nothing(tmp_path):
    slices = [*series(made(), SPEC), *unnamed(2)]
    for k, (one, number) in enumerate(
        zip(slices, np.random.default_rng(0).permutation(24), strict=True)
    ):
        one.AcquisitionTime = one.ContentTime = f"{100000 + k}"
        one.InstanceNumber = str(number + 1)
    write_files(tmp_path, slices)
    (one,) = find_series(tmp_path)
    assert "SLICES-SHARE-A-PLACE" in one.reason


def test_runs_of_instance_numbers_tell_phases_apart_for_review(tmp_path):
    second = unnamed(2)
    write_files(tmp_path, [*series(made(), SPEC), *flaws.instance_numbers(second, range(13, 25))])
    found = find_series(tmp_path)
    assert {one.verdict for one in found} == {Verdict.REVIEW}
    assert holds(volumes(tmp_path), made())
    assert holds(volumes(tmp_path), made(seed=2))


def test_passes_that_overlap_are_told_apart(tmp_path):
    write_files(
        tmp_path,
        [*series(made(), SPEC), *flaws.shifted(others(2, AcquisitionNumber=2), [26.1] * 12)],
    )
    assert [one.slices for one in find_series(tmp_path)] == [12, 12]
    assert holds(volumes(tmp_path), made())


def test_a_slice_sent_again_later_is_a_copy(tmp_path):
    slices = flaws.duplicated(series(made(), SPEC), 3, new_uid=True)
    slices[-1].ContentTime = "235959"
    write_files(tmp_path, slices)
    (one,) = find_series(tmp_path)
    assert [finding.code for finding in one.findings] == ["COPIES-DROPPED"]
    assert holds([one.read()], made())


@pytest.mark.parametrize("told_by", ["StackID", "TemporalPositionIndex", "FrameAcquisitionNumber"])
def test_frames_of_several_volumes_in_one_object(told_by, tmp_path):
    one = enhanced([*series(made(), SPEC), *others(2)])
    for k, item in enumerate(one.PerFrameFunctionalGroupsSequence):
        setattr(
            item.FrameContentSequence[0],
            told_by,
            (k // 12 + 1) if told_by != "StackID" else str(k // 12 + 1),
        )
    write_files(tmp_path, [one])
    found = volumes(tmp_path)
    assert len(found) == 2
    assert holds(found, made())
    assert holds(found, made(seed=2))


def test_parts_of_a_concatenation_are_one_volume(tmp_path):
    slices = series(made(), SPEC)
    parts = [enhanced(slices[:5]), enhanced(slices[5:])]
    for k, one in enumerate(parts):
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = uid("part", k)
    write_files(tmp_path, parts)
    assert holds(volumes(tmp_path), made())


@pytest.mark.parametrize("text", ["nan", "inf", "1e30"])
def test_positions_of_no_world_are_refused(text, tmp_path):
    slices = deepcopy(series(made(), SPEC))
    paths = write_files(tmp_path, slices)
    data = paths[4].read_bytes()
    start = data.index(b"\x20\x00\x32\x00DS") + 8
    length = int.from_bytes(data[start - 2 : start], "little")
    paths[4].write_bytes(
        data[:start] + f"{text}\\0\\0".encode().ljust(length)[:length] + data[start + length :]
    )
    (one,) = find_series(tmp_path)
    assert "NO-POSITION" in one.reason


def test_maps_are_no_density(tmp_path):
    perfusion = ["DERIVED", "PRIMARY", "PERFUSION", "RCBF"]
    slices = flaws.tags(series(made(), SPEC), ImageType=perfusion, RescaleType="US")
    write_files(tmp_path / "classic", slices)
    object_ = enhanced(series(made(), SPEC))
    object_.ImageType = perfusion
    write_files(tmp_path / "enhanced", [object_])
    for folder in ("classic", "enhanced"):
        (one,) = find_series(tmp_path / folder)
        assert "MAP" in one.reason


def test_slices_beside_each_other_make_no_grid(tmp_path):
    slices = series(made(), SPEC)
    for one in slices[len(slices) // 2 :]:
        x, y, z = one.ImagePositionPatient
        one.ImagePositionPatient = [str(float(x) + 3), y, z]
    write_files(tmp_path, slices)
    (one,) = find_series(tmp_path)
    assert "SLICES-ASIDE" in one.reason


def test_a_modality_lut_is_named(tmp_path):
    slices = series(made(), SPEC)
    for one in slices:
        lut = Dataset()
        lut.LUTDescriptor, lut.ModalityLUTType, lut.LUTData = [2, 0, 16], "HU", b"\0\0\1\0"
        one.ModalityLUTSequence = [lut]
    write_files(tmp_path, slices)
    (one,) = find_series(tmp_path)
    assert "MODALITY-LUT" in one.reason


def test_a_modality_that_contradicts_the_class_wants_a_look(tmp_path):
    write_files(tmp_path, flaws.tags(series(made(), SPEC), Modality="MR"))
    (one,) = find_series(tmp_path)
    assert "MODALITY-DISAGREES" in one.reason


@pytest.mark.parametrize(
    "tags",
    [
        {"FrameOfReferenceUID": "2.25.5"},
        {"StudyInstanceUID": "2.25.6"},
        {"Manufacturer": "Another"},
    ],
)
@pytest.mark.parametrize("which", [slice(1, None, 2), slice(6, None), slice(0, 2)])
def test_parts_of_one_even_stack_that_name_another_origin_want_a_look(which, tags, tmp_path):
    slices = series(made(), SPEC)
    write_files(tmp_path, flaws.tags(slices, *range(*which.indices(len(slices))), **tags))
    found = find_series(tmp_path)
    assert len(found) == 2
    for one in found:
        assert one.verdict is Verdict.REVIEW
        assert "UID-SHARED" in [finding.code for finding in one.findings]


def test_slices_of_other_cells_want_a_look(tmp_path):
    slices = series(made(), SPEC)
    write_files(tmp_path, flaws.tags(slices, 3, BitsStored=12, HighBit=11))
    (one,) = find_series(tmp_path)
    assert one.verdict is Verdict.REVIEW
    assert "CELLS-DIFFER" in [finding.code for finding in one.findings]


def test_a_series_uid_for_each_file_is_told(tmp_path):
    slices = series(made(), SPEC)
    for k, one in enumerate(slices):
        one.SeriesInstanceUID = f"2.25.{1000 + k}"
    write_files(tmp_path, slices)
    found = find_series(tmp_path)
    assert len(found) == len(slices)
    assert all("one of 12 such series that make one stack" in one.reason for one in found)
    (apart, *_) = find_series(next(tmp_path.iterdir()))
    assert "has no slice spacing" in apart.reason


@pytest.mark.parametrize("syntax", ["rle", "explicit"])
def test_frames_that_are_not_all_there_are_truncated(syntax, tmp_path):
    write_files(tmp_path, series(made(), SeriesSpec(declare_padding=False, syntax=syntax)))
    (one,) = find_series(tmp_path)
    cut = [plane._replace(complete=False) for plane in one.files]
    assert [finding.code for finding in check_headers(cut)] == ["TRUNCATED"]
