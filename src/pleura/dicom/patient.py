"""Whether a header describes another patient than an adult; the values themselves are not kept."""

import re
from datetime import date
from typing import Any

from pleura.anatomy import thresholds as t
from pleura.dicom.values import numbers, text

AGE = re.compile(r"0*(\d{1,3})([DWMY])")
"""An age string (PS3.5 6.2, AS), also with fewer digits than three."""
YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")
"""A date (PS3.5 6.2, DA), also with the separators of old objects and of ISO 8601."""
HUMAN = re.compile(r"|.*(human|homo.?sapiens|h\. ?sapiens|mensch|humain).*", re.IGNORECASE)
"""PatientSpeciesDescription of a person; empty where nobody said so."""


def unlike_an_adult(age: Any, birth_date: Any, study_date: Any, weight: Any, species: Any) -> str:
    """The attribute that shows a child or an animal; empty where none does.

    PatientAge decides; where it is missing, zero or not an age, PatientBirthDate at the StudyDate
    does; where these do not tell either, PatientWeight. Zero is what anonymisers leave.

    Args:
        age: PatientAge.
        birth_date: PatientBirthDate.
        study_date: StudyDate.
        weight: PatientWeight, in kg.
        species: PatientSpeciesDescription.
    """
    if not HUMAN.fullmatch(text(species)):
        return "PatientSpeciesDescription"
    years = _years_of(text(age))
    if years is not None:
        return "PatientAge" if years < t.ADULT_YEARS else ""
    years = _years_between(text(birth_date), text(study_date))
    if years is not None:
        return "PatientBirthDate" if years < t.ADULT_YEARS else ""
    kilograms = numbers(weight, 1)
    if kilograms is not None and 0 < kilograms[0] < t.LIGHTEST_ADULT_KG:
        return "PatientWeight"
    return ""


def _years_of(age: str) -> float | None:
    """An age in years; `None` where the text is not an age, or zero."""
    found = AGE.fullmatch(age.strip().upper())
    if found is None or not int(found[1]):
        return None
    return int(found[1]) * YEARS[found[2]]


def _years_between(birth: str, study: str) -> float | None:
    """Years from birth to study; `None` where a date is missing, or birth is not before study."""
    born, studied = _date_of(birth), _date_of(study)
    if born is None or studied is None or born >= studied:
        return None
    had_birthday = (studied.month, studied.day) >= (born.month, born.day)
    whole = studied.year - born.year - (not had_birthday)
    return max(float(whole), YEARS["D"])


def _date_of(value: str) -> date | None:
    found = DATE.fullmatch(value.strip())
    if found is None:
        return None
    try:
        return date(*map(int, found.groups()))
    except ValueError:  # no such day
        return None
