"""A day in the Persian and in the Islamic calendar."""

from datetime import date

PERSIAN_MONTHS = (
    "فروردین farvardin", "اردیبهشت ordibehesht", "خرداد khordad", "تیر tir",
    "مرداد امرداد mordad", "شهریور shahrivar", "مهر mehr", "آبان aban", "آذر azar", "دی dey",
    "بهمن bahman", "اسفند esfand",
)  # fmt: skip
ISLAMIC_MONTHS = (
    "محرم muharram", "صفر safar", "ربيع_الأول rabi_al_awwal rabi_i",
    "ربيع_الآخر ربيع_الثاني rabi_al_thani rabi_ii", "جمادى_الأولى jumada_al_awwal jumada_i",
    "جمادى_الآخرة جمادى_الثانية jumada_al_thani jumada_ii", "رجب rajab",
    "شعبان shaaban shaban", "رمضان ramadan ramazan", "شوال shawwal",
    "ذو_القعدة ذي_القعدة dhu_al_qadah", "ذو_الحجة ذي_الحجة dhu_al_hijjah",
)  # fmt: skip
"""Names of months, by words; an underscore stands for any sign between two words."""

_NEW_YEAR = date(2021, 3, 21)
_YEAR = 1400  # which begins then
_LEAP = {1, 5, 9, 13, 17, 22, 26, 30}  # of 33 years

Day = tuple[int, int, int]
"""Year, month and day."""


def persian(day: date) -> Day:
    """The day in the Solar Hijri calendar; of the years 1799 to 2256, whose leap years repeat."""
    since, year = (day - _NEW_YEAR).days, _YEAR
    while since < 0:
        year -= 1
        since += _length(year)
    while since >= _length(year):
        since -= _length(year)
        year += 1
    if since < 186:
        return year, since // 31 + 1, since % 31 + 1
    return year, (since - 186) // 30 + 7, (since - 186) % 30 + 1


def islamic(day: date) -> Day:
    """The day in the tabular Islamic calendar; what is seen of the moon may be a day off."""
    since = (day - date(622, 7, 19)).days
    year = (30 * since + 10646) // 10631
    of_year = since - (354 * (year - 1) + (3 + 11 * year) // 30)
    month = 1
    while month < 12 and of_year >= (length := 30 if month % 2 else 29):
        of_year -= length
        month += 1
    return year, month, of_year + 1


def _length(year: int) -> int:
    return 365 + (year % 33 in _LEAP)
