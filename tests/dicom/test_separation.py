"""Volumes under one SeriesInstanceUID are separated by the one attribute that gives complete,
uniform stacks.
"""

import numpy as np
import pytest
from testing import flaws

from pleura.core.findings import Verdict
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import SeriesSpec, series, uid, write_files

SPEC = SeriesSpec(declare_padding=False)
SHAPE = (12, 16, 16)


def made(seed=1, slices=12, step=2.0, start=0.0):
    hu = np.random.default_rng(seed).integers(-1000, 100, (slices, *SHAPE[1:])).astype(np.int16)
    return Volume(hu, Grid.axial(hu.shape, (step, 0.7, 0.7), (0.0, 0.0, start)))


def second(volume, **tags):
    """A stack under the first one's SeriesInstanceUID, equal to it in every attribute but
    `tags`.
    """
    first = series(made(), SPEC)[0]
    same = {"SeriesNumber": first.SeriesNumber, "SeriesDescription": first.SeriesDescription}
    thickness = first.get("SliceThickness")
    same |= {} if thickness is None else {"SliceThickness": thickness}
    slices = series(volume, SeriesSpec(number=2, declare_padding=False))
    return flaws.tags(slices, SeriesInstanceUID=uid("series", 0, 1), **(same | tags))


def usable(folder):
    return [one for one in find_series(folder) if one.usable]


def by(one):
    return [found.evidence["by"] for found in one.findings if found.code == "SPLIT-BY-ATTRIBUTE"]


SEPARATING = {
    "SliceThickness": ("1", "5"),
    "KVP": ("80", "140"),
    "SeriesNumber": ("3", "4"),
    "SeriesDescription": ("Thorax", "Thorax späte Phase"),
    "AcquisitionDateTime": ("20200101120000", "20200101120130"),
    "ConvolutionKernel": ("B30f", "B70f"),
    "FilterType": ("WEDGE_1", "WEDGE_2"),
    "ProtocolName": ("native", "contrast"),
    "ContrastBolusAgent": ("", "Iomeron"),
    "SeriesTime": ("120000", "120100"),
    "ReconstructionAlgorithm": ("ITERATIVE", "FILTER_BACK_PROJ"),
    "TemporalPositionIndex": (1, 2),
    "XRayTubeCurrent": ("100", "200"),
    "ScanOptions": ("HELICAL", "AXIAL"),
}


@pytest.mark.parametrize("name", SEPARATING)
@pytest.mark.parametrize("start", [0.0, 1.0], ids=["coincident", "half a step aside"])
def test_one_attribute_separates_two_stacks(name, start, tmp_path):
    if start and name not in (
        "SliceThickness",
        "KVP",
        "SeriesNumber",
        "SeriesDescription",
        "ConvolutionKernel",
    ):
        # two stacks that interleave into a uniform one are one series, unless their reconstruction
        # differs
        start = 0.7
    volumes = made(), made(seed=2, start=start)
    one, other = SEPARATING[name]
    write_files(
        tmp_path,
        [
            *flaws.tags(second(volumes[0]), **{name: one}),
            *(s for s in flaws.tags(renamed(volumes[1]), **{name: other})),
        ],
    )
    found = usable(tmp_path)
    assert [one.slices for one in found] == [12, 12]
    assert all(by(one) == [name] for one in found)
    assert {one.read().hu.tobytes() for one in found} == {volume.hu.tobytes() for volume in volumes}


def renamed(volume):
    """As `second`, with instances of their own."""
    slices = second(volume)
    for k, one in enumerate(slices):
        one.SOPInstanceUID = f"2.25.77{k}"
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    return slices


@pytest.mark.parametrize("start", [0.0, 0.5, 1.25])
def test_thin_and_thick_reconstructions(start, tmp_path):
    thin, thick = made(slices=30, step=1.0), made(seed=2, slices=6, step=5.0, start=start)
    write_files(
        tmp_path,
        [*second(thin, SliceThickness="1"), *flaws.tags(renamed(thick), SliceThickness="5")],
    )
    found = usable(tmp_path)
    assert sorted(one.slices for one in found) == [6, 30]
    assert all(by(one) == ["SliceThickness"] for one in found)


@pytest.mark.parametrize("gaps", ["refuse", "interpolate", "split"])
def test_no_slices_are_invented_out_of_two_stacks(gaps, tmp_path):
    thin, thick = made(step=2.5), made(seed=2, slices=6, step=5.0, start=1.25)
    write_files(tmp_path, [*second(thin), *flaws.tags(renamed(thick), InstanceNumber="1")])
    (one,) = find_series(tmp_path, gaps=gaps)
    assert not one.missing
    assert one.verdict is Verdict.REFUSED
    assert "interpolate" not in one.reason


def test_an_incomplete_stack_between_another_is_refused(tmp_path):
    thin, thick = made(step=2.5), made(seed=2, slices=6, step=5.0, start=1.25)
    thick_slices = flaws.missing(flaws.tags(renamed(thick), SliceThickness="5"), 2)
    write_files(tmp_path, [*second(thin, SliceThickness="2.5"), *thick_slices])
    for gaps in ("refuse", "interpolate"):
        (one,) = find_series(tmp_path, gaps=gaps)
        assert one.reason.startswith(
            "STACKS-INTERLEAVED: two stacks of slices interleave: SliceThickness differs"
        )


def test_one_attribute_alone_is_preferred_to_two(tmp_path):
    """Two cardiac phases of two slabs: the phase alone gives two whole stacks, times and slabs
    only halves.
    """
    slices = []
    for phase in (1, 2):
        stack = renamed(made(seed=phase))
        for k, one in enumerate(stack):
            slab = k // 6
            one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"2.25.8{phase}{k}"
            one.AcquisitionNumber = str(slab + 1)
            one.AcquisitionTime = f"1200{phase}{slab}"
            one.NominalPercentageOfCardiacPhase = 40.0 * phase
        slices += stack
    write_files(tmp_path, slices)
    found = usable(tmp_path)
    assert [one.slices for one in found] == [12, 12]
    assert all(by(one) == ["NominalPercentageOfCardiacPhase"] for one in found)


@pytest.mark.parametrize(
    "keyword", ["FrameReferenceDateTime", "FrameAcquisitionDateTime", "TemporalPositionTimeOffset"]
)
def test_frames_are_separated_by_what_each_frame_has(keyword, tmp_path):
    objects = [enhanced(second(made())), enhanced(renamed(made(seed=2)))]
    joined = objects[0]
    for number, one in enumerate(objects):
        for frame in one.PerFrameFunctionalGroupsSequence:
            value = (
                1.5 * number
                if keyword == "TemporalPositionTimeOffset"
                else f"2020010112{number:02d}00"
            )
            setattr(frame.FrameContentSequence[0], keyword, value)
    joined.PerFrameFunctionalGroupsSequence = [
        frame for one in objects for frame in one.PerFrameFunctionalGroupsSequence
    ]
    joined.NumberOfFrames = 24
    joined.PixelData = objects[0].PixelData + objects[1].PixelData
    write_files(tmp_path, [joined])
    found = usable(tmp_path)
    assert [one.slices for one in found] == [12, 12]
    assert all(by(one) == [keyword] for one in found)


def test_a_single_slice_between_gaps_is_refused_and_the_rest_used(tmp_path):
    for number, lost in enumerate([(1,), (5, 7), (10,), (1, 3, 5)]):
        slices = second(made())
        write_files(tmp_path / str(number), [one for k, one in enumerate(slices) if k not in lost])
        found = find_series(tmp_path / str(number), gaps="split")
        alone = [
            one for one in found if any(finding.code == "ONE-SLICE" for finding in one.findings)
        ]
        assert alone
        assert all(one.verdict is Verdict.REFUSED for one in alone)
        assert sum(one.slices for one in found) == 12 - len(lost)
        assert any(one.usable for one in found)
