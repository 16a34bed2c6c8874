"""`scan` on the real data beside the checkout: right about every series, by what the data's own
page says of it.
"""

from collections import defaultdict

import pytest

from pleura.verbs.scan import scan


@pytest.fixture(scope="module")
def seen(real_data):
    """Place below the data (two folders deep) to its series."""
    places = defaultdict(list)
    for series in scan(real_data).series:
        if series.files:
            parts = series.files[0].path.resolve().relative_to(real_data.resolve()).parts
            places[
                "/".join(
                    parts[
                        : 3
                        if parts[0] != "lung_dx_A0002" and parts[1] in ("Images", "formats")
                        else 2
                    ]
                )
            ].append(series)
    return places


def outcome(series):
    return series.verdict.word, {finding.code for finding in series.findings}


@pytest.mark.parametrize(
    ("case", "slices", "spacing", "padding"),
    [
        (
            "Case_000",
            133,
            (2.5, 0.859, 0.859),
            -2048,
        ),  # raw -1024 is padding, though the tag says -2000
        ("Case_001", 133, (2.5, 0.703, 0.703), -2048),
        ("Case_002", 140, (2.5, 0.820, 0.820), -2048),
        ("Case_003", 64, (5.0, 0.842, 0.842), None),
    ],
)
def test_whole_chests_are_ok(seen, case, slices, spacing, padding):
    (series,) = seen[f"chests/Images/{case}"]
    verdict, _ = outcome(series)
    assert verdict == "ok"
    assert series.slices == slices
    assert series.spacing_mm == pytest.approx(spacing, abs=1e-3)
    values = [finding.evidence["hu"] for finding in series.findings if finding.code == "PADDING"]
    assert values == ([[padding]] if padding else [])


def test_two_kernels_of_one_chest_whose_lungs_are_cut(seen):
    found = [
        series
        for place, group in seen.items()
        if place.startswith("lung_dx_A0002")
        for series in group
    ]
    assert [series.slices for series in found if series.is_ct] == [30, 30]
    assert all(outcome(series) == ("review", {"CHEST-CUT"}) for series in found if series.is_ct)
    kernels = {series.header["ConvolutionKernel"] for series in found if series.is_ct}
    assert kernels == {"B70f", "B40f"}


def test_a_tilted_head_with_uneven_steps_is_no_chest(seen):
    (series,) = seen["oddities/tilt_uneven_GE_head"]
    verdict, codes = outcome(series)
    assert (verdict, series.slices) == ("refused", 28)
    assert {"GANTRY-TILT", "UNEVEN-SPACING", "NO-LUNGS"} <= codes
    (tilt,) = [
        finding.evidence["degrees"] for finding in series.findings if finding.code == "GANTRY-TILT"
    ]
    assert tilt == pytest.approx(18.5, abs=0.1)


@pytest.mark.parametrize(("place", "slices"), [("neck_not_chest", 16), ("abdomen_j2k", 20)])
def test_what_is_no_chest_is_refused(seen, place, slices):
    (series,) = seen[f"oddities/{place}"]
    verdict, codes = outcome(series)
    assert (verdict, series.slices) == ("refused", slices)
    assert "NO-LUNGS" in codes
    if place == "abdomen_j2k":  # thickness 3 at steps of 2
        assert "THICKNESS-IS-NOT-STEP" in codes
        assert series.spacing_mm[0] == pytest.approx(2.0)


def test_a_file_that_is_cut_off_refuses_its_series(seen):
    (series,) = seen["oddities/truncated"]
    assert outcome(series) == ("refused", {"TRUNCATED"})


def test_single_slices_make_no_volumes(seen):
    found = seen["oddities/single_slices"]
    assert found
    assert all(
        outcome(series)[0] == "refused" and "ONE-SLICE" in outcome(series)[1] for series in found
    )


def test_no_other_object_passes_for_a_ct(seen):
    found = [series for group in seen.values() for series in group if not series.is_ct]
    assert {series.modality for series in found} >= {
        "MR",
        "RTSTRUCT",
        "RTPLAN",
        "RTDOSE",
        "SEG",
        "SR",
        "US",
        "OT",
    }
    assert all(
        outcome(series) in (("refused", {"NOT-CT"}), ("ok", {"LABEL-OBJECT"})) for series in found
    )


def test_a_perfusion_map_is_no_density(seen):
    found = [
        s
        for group in seen.values()
        for s in group
        if s.is_ct and s.files[0].path.name == "eCT_Supplemental.dcm"
    ]
    assert [outcome(series)[0] for series in found] == ["refused"]
    assert "MAP" in found[0].reason
