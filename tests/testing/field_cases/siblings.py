"""Siblings of the faults: cases of the same kind that the field trial did not list."""

from collections.abc import Sequence
from pathlib import Path

from pydicom import Dataset, config

from pleura.audit.dates import days_in
from pleura.audit.identifiers import _expanded
from pleura.audit.spelling import names, spelled
from pleura.core.errors import InputRefused
from pleura.deid.identifiers import Identifiers, name_orders, name_words
from pleura.deid.text import MASK, Scrubber
from testing.field_cases.case import AT_ONCE, FieldCase, collector, refusal
from testing.field_cases.identity import PROFILE, audit, ct, published
from testing.field_cases.labels_in import (
    NESTED,
    SLICES,
    WHOLE,
    contours,
    loop,
    named,
    segments,
)

CASES: list[FieldCase] = []
I1 = collector("I1", CASES, sibling=True)
ALL_SEEN = r"^(\d+) of \1 taken out by deidentify; (\d+) of \2 seen by verify; chest 5 mm stays$"


def in_texts(people: dict[str, str]) -> str:
    """How many spellings the engine takes out of a text, and how many the audit sees in one."""
    out = seen = count = 0
    for name, spellings in people.items():
        known = Identifiers(frozenset(name_words(name)), frozenset(name_orders(name)))
        clean = Scrubber(known, any_date=True).clean
        wanted = names(_expanded(frozenset({("name", name.encode())}), "ISO_IR 192"))
        for spelling in spellings.split("|"):
            count += 1
            text = f"seen {spelling}, chest 5 mm"
            after = clean(text)
            out += MASK in after and spelling not in after and not list(spelled(after, wanted))
            seen += any(True for _ in spelled(text, wanted))
    stays = "stays" if clean("chest 5 mm") == "chest 5 mm" else "goes"
    return (
        f"{out} of {count} taken out by deidentify; {seen} of {count} seen by verify; "
        f"chest 5 mm {stays}"
    )


def spelled_as(what: str, people: dict[str, str]) -> None:
    listed = "; ".join(f"{name}: {texts.replace('|', ', ')}" for name, texts in people.items())
    I1(f"{what}: {listed}", before="published", authority=PROFILE, right=ALL_SEEN)(
        lambda folder: in_texts(people)
    )


spelled_as(
    "names in another alphabet",
    {
        "Щукин^Иван": "Shchukin|SHCHUKIN|Щукину",
        "Ivanova^Maria": "Иванова|Мария",
        "Παπαδάκης^Νίκος": "Papadakis|ΠΑΠΑΔΑΚΗΣ|Παπαδάκη",
    },
)
spelled_as(
    "names misread or escaped, UTF-8 as Latin-1, entities, percent signs, lost letters",
    {
        "Müllerholz^Jürgen": "M\u00c3\u00bcllerholz|M&uuml;llerholz|M%C3%BCllerholz|"
        "M&#252;llerholz|M\\u00fcllerholz|M=FCllerholz",
        "Łukaszewicz^Jan": "\u00c5\u0081ukaszewicz|&#321;ukaszewicz|\u00a3ukaszewicz",
        "Yıldızhan^Ali": "Y\u00fdld\u00fdzhan",
    },
)
spelled_as(
    "names with separators, invisible characters and letters of another alphabet in them",
    {
        "Quillfeather^Ottoline": "Quill-feather|Q u i l l f e a t h e r|quill_feather|"
        "Quill\u034ffeather|Quil\u00adlfeather|Quillf\u0435ather|Ⓠuillfeather|\u202eQuillfeather",
        "van der Berg^Jan": "VanderBerg|vdBerg",
    },
)
spelled_as(
    "names of Arabic, Hebrew, Indian and Caucasian scripts, with other letters and endings",
    {
        "أحمدي^فاطمة": "احمدى|أحمـدي|فاطمه",
        "כהנוביץ^שלמה": "כַּהֲנוֹבִיץ|לכהנוביץ",
        "शर्माजीत^राजेश": "शर्माजीतको",
        "გელაშვილი^ნინო": "გელაშვილს",
    },
)


@I1(
    "Chinese names in simplified, traditional and Japanese characters: 張偉 as 张伟, 渡邊 as 渡辺",
    before="published",
    authority=PROFILE,
    right=r"^\*\*\*; \*\*\*$",
)
def han(folder: Path) -> str:
    words = []
    for name, text in (("張^偉", "张伟"), ("渡邊^花子", "渡辺")):
        known = Identifiers(frozenset(name_words(name)), frozenset(name_orders(name)))
        words.append(Scrubber(known, any_date=True).clean(text))
    return "; ".join(words)


@I1(
    "a name over two values of one attribute: S\\u00f8rensen in a description",
    before="published",
    authority=PROFILE,
    right=r"^removed$",
)
def over_two_values(folder: Path) -> str:
    image = ct("Sørensen^Bjørn", SpecificCharacterSet="ISO_IR 192")
    image.add_new(0x0008103E, "LO", ["S", "u00f8rensen"])
    (after,) = published(folder, [image], retain=("descriptors",))
    return str(after.get("SeriesDescription") or "removed")


DAYS = (
    "12 марта 1951|1951年3月12日|12 de março de 1951|12 maart 1951|12. března 1951|١٢/٠٣/١٩٥١|"
    "１２.０３.１９５１|12–03–1951|12_03_1951"
)


@collector("I10", CASES, sibling=True)(
    "the birth date in other languages, digits and signs: " + DAYS.replace("|", ", "),
    before="published",
    authority="PS3.15 E.3.6 (dates of the study, not of birth)",
    right=r"^9 of 9 taken out by deidentify; 9 of 9 seen by verify$",
)
def birth_date_in_words(folder: Path) -> str:
    born = frozenset({"19510312"})
    clean = Scrubber(Identifiers(dates=born, births=born), any_date=False).clean
    texts = [f"born {day}, chest" for day in DAYS.split("|")]
    out = sum(clean(text) == "born ***, chest" for text in texts)
    seen = sum("19510312" in set(days_in(text)) for text in texts)
    return f"{out} of 9 taken out by deidentify; {seen} of 9 seen by verify"


@collector("I10", CASES, sibling=True)(
    "`--dates keep`, an AcquisitionDate of the birth date in the old form 1951.03.12",
    before="kept; the file is refused by its own audit",
    authority="PS3.5 6.2 (DA, old form)",
    right=r"^published; AcquisitionDate (removed|empty)$",
)
def old_form(folder: Path) -> str:
    image = ct()
    born = str(image.PatientBirthDate)
    with config.disable_value_validation():
        image.AcquisitionDate = f"{born[:4]}.{born[4:6]}.{born[6:]}"
    found = published(folder, [image], dates="keep")
    if not found:
        return "refused"
    left = found[0].get("AcquisitionDate", "removed")
    return f"published; AcquisitionDate {left or 'empty'}"


@collector("I8", CASES, sibling=True)(
    "patients called Other, Files, Run and Done; `verify`",
    before="NOT clean, because of keys of our own run.json",
    authority="our own rule: no false alarm over our own words",
    right=r"^clean$",
)
def our_own_words(folder: Path) -> str:
    names = ("Other^Files", "Dicomdir^Run", "Done^Unreadable")
    published(folder, [ct(name, f"MRN77{n}0{n}", n) for n, name in enumerate(names, 1)])
    return audit(folder)


L1 = collector("L1", CASES, sibling=True)
RIGHT = [loop(k, WHOLE["right"]) for k in SLICES]


@L1(
    "contours of the right lung three times, reversed, from another start, resampled, 0.3 mm aside",
    before="right lung 0.0 ml or -18 %, verdict ok",
    authority=NESTED,
    right=r"^(right 100 %, left 100 %; CONTOURS-REPEATED( \| |$)){5}$",
)
def repeats(folder: Path) -> str:
    changes = (
        lambda one: one,
        lambda one: one[::-1],
        lambda one: one[2:] + one[:2],
        lambda one: [
            p for a, b in zip(one, one[1:] + one[:1], strict=True) for p in (a, mean(a, b))
        ],
        lambda one: [(x + 0.3, y, z) for x, y, z in one],
    )
    seen = []
    for number, change in enumerate(changes):
        (folder / f"{number}").mkdir()
        again = [[one, change(one)] + [one] * (number == 0) for one in RIGHT]
        seen.append(contours(folder / f"{number}", [one for group in again for one in group]))
    return " | ".join(seen)


def mean(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = ((a + b) / 2 for a, b in zip(one, other, strict=True))
    return x, y, z


@L1(
    "a contour that crosses itself (figure of eight)",
    before="half of the lung, verdict ok",
    authority="our own rule: what a contour encloses must be certain",
    right=r"^right 50 %, left 100 %; CONTOURS-CROSS-THEMSELVES$",
)
def figure_of_eight(folder: Path) -> str:
    return contours(folder, [[one[0], one[2], one[1], one[3]] for one in RIGHT])


@L1(
    "one more contour beside the image",
    before="left out without a word",
    authority="our own rule: nothing of the input is lost silently",
    right=r"^right 100 %, left 100 %; CONTOURS-OUTSIDE$",
)
def beside(folder: Path) -> str:
    return contours(folder, [*RIGHT, [(x + 500, y, z) for x, y, z in RIGHT[0]]])


@collector("L7", CASES, sibling=True)(
    "all contours of a lung are POINT or OPEN_PLANAR",
    before="refused: check that it was drawn on this series",
    authority="PS3.3 C.8.8.6",
    right=r"^(refused, CONTOURS-NOT-CLOSED: [^|]*){2}$",
)
def open_types(folder: Path) -> str:
    seen = []
    for kind in ("POINT", "OPEN_PLANAR"):
        (folder / kind).mkdir()
        try:
            seen.append(contours(folder / kind, RIGHT, kind))
        except InputRefused as error:
            seen.append(refusal(error))
    return " ".join(seen)


@collector("L6", CASES, sibling=True)(
    "lungs named in German, French, Spanish, Portuguese and Italian",
    before="refused, NO-LUNG",
    authority="habits of planning systems outside of English",
    right=r"^(right 100 %, left 100 %; ){5}$",
)
def languages(folder: Path) -> str:
    pairs = ("Lunge rechts|Lunge links", "Poumon Droit|Poumon Gauche",
             "Pulmón derecho|Pulmón izquierdo", "Pulmão_direito|Pulmão_esquerdo",
             "Polmone dx|Polmone sx")  # fmt: skip
    return "".join(named_pairs(folder, pairs))


def named_pairs(folder: Path, pairs: Sequence[str]) -> list[str]:
    """What comes out of a structure set for each pair of names `right|left`."""
    seen = []
    for number, pair in enumerate(pairs):
        place = folder / f"{number}"
        place.mkdir()
        right, left = pair.split("|")
        seen.append(named(place, {right: ["right"], left: ["left"]}))
    return seen


SCRIPTS = (
    "płuco prawe|płuco lewe", "Pluco_P|Pluco_L", "höger lunga|vänster lunga", "Lunga H|Lunga V",
    "Højre lunge|Venstre lunge", "oikea keuhko|vasen keuhko", "pravá plíce|levá plíce",
    "jobb tüdő|bal tüdő", "Sağ Akciğer|Sol Akciğer", "Pulmão_D|Pulmão_E", "Pulmao D|Pulmao E",
    "plămân drept|plămân stâng", "rechterlong|linkerlong", "Poumon D|Poumon G", "右肺|左肺",
    "우측 폐|좌측 폐", "右侧肺|左侧肺", "右側肺|左側肺", "правое лёгкое|левое лёгкое",
    "ДЕСЕН БЯЛ ДРОБ|ЛЯВ БЯЛ ДРОБ", "Δεξιός πνεύμονας|Αριστερός πνεύμονας",
    "الرئة اليمنى|الرئة اليسرى", "ריאה ימנית|ריאה שמאלית", "ปอดขวา|ปอดซ้าย",
)  # fmt: skip
UNCLEAR = ("Lung D|Lung E", "Lunge H|Lunge V", "Plausa R|Plausa L", "右肺上区|左肺上区")


@collector("L6", CASES, sibling=True)(
    "lungs named in 18 further languages, 24 pairs: " + ", ".join(SCRIPTS).replace("|", " and "),
    before="refused, NO-LUNG",
    authority="habits of planning systems outside of English",
    right=r"^24 of 24 pairs: right 100 %, left 100 %$",
)
def scripts(folder: Path) -> str:
    right = sum(seen.startswith("right 100 %, left 100 %") for seen in named_pairs(folder, SCRIPTS))
    return f"{right} of {len(SCRIPTS)} pairs: right 100 %, left 100 %"


@collector("L6", CASES, sibling=True)(
    "names whose side or structure is not certain: " + ", ".join(UNCLEAR).replace("|", " and "),
    before=AT_ONCE,
    authority="our own rule: a side that is not certain is not taken",
    right=r"^(refused, NO-LUNG[^|]*\| ){2}right 100 %, left 0 %; [^|]*ONE-LUNG[^|]*"
    r"\| refused, NO-LUNG[^|]*$",
)
def unclear(folder: Path) -> str:
    seen = []
    for number, pair in enumerate(UNCLEAR):
        place = folder / f"p{number}"
        place.mkdir()
        try:
            seen += named_pairs(place, [pair])
        except InputRefused as error:
            seen.append(refusal(error))
    return " | ".join(seen)


@collector("L9", CASES, sibling=True)(
    "SEG whose segments are coded as one lung and labelled as the other",
    before="read by the codes without a word",
    authority="our own rule: sides that are in doubt go to review",
    right=r"^right 100 %, left 100 %; SEGMENT-SIDES-DISAGREE$",
)
def labels_against_codes(folder: Path) -> str:
    def change(made: Dataset) -> None:
        for segment, name in zip(made.SegmentSequence, ("Lung_L", "Lung_R"), strict=True):
            segment.SegmentLabel = name

    return segments(folder, change)
