"""Images that were computed from slices, and cone-beam CT, are never segmented without a word."""

import pytest
from testing import flaws
from testing.series_changes import PLAIN, good

from pleura.core.findings import Verdict
from pleura.dicom.series import find_series
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import series, write_files


def codes(folder):
    (found,) = find_series(folder)
    return {one.code: one.verdict for one in found.findings}


@pytest.mark.parametrize(
    "value", ["MIP", "MINIP", "CSA MIP", "MIP_THIN", "AVERAGE", "MAXIMUM", "MINIMUM", "MEAN"]
)
def test_projections_of_any_spelling_need_review(value, tmp_path):
    image_type = ["DERIVED", "SECONDARY", "AXIAL", value]
    write_files(tmp_path, flaws.tags(series(good(), PLAIN), ImageType=image_type))
    assert codes(tmp_path)["PROJECTION"] is Verdict.REVIEW


@pytest.mark.parametrize("value", ["CSA MPR", "MIPLESS", "REFORMATTED", "CT_SOM7 SPI", "HELIX"])
def test_a_reformat_is_no_projection(value, tmp_path):
    image_type = ["DERIVED", "SECONDARY", "AXIAL", value]
    write_files(tmp_path, flaws.tags(series(good(), PLAIN), ImageType=image_type))
    assert "PROJECTION" not in codes(tmp_path)


@pytest.mark.parametrize("of_frames", [False, True])
@pytest.mark.parametrize(
    ("keyword", "value", "is_projection"),
    [
        ("VolumeBasedCalculationTechnique", "MAX_IP", True),
        ("VolumeBasedCalculationTechnique", "MIN_IP", True),
        ("VolumeBasedCalculationTechnique", "CURVED_MPR", True),
        ("VolumeBasedCalculationTechnique", "MPR", False),
        ("VolumetricProperties", "SAMPLED", True),
        ("VolumetricProperties", "DISTORTED", True),
        ("VolumetricProperties", "VOLUME", False),
    ],
)
def test_how_an_enhanced_image_was_computed(keyword, value, is_projection, of_frames, tmp_path):
    """PS3.3 C.8.16.2: for the object, or for its frames where the object is MIXED."""
    one = enhanced(series(good(), PLAIN))
    one.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    frame_type = one.SharedFunctionalGroupsSequence[0].CTImageFrameTypeSequence[0]
    frame_type.FrameType = one.ImageType
    setattr(frame_type, keyword, value)
    setattr(one, keyword, "MIXED" if of_frames else value)
    write_files(tmp_path, [one])
    assert ("PROJECTION" in codes(tmp_path)) is is_projection


@pytest.mark.parametrize(
    ("tags", "attribute"),
    [
        ({"ManufacturerModelName": "On-Board Imager"}, "ManufacturerModelName"),
        ({"ManufacturerModelName": "XVI"}, "ManufacturerModelName"),
        ({"ManufacturerModelName": "AXIOM-Artis"}, "ManufacturerModelName"),
        ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "CBCT"]}, "ImageType"),
    ],
)
def test_cone_beam_ct_needs_review(tags, attribute, tmp_path):
    write_files(tmp_path, flaws.tags(series(good(), PLAIN), **tags))
    (found,) = find_series(tmp_path)
    (cone_beam,) = (one for one in found.findings if one.code == "CONE-BEAM")
    assert cone_beam.verdict is Verdict.REVIEW
    assert cone_beam.evidence["attribute"] == attribute


@pytest.mark.parametrize("name", ["SOMATOM Force", "Revolution XVIII", "Artistic CT", ""])
def test_other_scanners_are_no_cone_beam(name, tmp_path):
    write_files(tmp_path, flaws.tags(series(good(), PLAIN), ManufacturerModelName=name))
    assert "CONE-BEAM" not in codes(tmp_path)


@pytest.mark.parametrize(
    ("description", "is_projection"),
    [
        ("AX MIP 8/2", True),
        ("Thorax_MinIP_5mm", True),
        ("AVE CT", True),
        ("4D AIP", True),
        ("Lung 1.0 B60f", False),
        ("MIPLESS average-free", True),
        ("Paved road", False),
        ("Cavernous", False),
        ("", False),
    ],
)
def test_what_the_series_is_called(description, is_projection, tmp_path):
    write_files(tmp_path, flaws.tags(series(good(), PLAIN), SeriesDescription=description))
    (found,) = find_series(tmp_path)
    named = [one for one in found.findings if one.code == "PROJECTION"]
    assert bool(named) is is_projection
    assert all(one.evidence == {"attribute": "SeriesDescription"} for one in named)
