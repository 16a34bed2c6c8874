"""A corpus of people whose names stand in text in other spellings, damaged and hidden ones too.

`build(folder)` writes it and returns the truth about it, as `hostile.corpus.build` does. Everything
in it is invented.
"""

import sys
import warnings
from html import escape
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[1]))

from hostile import objects, plant
from hostile.corpus import Builder, Truth, images
from hostile.people import Person, _identity
from pydicom import Dataset, config
from pydicom.sequence import Sequence

NAMES = {
    "Sørensdatter^Bjørnhild": "Sorensdatter|Soerensdatter|SÖRENSDATTER|Bjoernhild|bjornhild",
    "Łukaszewska^Żanetta": "Lukaszewska|Łukaszewskiej|ZANETTA|Żanetty|Lukaszewska's",
    "Đorđevićka^Ljubišava": "Djordjevicka|Dordevicka|Ђорђевићка|ljubisava",
    "Þórsdóttirsen^Æsabet": "Thorsdottirsen|ÞÓRSDÓTTIRSEN|Aesabet",
    "Weißhäupl^Jürgenhard": "Weisshaeupl|WEISSHÄUPL|Juergenhard|We\u00adißhäupl|Wei\u200bßhäupl",
    "Yıldızoğlu^Işılay": "Yildizoglu|YILDIZOĞLU|YİLDİZOĞLU|Isilay|Işılay'ın",
    "Kőszeghyné^Őrsikeanna": "Koszeghyne|KŐSZEGHYNÉ|Oersikeanna|koeszeghynenak",
    "Nguyễnphúc^Thịminhkhai": "Nguyenphuc|NGUYỄNPHÚC|Thiminhkhai|Nguye\u0302\u0303nphu\u0301c",
    "Quillfeatherly^Ottolinda": "Q u i l l f e a t h e r l y|Quill-feather-ly|quill_featherly|"
    "Ｑｕｉｌｌｆｅａｔｈｅｒｌｙ|Quillfeath\u0435rly|\u202eQuillfeatherly\u202c|OTTOLINDA|"
    "ottolindaquillfeatherly|Quill\u034ffeatherly|Ⓠⓤⓘllfeatherly|XQuillfeatherlyX",
    "O'Bragnaill^Seánín": "OBragnaill|O’Bragnaill|O Bragnaill|Oʼbragnaill|Seanin",
    "van der Hooghwater^Jan Wilbertus": "vanderHooghwater|HOOGHWATER|vdHooghwater|Wilbertus",
    "García-Márquiz^José Luisito": "Garcia Marquiz|GARCIAMARQUIZ|Marquiz_Garcia|Luisito",
    "Щукинцева^Юлиана": "Щукинцевой|Shchukintseva|SHCHUKINTSEVA|Щукинцевa|Юлиану|Yuliana",
    "Παπαδοπουλάκης^Γεωργάκης": "ΠΑΠΑΔΟΠΟΥΛΑΚΗΣ|Παπαδοπουλάκη|Papadopoulakis|Γεωργάκη",
    "محمودي^فاطمهزهرا": "محمـودي|لمحمودي|محمودى|فاطمةزهرا",
    "כהנוביץ^שלומציון": "לכהנוביץ|כַּהֲנוֹבִיץ|ושלומציון",
    "शर्माजीत^राजेश्वरी": "शर्माजीत|राजेश्वरीजी|राजे\u200dश्वरी",
    "สมชายศรี^ใจดีมาก": "นายสมชายศรี|คุณสมชายศรีใจดีมาก",
    "ﾔﾏﾀﾞﾉｳ^ﾀﾛｳｽｹ": "ヤマダノウ|やまだのう|ヤマダノウ様",
    "渡邊嶋^廣太郎": "渡辺島|渡邉嶋|広太郎|渡邊嶋 廣太郎様",
    "劉曉^明偉": "刘晓|刘晓明伟|劉曉明偉",
    "남궁설^민수아": "남궁설|민수아가|남궁설 민수아님",
    "გელაშვილიძე^ნინოელი": "გელაშვილიძის|ნინოელს",
    "Հակոբջանյան^Արամազդ": "ՀԱԿՈԲՋԱՆՅԱՆ|Հակոբջանյանի",
}
"""PN values, and texts in which somebody spells a part of one."""

BIRTH = (
    "19510312",
    "1951年3月12日|12 марта 1951|12. Maerz 1951|March 12th, 1951|12.III.1951|１２/０３/１９５１|"
    "12\u201303\u20131951",
)
_HOUSE = ("Kestrel Bay Infirmary", "17 Heron Lane, Oldmarket", "KBCT07")


def damaged(name: str) -> list[str]:
    """A word as text has it after a wrong decoding or an escape."""
    forms = [name.encode().decode("latin-1"), quote(name), escape(name)]
    forms += ["".join(f"&#{ord(c)};" if ord(c) > 127 else c for c in name)]
    forms += ["".join(f"\\u{ord(c):04x}" if ord(c) > 127 else c for c in name)]
    if sum(c.isascii() for c in name) > 3:
        forms += ["".join(c if c.isascii() else "?" for c in name)]
    return forms


def people(every: int = 1) -> list[tuple[Person, list[str]]]:
    """Each `every`th person, with what is planted of them."""
    found = []
    for number, (name, texts) in list(enumerate(NAMES.items()))[::every]:
        number_of_patient = f"MRN-77{number:02d}-44{number:02d}"
        digits = number_of_patient.replace("-", "")[3:]
        spellings = texts.split("|")
        if not name.isascii():
            spellings += damaged(name.split("^")[0])
        spellings += [f"/data/{digits}/x", f"id{digits}", digits.translate(_WIDE)]
        spellings += BIRTH[1].split("|")
        identity = _identity(
            name, number_of_patient, BIRTH[0], "F", "20170904", *_HOUSE, f"ACC88271{number:02d}"
        )
        secrets = (*name.split("^"), *(s for s in spellings if "=" not in s), number_of_patient)
        found.append((Person(f"p{number}", "ISO_IR 192", identity, secrets), spellings))
    return found


_WIDE = {ord("0") + k: 0xFF10 + k for k in range(10)}


def _plant(ds: Dataset, text: str) -> None:
    """Put one spelling into every kind of place that text can stand in."""
    ds.StudyDescription, ds.SeriesDescription = f"CT of {text}"[:64], f"{text}, 5 mm"[:64]
    ds.ProtocolName, ds.ImageComments = f"THORAX_{text}"[:64], f"seen: {text}; again"
    ds.AcquisitionProtocolDescription = ds.PatientComments = text[:64]
    ds.AdditionalPatientHistory = f"({text})"
    ds.add_new(0x00189F9E, "LO", f"unknown {text}"[:64])
    ds.add_new(0x0018A0F1, "UN", f"unknown {text}".encode())
    ds.add_new(0x60000022, "LO", f"overlay {text}"[:64])
    block = ds.private_block(0x0029, "ACME HEADER", create=True)
    block.add_new(0x10, "LO", text[:64])
    block.add_new(0x11, "UN", text.encode())
    block.add_new(0x12, "OB", text.encode("utf-16-le"))
    block.add_new(0x14, "SQ", Sequence([plant.item(PatientComments=text)]))
    ds.ContributingEquipmentSequence = Sequence(
        [plant.item(Manufacturer="ACME", ContributionDescription=f"sent for {text}",
                    PurposeOfReferenceCodeSequence=Sequence(
                        [plant.code("109101", "DCM", "Acquisition Equipment")]))]
    )  # fmt: skip
    ds.ProcedureCodeSequence = Sequence([plant.code("169069000", "SCT", f"CT, {text}"[:64])])
    ds.RequestAttributesSequence = Sequence(
        [plant.item(ScheduledProcedureStepDescription=text[:64], ScheduledProcedureStepID="S1")]
    )


def build(folder: Path, every: int = 1) -> Truth:
    """Write the corpus of each `every`th person into `folder` and return the truth about it."""
    builder = Builder(folder)
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        cast = people(every)
        builder.truth.people = tuple(person for person, _ in cast)
        for seed, (person, spellings) in enumerate(cast, start=800):
            _build_person(builder, person, spellings, seed)
    return builder.truth


def _build_person(builder: Builder, person: Person, spellings: list[str], seed: int) -> None:
    slices = images(person, seed, slices=len(spellings))
    for k, (ds, text) in enumerate(zip(slices, spellings, strict=True)):
        _plant(ds, text)
        ds.ExposureTime = str(100 * seed + k)  # by which the judge knows it again
        plain = "".join(c if c.isalnum() else "_" for c in text)
        builder.write(f"{person.label}/{plain}_{k}.dcm", ds, "CT", person)
    marks = objects.structure_set(slices[:2], person)
    for roi, text in zip(marks.StructureSetROISequence[2:], spellings, strict=False):
        roi.ROIName, roi.ROIDescription = f"GTV {text}"[:64], text
    for contour in marks.ROIContourSequence:
        contour.ROIDisplayColor = [seed % 256, seed // 256, 0]
    marks.StructureSetLabel = spellings[0][:16]
    builder.write(f"{person.label}/rs.dcm", marks, "RTSTRUCT", person)
    report = objects.report(slices[:2], person)
    report.ContentSequence[1].TextValue = " / ".join(spellings)
    report.ContentSequence[4].MeasuredValueSequence[0].NumericValue = str(seed)
    builder.write(f"{person.label}/sr.dcm", report, "SR", person)


if __name__ == "__main__":
    print(len(build(Path(sys.argv[1])).made), "files")
