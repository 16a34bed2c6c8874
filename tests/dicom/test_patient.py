"""Children and animals are told by their headers; pleura was measured on adults only."""

import pytest
from testing import flaws
from testing.series_changes import PLAIN, good

from pleura.core.findings import Verdict
from pleura.dicom.patient import unlike_an_adult
from pleura.dicom.series import find_series
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import series, write_files

BORN, AT_17, AT_18 = "20001231", "20181230", "20181231"


@pytest.mark.parametrize(
    ("age", "birth", "study", "weight", "species", "shown_by"),
    [
        ("004Y", "", "", "", "", "PatientAge"),
        ("017Y", "", "", "", "", "PatientAge"),
        ("018Y", "", "", "", "", ""),
        ("102Y", "", "", "", "", ""),
        ("006M", "", "", "", "", "PatientAge"),
        ("200M", "", "", "", "", "PatientAge"),
        ("216M", "", "", "", "", ""),
        ("003W", "", "", "", "", "PatientAge"),
        ("012D", "", "", "", "", "PatientAge"),
        ("4Y", "", "", "", "", "PatientAge"),
        (" 004y ", "", "", "", "", "PatientAge"),
        ("FOUR", "", "", "", "", ""),
        ("4", "", "", "", "", ""),
        ("-04Y", "", "", "", "", ""),
        ("004Y\\060Y", "", "", "", "", ""),
        ("000Y", "", "", "", "", ""),
        ("", BORN, AT_17, "", "", "PatientBirthDate"),
        ("", BORN, AT_18, "", "", ""),
        ("000Y", BORN, AT_17, "", "", "PatientBirthDate"),
        ("FOUR", "2000.12.31", "2018-12-30", "", "", "PatientBirthDate"),
        ("060Y", BORN, AT_17, "20", "", ""),
        ("", "19000101", AT_17, "", "", ""),
        ("", AT_17, BORN, "", "", ""),
        ("", BORN, BORN, "", "", ""),
        ("", "20000230", AT_17, "", "", ""),
        ("", "", "", "12.5", "", "PatientWeight"),
        ("", "", "", "35", "", ""),
        ("", "", "", "0", "", ""),
        ("", "", "", "-1", "", ""),
        ("", "", "", "light", "", ""),
        ("", BORN, "", "12.5", "", "PatientWeight"),
        ("060Y", "", "", "", "Canis lupus familiaris", "PatientSpeciesDescription"),
        ("060Y", "", "", "", "Homo sapiens", ""),
        ("060Y", "", "", "", "HUMAN", ""),
        (None, None, None, None, None, ""),
    ],
)
def test_which_attribute_shows_a_child_or_an_animal(age, birth, study, weight, species, shown_by):
    assert unlike_an_adult(age, birth, study, weight, species) == shown_by


def findings_of(folder):
    (found,) = find_series(folder)
    return [one for one in found.findings if one.code == "NOT-AN-ADULT"]


@pytest.mark.parametrize("is_enhanced", [False, True])
@pytest.mark.parametrize(
    ("tags", "attribute"),
    [
        ({"PatientAge": "004Y"}, "PatientAge"),
        ({"PatientAge": "", "PatientBirthDate": "20100501"}, "PatientBirthDate"),
        ({"PatientAge": "", "PatientBirthDate": "", "PatientWeight": "14"}, "PatientWeight"),
        ({"PatientSpeciesDescription": "Felis catus"}, "PatientSpeciesDescription"),
    ],
)
def test_the_series_of_a_child_or_an_animal_needs_review(tags, attribute, is_enhanced, tmp_path):
    slices = flaws.tags(series(good(), PLAIN), StudyDate="20111218", **tags)
    write_files(tmp_path, [enhanced(slices)] if is_enhanced else slices)
    (found,) = findings_of(tmp_path)
    assert found.verdict is Verdict.REVIEW
    assert found.evidence["attribute"] == attribute
    assert not any(value and value in found.message for value in tags.values())


def test_an_adult_needs_none(tmp_path):
    write_files(tmp_path, series(good(), PLAIN))
    assert not findings_of(tmp_path)
