"""Read the dates that a text has, in the words and orders of many languages.

It reads numbers and words and returns days; it does not look for one day in given forms.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date

from pleura.audit.calendars import days_of, named_days

_STEMS = """
jan gen ene sty led sij tam ian oca янв січ ιαν ينا ינו
feb fev lut uno vel hel sub фев лют φεβ فبر פבר
mar maa mrt brz ozu бер μαρ مار мар bre מרץ
apr avr abr kwi dub tra huh nis апр кві απρ ابر אפר
may mai mag maj mei kve svi tou маи тра μαι ماي מאי
jun jui giu cze cer lip kes haz июн чер ιου يون יונ
jul jui lug srp hei tem iul июл лип ιου يول lip cer יול
aug aou ago sie srp kol elo авг сер αυγ اغس אוג
sep set wrz zar ruj syy eyl сен вер σεπ سبت ספט
oct okt ott out paz rij lis lok eki окт жов οκτ اكت אוק
nov lis stu mar kas ноя лис νοε نوف נוב
dec dez dic gru pro jou ara дек гру δεκ ديس דצמ
"""
"""First letters of the months in languages of Europe and its neighbours, a month a line."""
_MONTHS = _STEMS.strip().splitlines()

_NUMBERS = re.compile(
    r"(?=(?<!\d)(\d{1,4})(?:\W{1,3}|_|[年년] ?)(\d{1,2})(?:\W{1,3}|_|[月월] ?)(\d{1,4})(?!\d))"
)
_HAN = {numeral: value for value, numeral in enumerate("〇一二三四五六七八九")} | {"零": 0, "○": 0}
_HAN_NUMBER = re.compile("[〇零○一二三四五六七八九十百廿卅元]+(?=[年月日号])")
_YEARS_BEFORE = {
    **{"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018},
    **{"明": 1867, "大": 1911, "昭": 1925, "平": 1988, "令": 2018},
    **{"民國": 1911, "民国": 1911, "roc": 1911},
}
"""The year before the first of each era of Japan, and of Taiwan."""
_ERA = re.compile("(" + "|".join(sorted(_YEARS_BEFORE, key=len)[::-1]) + r") ?(\d{1,3})(?=[\W年])")
_DAY_FIRST = re.compile(
    r"(?<!\d)(\d{1,4})(?:st|nd|rd|th)?[\W_]{0,3}(?:of |de )?([^\W\d_]{3,12})[\W_]{0,3}(?:de )?"
    r"(\d{1,4})(?!\d)"
)
_WORD_FIRST = re.compile(r"([^\W\d_]{3,12})[\W_]{0,3}(\d{1,2})(?:st|nd|rd|th)?[\W_]{1,3}(\d{4})")


def days_in(text: str) -> Iterator[str]:
    """Every day that a text may mean, as `YYYYMMDD`; several for an ambiguous date."""
    plain = _western(plain_text(text))
    yield from named_days(plain)
    for found in _NUMBERS.finditer(plain):
        one, two, three = found.groups()
        yield from _days(one, [two], three)
        yield from _days(two, [one], three)
    for found in _DAY_FIRST.finditer(plain):
        yield from _days(found[1], _months(found[2]), found[3])
    for found in _WORD_FIRST.finditer(plain):
        yield from _days(found[2], _months(found[1]), found[3])


def _western(text: str) -> str:
    """Text with the numbers of Chinese characters as digits, and years of eras as years."""
    digits = _HAN_NUMBER.sub(lambda found: str(_value(found[0])), text)
    return _ERA.sub(lambda found: str(_YEARS_BEFORE[found[1]] + int(found[2])), digits)


def _value(number: str) -> int:
    """The value of a number as 三十六, 一百零七, or digit by digit 一九六一."""
    if number == "元":
        return 1
    spelled = number.replace("廿", "二十").replace("卅", "三十").replace("元", "")
    if not set(spelled) & set("十百"):
        return int("".join(str(_HAN[numeral]) for numeral in spelled) or "0")
    total, unit = 0, 0
    for numeral in spelled:
        if numeral in _HAN:
            unit = _HAN[numeral]
            continue
        total += (unit or 1) * (100 if numeral == "百" else 10)
        unit = 0
    return total + unit


def _days(one: str, months: list[str], other: str) -> Iterator[str]:
    """Days of a month where one of two numbers is a year of four digits."""
    for day, year in ((one, other), (other, one)):
        for month in months:
            if len(year) == 4 and len(day) < 3 and len(month) < 3:
                yield from days_of(int(year), int(month), int(day))
                try:
                    yield f"{date(int(year), int(month), int(day)):%Y%m%d}"
                except ValueError:
                    continue


def _months(word: str) -> list[str]:
    word = word.removeprefix("ב") if len(word) > 3 else word  # the Hebrew "in"
    return [str(k) for k, stems in enumerate(_MONTHS, 1) if word[:3] in stems.split()]


def plain_text(text: str) -> str:
    """Text in lower case without marks, with digits of any script as ASCII."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    bare = (c for c in letters if not unicodedata.combining(c))
    plain = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in bare)
    return unicodedata.normalize("NFC", plain)
