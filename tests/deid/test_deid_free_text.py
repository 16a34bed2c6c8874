"""What people write into free text about a patient: dates of other calendars and numerals,
telephones, ages; and text in a character set that the file does not declare.
"""

import datetime
import random
import re
from io import BytesIO

import pytest
from hostile.corpus import images
from hostile.people import OTTOLINE
from pydicom import config, dcmread, dcmwrite

from pleura.audit.check import check_file
from pleura.audit.dates import days_in
from pleura.deid import writing
from pleura.deid.choices import Choices
from pleura.deid.engine import Patient
from pleura.deid.identifiers import Identifiers
from pleura.deid.text import MASK, Scrubber
from pleura.deid.writing import Writer

WHO = Patient("Deid_000", bytes(range(32)), -1000)
ANYBODY = Scrubber(Identifiers(), any_date=True)
OF_1961 = (
    "昭36.05.03|S36.5.3|昭和36年5月3日|昭和三十六年五月三日|民國50年5月3日|民国五十年五月三日|"
    "ROC 50/5/3|一九六一年五月三日|3 במאי 1961|3 מאי 1961"
).split("|")


@pytest.mark.parametrize("text", OF_1961)
def test_a_birth_date_is_found_in_other_calendars_and_numerals(text):
    born = Scrubber(Identifiers(dates=frozenset({"19610503"})), any_date=False)
    assert born.clean(f"CT {text} 5 mm") == f"CT {MASK} 5 mm"
    assert born.clean(f"CT {text.replace('3', '4').replace('三', '四')} 5 mm") != f"CT {MASK} 5 mm"
    if not text.startswith("S"):  # a letter and numbers may be a vertebra too
        assert "19610503" in set(days_in(f"CT {text} 5 mm"))


def han(number):
    """A number below 200 as people write it."""
    digits = "〇一二三四五六七八九"
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    words = "一百" if hundreds else ""
    words += "零" if hundreds and rest and not tens else ""
    words += (digits[tens] if tens > 1 or hundreds else "") + "十" if tens else ""
    return words + (digits[ones] if ones else "")


def test_random_days_are_found_however_east_asia_writes_them():
    rng = random.Random(5)
    for _ in range(300):
        day = datetime.date(1926, 12, 26) + datetime.timedelta(days=rng.randrange(36_000))
        era, before = ("昭和", 1925)
        if day.year > 1989:
            era, before = ("平成", 1988) if day.year < 2019 else ("令和", 2018)
        if rng.random() < 0.5:
            era, before = "民國", 1911
        years = day.year - before
        texts = [f"{era}{years}年{day.month}月{day.day}日", f"{era}{years}.{day:%m.%d}"]
        texts += [f"{era}{han(years)}年{han(day.month)}月{han(day.day)}日"]
        year = "".join("〇一二三四五六七八九"[int(digit)] for digit in str(day.year))
        texts += [f"{year}年{han(day.month)}月{han(day.day)}日"]
        known = Scrubber(Identifiers(dates=frozenset({f"{day:%Y%m%d}"})), any_date=False)
        for text in texts:
            assert known.clean(f"({text})") == f"({MASK})", text
            assert f"{day:%Y%m%d}" in set(days_in(f"({text})")), text
            assert ANYBODY.clean(f"({text})") == f"({MASK})", text


@pytest.mark.parametrize(
    "text",
    [
        "Tel. 030/1234567", "Fax: 089 12 34 56 78", "call 555-0199", "ext 4412", "电话13800138000",
        "Mobile: 0170/1234567", "тел. 8 (495) 123-45-67", "030/1234567", "e.roe(at)clinic.org",
        "94 y/o", "91 years", "104 Jahre", "95 ans", "98歳",
    ],
)  # fmt: skip
def test_telephones_addresses_and_ages_over_89_go(text):
    assert ANYBODY.clean(f"see {text}, 5 mm") == f"see {MASK}, 5 mm"


@pytest.mark.parametrize(
    "text",
    [
        "90Y SIRT", "89 years", "45 y/o", "HU -1000 to 400", "120 kVp 95 mAs", "FOV 350 mm",
        "ext. carotid 2.5", "cell count", "phone 5", "01/2020", "B70f 0.75", "1.94 years", "元",
        "030 1234", "T4/5/6", "三月", "平均 5.6", "matrix 512/512", "100-1500", "LOW EXT 5.0 B30f",
        "EXT 1.25mm",
    ],
)  # fmt: skip
def test_numbers_of_technique_stay(text):
    assert ANYBODY.clean(text) == text


UNDECLARED = {
    "gb18030": ("王^小东", "胸部 王小东 复查", "胸部 *** 复查"),
    "big5": ("陳^大文", "胸部 陳大文", "胸部 ***"),
    "shift_jis": ("山田^太郎", "胸部CT 山田太郎様", "胸部CT ***様"),
    "euc_kr": ("홍^길동", "흉부 길동님", "흉부 ***님"),
    "utf-8": ("王^小东", "胸部 小东", "胸部 ***"),
    "cp1250": ("Żak^Łukasz", "Klatka Żak", "Klatka ***"),
    "cp1251": ("Иванов^Пётр", "Грудь Пётр", "Грудь ***"),
    "tis-620": ("สมชาย^ใจดี", "ทรวงอก สมชาย", "ทรวงอก ***"),
}
"""By encoding: a name, a text with it, and what may be left of the text."""


def with_value(file, mark, text):
    """A file in Explicit VR Little Endian whose value `mark` became `text`."""
    at = file.index(mark)
    size = int.from_bytes(file[at - 2 : at], "little")
    text += b" " * (len(text) % 2)
    return file[: at - 2] + len(text).to_bytes(2, "little") + text + file[at + size :]


@pytest.mark.parametrize("encoding", UNDECLARED)
@pytest.mark.filterwarnings("ignore")
def test_nothing_of_a_name_is_left_where_no_character_set_is_declared(encoding):
    name, text, left = UNDECLARED[encoding]
    with config.disable_value_validation():
        (ds,) = images(OTTOLINE, 31, slices=1)
        del ds.SpecificCharacterSet
        ds.PatientName, ds.StudyDescription, ds.SeriesDescription = (
            "MARK0000",
            "MARK1111",
            "MARK2222",
        )
        out = BytesIO()
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        dcmwrite(out, ds, enforce_file_format=True, implicit_vr=False, little_endian=True)
        source = out.getvalue()
        source = with_value(source, b"MARK0000", name.encode(encoding))
        source = with_value(source, b"MARK1111", text.encode(encoding))
        choices = Choices(dates="remove", retain=frozenset({"descriptors"}))
        written = writing.encoded(Writer(choices, WHO).changed(source)[0])
        kept = str(dcmread(BytesIO(written)).StudyDescription).encode("latin-1")
    assert {finding.code for finding in check_file(source, written)} == set()
    assert kept.decode(encoding) == left


@pytest.mark.parametrize("name", ["Erika_Mustermann_1961", "Mustermann^Erika^^^4711"])
def test_the_number_in_a_name_is_taken_out_of_text_too(name):
    from pydicom import Dataset

    from pleura.deid.identifiers import harvest

    ds = Dataset()
    ds.PatientName = name
    number = re.search(r"\d+", name)[0]
    assert Scrubber(harvest(ds), any_date=False).clean(f"Mustermann {number}") == f"{MASK} {MASK}"
