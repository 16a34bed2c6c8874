"""Dates of the Persian and the Islamic calendar in a text, as days of ours."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

_YEARS = range(1250, 1500)
"""Years of both calendars that can be of people: 1834 to 2121 of ours."""
_PERSIAN = (
    "فرو far", "ارد ord", "خرد kho", "تير tir", "مرد امر mor", "شهر sha", "مهر meh", "ابا aba",
    "اذر aza", "دي dey", "بهم bah", "اسف esf",
)  # fmt: skip
_ISLAMIC = (
    "محر muh", "صفر saf", "ربي rab", "ربي rab", "جما jum", "جما jum", "رجب raj", "شعب sha",
    "رمض ram", "شوا sha", "ذو ذي dhu zul", "ذو ذي dhu zul",
)  # fmt: skip
"""First letters of the months; a name of two words stands for both months that begin so."""
_DAY = re.compile(
    r"(?=(?<!\d)(\d{1,4})[\W_]{0,3}([^\W\d_]{2,14})(?:[\W_]{1,2}[^\W\d_]{1,10}){0,2}[\W_]{0,3}"
    r"(\d{1,4})(?!\d))"
)


def days_of(year: int, month: int, day: int) -> Iterator[str]:
    """The days, `YYYYMMDD`, that numbers may mean in the two calendars.

    In the Islamic one the days beside it too: a month begins when the moon is seen.
    """
    if year not in _YEARS or not 1 <= month <= 12 or not day:
        return
    if day <= (31 if month < 7 else 30):
        yield f"{_persian(year, month, day):%Y%m%d}"
    if day <= 30:
        seen = _islamic(year, month, day)
        yield from (f"{seen + timedelta(off):%Y%m%d}" for off in (-1, 0, 1))


def named_days(text: str) -> Iterator[str]:
    """The days, `YYYYMMDD`, with the name of a month, in text in lower case without marks."""
    for found in _DAY.finditer(text.translate({0x6CC: 0x64A, 0x649: 0x64A, 0x6A9: 0x643})):
        for day, year in ((found[1], found[3]), (found[3], found[1])):
            if len(day) > 2 or int(year) not in _YEARS:
                continue
            for month in range(1, 13):
                stem = found[2][: 2 if found[2][:2] in ("دي", "ذو", "ذي") else 3]
                if stem in f"{_PERSIAN[month - 1]} {_ISLAMIC[month - 1]}".split():
                    yield from days_of(int(year), month, int(day))


def _persian(year: int, month: int, day: int) -> date:
    """By the days since 979, of which 33 years have eight leap days."""
    years = year - 979
    days = 365 * years + years // 33 * 8 + (years % 33 + 3) // 4 + 78 + day
    days += 31 * (month - 1) if month < 7 else 186 + 30 * (month - 7)
    return date(1600, 1, 1) + timedelta(days)


def _islamic(year: int, month: int, day: int) -> date:
    """By the number of the Julian day of the tabular calendar."""
    julian = (11 * year + 3) // 30 + 354 * year + 30 * month - (month - 1) // 2 + day + 1948055
    return date.fromordinal(julian - 1721425)
