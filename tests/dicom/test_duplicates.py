"""What series say of each other: halves of one stack, and one stack twice; phases and neighbours
on the table say nothing.
"""

from dataclasses import replace

import numpy as np
import pytest
from testing import flaws
from testing.series_changes import PLAIN, good

from pleura.core.findings import Verdict
from pleura.dicom.series import find_series
from pleura.geometry.volume import Volume
from pleura.phantom.identity import uid
from pleura.phantom.writer import series, write_files


def outcome(folder, code):
    return [
        finding for one in find_series(folder) for finding in one.findings if finding.code == code
    ]


def test_a_series_that_goes_on_in_another_is_to_be_looked_at(tmp_path):
    slices = series(good(), PLAIN)
    write_files(tmp_path, flaws.tags(slices, *range(16, 32), SeriesInstanceUID=uid("rest", 0)))
    assert [finding.verdict for finding in outcome(tmp_path, "STACK-SHARED")] == [
        Verdict.REVIEW
    ] * 2


@pytest.mark.parametrize(
    "differs",
    [
        {"ConvolutionKernel": "B70f"},
        {"StudyInstanceUID": uid("other", 1)},
        {"FrameOfReferenceUID": uid("other", 2)},
        {"SliceThickness": "3"},
    ],
    ids=lambda one: next(iter(one)),
)
def test_what_was_reconstructed_apart_is_no_half(tmp_path, differs):
    slices = series(good(), PLAIN)
    write_files(
        tmp_path, flaws.tags(slices, *range(1, 32, 2), SeriesInstanceUID=uid("half", 0), **differs)
    )
    assert not outcome(tmp_path, "STACK-SHARED")


def phase(number):
    """The same places, other noise."""
    noise = np.random.default_rng(number).integers(0, 9, good().hu.shape).astype(np.int16)
    return series(Volume(good().hu + noise, good().grid), replace(PLAIN, seed=number))


def test_phases_in_the_same_places_are_not_one_series(tmp_path):
    for number in range(4):
        write_files(tmp_path / str(number), phase(number))
    assert not outcome(tmp_path, "STACK-SHARED")
    assert not outcome(tmp_path, "SAME-AS-ANOTHER")


@pytest.mark.parametrize("syntax", ["explicit", "jpeg-ls"])
def test_the_second_and_third_of_a_kind_name_the_first(tmp_path, syntax):
    for number in range(3):
        write_files(
            tmp_path / str(number), series(good(), replace(PLAIN, seed=number, syntax=syntax))
        )
    first, *others = find_series(tmp_path)
    assert not first.findings or all(
        finding.code != "SAME-AS-ANOTHER" for finding in first.findings
    )
    for one in others:
        (finding,) = (finding for finding in one.findings if finding.code == "SAME-AS-ANOTHER")
        assert finding.verdict is Verdict.REVIEW
        assert first.id in finding.message


def test_blank_series_and_unreadable_ones_are_no_twins(tmp_path):
    blank = Volume(np.zeros_like(good().hu), good().grid)
    for number in range(2):
        write_files(tmp_path / "blank" / str(number), series(blank, replace(PLAIN, seed=number)))
        paths = write_files(
            tmp_path / "broken" / str(number),
            series(good(), replace(PLAIN, seed=9 + number, syntax="jpeg-ls")),
        )
        for path in paths:
            path.write_bytes(flaws.truncated(path.read_bytes()))
    assert not outcome(tmp_path, "SAME-AS-ANOTHER")
