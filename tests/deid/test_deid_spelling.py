"""A name is found in every spelling: by the engine, which takes it out, and by the audit, which
would see it.
"""

import random
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleura.audit.identifiers import _expanded
from pleura.audit.spelling import names, spelled
from pleura.deid.identifiers import Identifiers, name_orders, name_words
from pleura.deid.text import MASK, Scrubber

PEOPLE = {
    "Sørensen^Bjørn": "Sorensen Bjorn|SØRENSEN|Soerensen|Sörensen|bjørn|Bjoern|Sørensens",
    "Soerensen^Joerg": "Sørensen|Jörg|Sorensen|JORG",
    "Żak-Wójcik^Łukasz": "Lukasz|ŁUKASZ|Wojcik|Zak|Żak|ZakWojcik|Żak Wójcik",
    "Đorđević^Ljubiša": "Dordevic|Djordjevic|Ljubisa|ljubisha",
    "Þórsdóttir^Æsa": "Thorsdottir|Torsdottir|Aesa|ÞÓRSDÓTTIR",
    "Guðmundsson^Þór": "Gudmundsson|Thor|Gudhmundsson",
    "Weißhaupt^Jürgen": "Weisshaupt|WEISSHAUPT|Weiszhaupt|Juergen|Jurgen",
    "Çelik^Ayşe Nur": "Celik|Ayse|AYSHE|Çelik",
    "Yıldız^İsmail": "Yildiz|YILDIZ|ismail|Ismail",
    "Œuvrard^Benoît": "Oeuvrard|Benoit|ŒUVRARD",
    "Åkesson^Märta": "Akesson|Aakesson|Marta|Maerta",
    "Nguyễn^Đức Thắng": "Nguyen|NGUYEN|Duc|Thang|Nguyễn",
    "Ħaddiem^Ġorġ": "Haddiem|Gorg|ĦADDIEM",
    "Ŋuni^Áilu": "Nguni|Ailu",
    "Əliyev^Rəşad": "Eliyev|Aliyev|Reshad|Rashad",
    "Dvořák^Jiří": "Dvorak|Jiri|DVOŘÁK|Dvorzak",
    "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう": "ヤマダ|やまだ|"
    "ヤマダタロウ|山田|太郎|山田太郎さん|山田　太郎|ﾔﾏﾀﾞ|やまだ たろうは",
    "Wang^Xiaodong=王^小东": "小东|王小东|王 小东|Xiaodong|XIAODONG|患者王小东复查",
    "Hong^Gildong=洪^吉洞=홍^길동": "길동|홍길동|홍길동은|길동이가|洪吉洞|Gildong|홍 길동",
    "Иванов^Пётр": "Иванов|ИВАНОВ|Иванову|Петр|Петра|Петром|Ивановым",
    "Чайковская^Анна": "Чайковской|Анны|Анне|Анной|ЧАЙКОВСКАЯ",
    "Παπαδόπουλος^Γιώργος": "ΠΑΠΑΔΟΠΟΥΛΟΣ|Παπαδοπούλου|Γιώργου|γιωργος",
    "محمد^أحمد": "محمد|احمد|مُحَمَّد|لمحمد|والسيد محمد",
    "כהן^שלמה": "כהן|שלמה|לשלמה|שְׁלֹמֹה",
    "สมชาย^ใจดี": "สมชาย|คุณสมชายใจดี",
    "शर्मा^राजेश": "शर्मा|राजेश",
    "O'Brien^Seán": "OBrien|O’Brien|Sean|obrien's",
    "Smith^John": "ＳＭＩＴＨ|S\u00admith|Smi\u200bth|𝐒𝐦𝐢𝐭𝐡|Smith's|JohnSmith|smithjohn",
}
"""PN values, and texts in which somebody spells a part of one."""


def scrubber(name: str) -> Scrubber:
    return Scrubber(
        Identifiers(frozenset(name_words(name)), frozenset(name_orders(name))), any_date=True
    )


@pytest.mark.parametrize("name", PEOPLE)
def test_every_spelling_is_taken_out_of_a_text(name):
    clean = scrubber(name).clean
    for spelling in PEOPLE[name].split("|"):
        for text in (spelling, f"for {spelling}, 5 mm", f"({spelling})"):
            assert MASK in clean(text), text
            assert spelling.casefold() not in clean(text).casefold()
        assert clean("chest 5.0 mm, B70f, 120 kV; Thorax nativ; 胸部; 흉부; грудь") == (
            "chest 5.0 mm, B70f, 120 kV; Thorax nativ; 胸部; 흉부; грудь"
        )


INFLECTED = {
    "Анны",
    "Анне",
    "Анной",
    "Петра",
    "Чайковской",
    "Παπαδοπούλου",
    "Γιώργου",
    "لمحمد",
    "לשלמה",
    "AYSHE",
    "Dvorzak",
}
"""Spellings that the audit need not know: endings and articles beyond the stem."""


@pytest.mark.parametrize("name", PEOPLE)
def test_the_audit_would_see_most_of_them(name):
    """The audit looks for names of four letters, and of two characters in scripts without
    spaces.
    """
    wanted = names(_expanded(frozenset({("name", name.encode())}), "ISO_IR 192"))
    missed = [
        spelling
        for spelling in PEOPLE[name].split("|")
        if not list(spelled(spelling, wanted)) and spelling not in INFLECTED
        and sum(c.isalpha() for c in unicodedata.normalize("NFKC",
                                                           spelling)) > 4 and spelling.isascii()
    ]  # fmt: skip
    assert missed == [] or {*missed} <= {
        "Gudhmundsson",
        "Weiszhaupt",
        "Rashad",
        "Reshad",
        "ZakWojcik",
        "Jurgen",
        "ljubisha",
    }


def test_unrelated_words_stay():
    clean = scrubber("Hong^Gildong=洪^吉洞=홍^길동").clean
    assert clean("한국 고등 기도 확인") == "한국 고등 기도 확인"  # the same first consonants
    clean = scrubber("Ng^A=王^伟").clean
    for text in ("scanning a chest", "An angle of 5", "王国 大伟", "ng/ml a"):
        assert clean(text) == text
    assert (clean("Ng"), clean("王"), clean("伟")) == (MASK, MASK, MASK)  # whole values
    assert clean("Ng A was here") == "*** was here"


CHANGES = {
    "upper": str.upper,
    "lower": str.lower,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "wide": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "katakana": lambda text: "".join(chr(ord(c) + 0x60) if "ぁ" <= c <= "ゖ" else c for c in text),
    "hiragana": lambda text: "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in text),
    "no marks": lambda text: unicodedata.normalize(
        "NFC",
        "".join(
            c
            for c in unicodedata.normalize("NFD", text)
            if unicodedata.combining(c) != 230 or c > "\u0900"
        ),
    ),
    "soft hyphens": "\u00ad".join,
    "joiners": "\u200d".join,
}
SCRIPTS = {
    "latin": "abdegiklmnorstuvzøåæßłđšžčñéüöäþðœıħ",
    "cyrillic": "абвгдежзиклмнопрстуфхцчшщыэюя",
    "greek": "αβγδεζηθικλμνξοπρστυφχψω",
    "hiragana": "あいうえおかきくけこさしすせそたちつてとなにぬねの"
    "まみむめもやゆよらりるれろわがぎぐげござじだばび",
    "hangul": "김이박최정강조윤장임한오서신권황안송홍길동영수민지현우진",
    "han": "王李张刘陈杨赵黄周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧",
    "arabic": "بتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשת",
    "thai": "กขคงจชซญดตถทนบปผพภมยรลวศสห",
    "armenian": "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցփքօֆ",
    "georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "devanagari": "कखगघचछजझटठडढणतथदधनपफबभमयरलवशषसह",
}


@st.composite
def people(draw):
    """A name, a spelling of its family or given name, and a text around it."""
    letters = SCRIPTS[draw(st.sampled_from(sorted(SCRIPTS)))]
    unspaced = letters[0] in "あ김王ก"
    word = st.text(
        st.sampled_from(letters), min_size=2 if unspaced else 4, max_size=4 if unspaced else 9
    )
    family, given = draw(word), draw(word)
    planted = draw(st.sampled_from([family, given]))
    for name in draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=3, unique=True)):
        planted = CHANGES[name](planted)
    before, after = draw(
        st.sampled_from([("", ""), ("for ", " 5 mm"), ("(", ")"), ("1/", ";"), ("\n", "\n")])
    )
    return f"{family}^{given}", planted, f"{before}{planted}{after}"


@given(people())
@settings(max_examples=400, deadline=None)
def test_a_random_person_in_random_spelling_is_found_by_no_plain_search(person):
    name, planted, text = person
    clean = scrubber(name).clean(text)
    for view in (
        str,
        str.casefold,
        lambda s: unicodedata.normalize("NFC", s),
        lambda s: unicodedata.normalize("NFKD", s).casefold(),
    ):
        assert view(planted) not in view(clean)


@pytest.mark.parametrize("text", [
    "x", "ø", "7", "a@", "a@b.c", "1 ", "1.", "http://", "/a", "ab12 ", "dr aa ", "山", "길동",
    "smit", "smith", "12 may ",
    "mr ", "a.b-", "www.",
])  # fmt: skip
def test_the_work_grows_as_the_text_does(text):
    """Work is counted in lines of Python run; the patterns are of bounded width and never go
    back (next test).
    """
    clean = Scrubber(
        Identifiers(
            frozenset({"Smith", "Smi", "길동"}),
            frozenset({"Smith John"}),
            frozenset({"MRN-4471-902"}),
            frozenset({"19500203"}),
        ),
        any_date=True,
    ).clean
    work = []
    for count in (2000, 4000):
        steps = 0

        def trace(frame, event, _):
            nonlocal steps
            steps += event == "line"
            return trace

        sys.settrace(trace)
        try:
            clean((text * count)[:count])
        finally:
            sys.settrace(None)
        work.append(steps)
    assert work[1] < 2.2 * work[0] + 200


def test_no_pattern_can_go_back_over_a_text():
    """No repeat within a repeat that gives back, and none without a bound: each place costs a
    bounded number of steps.
    """
    import re._constants as kinds
    import re._parser as parser

    from pleura.deid import date_patterns as dates
    from pleura.deid import text as room
    from pleura.deid.values import VALID

    def check(pattern, depth, open_ended):
        for kind, what in pattern:
            if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
                _, high, inner = what
                assert high is not kinds.MAXREPEAT or open_ended, pattern
                assert depth <= 1 or high * depth <= 400, pattern
                check(inner, max(depth, 1) * min(high, 100_000), open_ended)
            elif kind is kinds.POSSESSIVE_REPEAT:
                check(what[2], 0, open_ended)
            elif kind is kinds.SUBPATTERN:
                check(what[3], depth, open_ended)
            elif kind is kinds.BRANCH:
                for branch in what[1]:
                    check(branch, depth, open_ended)
            elif kind in (kinds.ASSERT, kinds.ASSERT_NOT):
                check(what[1], depth, open_ended)

    for one in (
        room.MAIL,
        room.ADDRESSES,
        *room.OTHERS,
        *dates.DATES,
        dates.date_pattern("19500203"),
    ):
        check(parser.parse(one), 0, open_ended=False)
    for one in VALID.values():
        check(parser.parse(one.pattern), 0, open_ended=True)


def test_random_text_of_a_hundred_kilobytes_comes_back():
    letters = "".join(SCRIPTS.values()) + " .,@/-0123456789"
    text = "".join(random.Random(5).choices(letters, k=100_000))
    assert isinstance(scrubber("Smith^John").clean(text), str)
