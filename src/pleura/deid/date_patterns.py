"""Patterns of dates as people write them, for text in plain lower case (`folding.plain`)."""

import re
from collections.abc import Callable
from datetime import date, timedelta

from pleura.deid.calendars import ISLAMIC_MONTHS, PERSIAN_MONTHS, islamic, persian
from pleura.deid.folding import plain

MONTHS = (
    "january januar janvier januari enero gennaio janeiro styczen stycznia leden ledna sijecnja "
    "sijecanj januara tammikuuta tammikuu ianuarie ocak января январь січня ιανουαριου ιανουαριος "
    "يناير كانون ינואר มกราคม ม.ค.",
    "february februar fevrier februari febrero febbraio fevereiro luty lutego unor unora veljace "
    "veljaca februara helmikuuta helmikuu februarie subat февраля февраль лютого φεβρουαριου "
    "φεβρουαριος فبراير شباط פברואר กุมภาพันธ์ ก.พ.",
    "march marz maerz mars maart marzo marco marzec marca brezen brezna ozujka ozujak marta "
    "maaliskuuta maaliskuu martie mart marcius марта март березня μαρτιου μαρτιος مارس اذار מרץ "
    "มีนาคม มี.ค.",
    "april avril abril aprile kwiecien kwietnia duben dubna travnja travanj aprila huhtikuuta "
    "huhtikuu aprilie nisan aprilis апреля апрель квитня απριλιου απριλιος ابريل نيسان אפריל "
    "เมษายน เม.ย.",
    "may mai mayo maggio maio mei maj maja kveten kvetna svibnja svibanj toukokuuta toukokuu "
    "mayis majus мая маи травня μαιου μαιος مايو ايار מאי พฤษภาคม พ.ค.",
    "june juni juin junio giugno junho czerwiec czerwca cerven cervna lipnja lipanj juna kesakuuta "
    "kesakuu iunie haziran junius июня июнь червня ιουνιου ιουνιος يونيو حزيران יוני มิถุนายน "
    "มิ.ย.",
    "july juli juillet julio luglio julho lipiec lipca cervenec cervence srpnja srpanj jula "
    "heinakuuta heinakuu iulie temmuz julius июля июль липня ιουλιου ιουλιος يوليو تموز יולי "
    "กรกฎาคม ก.ค.",
    "august aout agosto augustus augusti sierpien sierpnia srpen srpna kolovoza kolovoz augusta "
    "elokuuta elokuu agustos augusztus августа август серпня αυγουστου αυγουστος اغسطس اب אוגוסט "
    "สิงหาคม ส.ค.",
    "september septembre septiembre settembre setembro wrzesien wrzesnia zari rujna rujan "
    "septembra syyskuuta syyskuu septembrie eylul szeptember сентября сентябрь вересня σεπτεμβριου "
    "σεπτεμβριος سبتمبر ايلول ספטמבר กันยายน ก.ย.",
    "october oktober octobre octubre ottobre outubro pazdziernik pazdziernika rijen rijna "
    "listopada listopad oktobra lokakuuta lokakuu octombrie ekim октября октябрь жовтня "
    "οκτωβριου οκτωβριος اكتوبر تشرين אוקטובר ตุลาคม ต.ค.",
    "november novembre noviembre novembro listopad listopada studenoga studeni novembra "
    "marraskuuta marraskuu noiembrie kasim ноября ноябрь листопада νοεμβριου νοεμβριος نوفمبر "
    "נובמבר พฤศจิกายน พ.ย.",
    "december dezember decembre diciembre dicembre dezembro grudzien grudnia prosinec prosince "
    "prosinca decembra joulukuuta joulukuu decembrie aralik декабря декабрь грудня δεκεμβριου "
    "δεκεμβριος ديسمبر דצמבר ธันวาคม ธ.ค.",
)
"""Months in the languages of Europe and its neighbours, without marks, also their beginnings."""

_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
_ERAS = (("明治", "㍾", "m", 1868), ("大正", "㍽", "t", 1912), ("昭和", "㍼", "s", 1926),
         ("平成", "㍻", "h", 1989), ("令和", "㋿", "r", 2019),
         ("民国", "民国", "roc", 1912))  # fmt: skip
_ANY_ERA = "(?:" + "|".join(f"{name}|{sign}" for name, sign, _, _ in _ERAS) + ")"
_DIGITS = "〇一二三四五六七八九"
_ZERO = "[〇零○]"
_BUDDHIST = 543  # years

_SIGN = r"[\W_年月日년월일]"
_BETWEEN = rf"{_SIGN}{{1,4}}+"
_MAYBE = rf"{_SIGN}{{0,4}}+(?:de |of |the |den )?"
_SHORT = r" ?[-./·–—]{1,2}+ ?"
_NTH = r"(?:st|nd|rd|th|\.|er|e|a|º)?"
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"


def _words(month: str) -> str:
    """A pattern for a month, by whole words and by their first three and four letters."""
    words = set(month.split())
    words |= {word[:length] for word in words for length in (3, 4) if len(word) > length}
    listed = "|".join(map(re.escape, sorted(words, key=lambda w: (-len(w), w))))
    return rf"ב?(?:{listed})\.?"  # the Hebrew "in" is part of the word


def _whole_words(month: str) -> str:
    """A pattern for a month of the East, by whole words."""
    return "|".join(re.escape(plain(word)).replace("_", r"[\W_]{0,2}") for word in month.split())


_WORDS = tuple(map(_words, MONTHS))
_ANY = "(?:" + "|".join(_WORDS) + ")"
_PERSIAN, _ISLAMIC = (
    tuple(map(_whole_words, PERSIAN_MONTHS)),
    tuple(map(_whole_words, ISLAMIC_MONTHS)),
)
_EAST, _EAST_YEAR = "(?:" + "|".join(_PERSIAN + _ISLAMIC) + ")", r"1[34]\d\d"

DATES = (
    rf"(?<!\d){_YEAR}[-./ _]?(?:0[1-9]|1[0-2])[-./ _]?(?:0[1-9]|[12]\d|3[01])(?!\d)",
    rf"(?<![\d.]){_YEAR} ?[-/年년]{{1,2}}+ ?{_MONTH} ?[-/月월]{{1,2}}+ ?{_DAY}(?!\d)[日일]?",
    rf"(?<![\d.])\d{{1,2}}{_SHORT}\d{{1,2}}{_SHORT}{_YEAR}(?!\d)",
    rf"(?<![^\W_])\d{{1,2}}{_NTH}{_MAYBE}{_ANY},?{_MAYBE}(?:(?:19|20)?\d\d)(?!\d)",
    rf"(?<![^\W_]){_ANY}[\W_]{{0,3}}+\d{{1,2}}{_NTH}[\W_]{{1,3}}+{_YEAR}(?!\d)",
    rf"(?<!\d){_YEAR}[\W_]{{1,3}}+{_ANY}[\W_]{{1,3}}+\d{{1,2}}(?!\d)",
    rf"{_ANY_ERA} ?(?:\d{{1,3}}|元){_BETWEEN}{_MONTH}{_BETWEEN}{_DAY}(?!\d)日?",
    rf"(?:[{_DIGITS}零○]{{4}}|{_ANY_ERA}[{_DIGITS}零○十百元]{{1,6}}+)年[{_DIGITS}十]{{1,2}}月"
    rf"[{_DIGITS}十廿卅]{{1,3}}[日号]",
    rf"(?<![\d.]){_EAST_YEAR} ?[-/] ?{_MONTH} ?[-/] ?{_DAY}(?!\d)",
    rf"(?<![\d.]){_DAY} ?[-/] ?{_MONTH} ?[-/] ?{_EAST_YEAR}(?!\d)",
    rf"(?<![^\W_])(?:\d{{1,2}}{_MAYBE}{_EAST}{_MAYBE}{_EAST_YEAR}|"
    rf"{_EAST_YEAR}{_MAYBE}{_EAST}{_MAYBE}\d{{1,2}})(?!\d)",
)
"""Dates of anybody."""


def date_pattern(day: str) -> str:
    """A pattern for one day, `YYYYMMDD`, in all its forms."""
    try:
        moment = date(int(day[:4]), int(day[4:6]), int(day[6:8]))
    except ValueError:
        return re.escape(day)
    y, yy, m, d = f"{moment:%Y}", f"{moment:%y}", rf"0?{moment.month}", rf"0?{moment.day}"
    word = f"(?:{_WORDS[moment.month - 1]}|{_ROMAN[moment.month - 1]})"
    years = f"(?:{y}|{moment.year + _BUDDHIST})"
    forms = [
        rf"{years}{_BETWEEN}{m}{_BETWEEN}{d}",
        rf"{y}{_MAYBE}{moment:%m}{_MAYBE}{moment:%d}",
        rf"{d}{_BETWEEN}{m}{_BETWEEN}{years}",
        rf"{m}{_BETWEEN}{d}{_BETWEEN}{years}",
        rf"(?:{d}{_SHORT}{m}|{m}{_SHORT}{d}){_SHORT}{yy}",
        f"{moment:%d%m%Y}|{moment:%m%d%Y}|{moment:%y%m%d}|{moment:%d%m%y}|{moment:%m%d%y}",
        rf"{yy}[-./ ]{moment:%m}[-./ ]{moment:%d}",
        rf"{d}{_NTH}{_MAYBE}{word},?{_MAYBE}(?:{years}|{yy})",
        rf"{word}{_MAYBE}{d}{_NTH},?{_MAYBE}(?:{years}|{yy})",
        rf"{years}{_MAYBE}{word}{_MAYBE}{d}",
        rf"{word}{_MAYBE}{years}{_MAYBE}{d}",
        rf"{_eras(moment, str)}{_MAYBE}{m}{_BETWEEN}{d}",
        rf"(?:{_chinese_year(y)}|{_eras(moment, _chinese)})年{_chinese(moment.month)}月"
        rf"{_chinese(moment.day)}[日号]",
        *_eastern(moment),
    ]
    return r"(?<!\d)(?:" + "|".join(forms) + r")(?!\d)[日일]?"


def _eastern(moment: date) -> list[str]:
    """The day in the calendars of the East; in the Islamic one also the days beside it."""
    if not 1800 < moment.year < 2250:
        return []
    found = []
    dates = [(persian(moment), _PERSIAN)]
    for days in (-1, 0, 1):
        year, month, day = islamic(moment + timedelta(days))
        dates.append(((year, month, day), _ISLAMIC))
        if day == 1 and month > 1:  # the month before had 30 days where the moon was seen late
            dates.append(((year, month - 1, 30), _ISLAMIC))
    for (year, month, day), names in dates:
        m, d, word = rf"0?{month}", rf"0?{day}", f"(?:{names[month - 1]})"
        found += [
            rf"{year}{_BETWEEN}{m}{_BETWEEN}{d}",
            rf"(?:{d}{_BETWEEN}{m}|{m}{_BETWEEN}{d}){_BETWEEN}{year}",
            rf"{d}{_MAYBE}{word}{_MAYBE}{year}",
            rf"{year}{_MAYBE}{word}{_MAYBE}{d}",
        ]
    return found


def _eras(moment: date, number: Callable[[int], str]) -> str:
    """The year in eras of Japan and Taiwan, as 昭和26年, 昭26, S26 or 民國40年."""
    names = [
        rf"(?:{name}|{sign}|(?<!\w){name[0]}|{letter}\.?) ?{number(moment.year - first + 1)}"
        for name, sign, letter, first in _ERAS
        if 0 < moment.year - first + 1 < (65 if name != "民国" else 200)
    ]
    return "(?:" + "|".join(names) + ")"


def _chinese_year(year: str) -> str:
    return "".join(_ZERO if digit == "0" else _DIGITS[int(digit)] for digit in year)


def _chinese(number: int) -> str:
    """A number below 200 in Chinese characters, as 三十六, and 元 for the first year."""
    if number == 1:
        return "[一元]"
    if number >= 100:
        return f"一?百(?:{_ZERO}?{_chinese(number - 100)})" if number > 100 else "一?百"
    tens, ones = divmod(number, 10)
    begins = ("", "一?十", "(?:二十|廿)", "(?:三十|卅)")
    first = begins[tens] if tens < len(begins) else f"{_DIGITS[tens]}十"
    return first + (_DIGITS[ones] if ones else "")
