"""Siblings of faults I2 to I12: de-identification."""

import json
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, config, dcmread, dcmwrite
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID

from pleura.phantom.anatomy import chest
from pleura.phantom.dataset import write_dataset
from pleura.phantom.writer import SeriesSpec, series
from pleura.store.cohort import Cohort
from pleura.verbs.deidentify import deidentify
from pleura.verbs.prepare import prepare
from pleura.verbs.verify import verify
from testing.field_cases.case import FieldCase, each, sibling
from testing.field_cases.identity import (
    again,
    audit,
    ct,
    masked,
    of_eight_bits,
    published,
    rois,
    structure_set,
)

CASES: list[FieldCase] = []


def names_kept(folder: Path, name: str, patient_id: str, labels: Sequence[str]) -> str:
    words = rois(folder, ct(name, patient_id), labels)
    return f"{'all kept' if words == ', '.join(labels) else words}; verify: {audit(folder)}"


I2 = sibling("I2", CASES, "AAPM TG-263; ids of public collections")
KEPT = r"all kept; verify: clean"


@I2(
    "ids LCTSC-Train-S1-001 and Esophagus-07 as id and name, ROI names of these organs",
    right=rf"^(\S+: {KEPT}( \| |$)){{2}}$",
)
def other_ids(folder: Path) -> str:
    names = ["Lung_L", "Lung_R", "Heart", "Esophagus", "SpinalCord"]
    ids = ("LCTSC-Train-S1-001", "Esophagus-07")
    return each(
        folder, {who: partial(names_kept, name=who, patient_id=who, labels=names) for who in ids}
    )


@I2(
    "surnames Heart, Cord, Right and Gray, ROI names with them",
    right=rf"^(\w+: {KEPT}( \| |$)){{4}}$",
)
def surnames_of_organs(folder: Path) -> str:
    given = {
        "Heart": ["Heart", "Heart_PRV05"],
        "Cord": ["SpinalCord", "Cord PRV 5"],
        "Right": ["Lung_Right", "Lung Right"],
        "Gray": ["PTV 60 Gy", "Lung_R"],
    }
    return each(
        folder,
        {
            who: partial(names_kept, name=f"{who}^Ann", patient_id="A1", labels=labels)
            for who, labels in given.items()
        },
    )


@I2(
    "id and name Lung_Dx-A0001, SeriesDescription `Lung 1.25`, ProtocolName `Lung_Dx-A0001 Lung`; "
    "`--retain descriptors`",
    before="refused by our own audit: NAME-LEFT",
    right=r"^Lung 1\.25; \*\*\* Lung; verify: clean$",
)
def descriptions(folder: Path) -> str:
    name = "Lung_Dx-A0001"
    image = ct(name, name, SeriesDescription="Lung 1.25", ProtocolName=f"{name} Lung")
    (after,) = published(folder, [image], retain=("descriptors",))
    return f"{after.SeriesDescription}; {after.ProtocolName}; verify: {audit(folder)}"


I3 = sibling("I3", CASES, "PS3.15 E.1: the model is not in the table of identifying attributes")
Given = Sequence[tuple[str, str, str]]


def values_kept(folder: Path, keyword: str, given: Given) -> str:
    """A technical value of people, by name and id."""
    seen = []
    for number, (name, patient_id, value) in enumerate(given):
        place = folder / str(number)
        place.mkdir()
        found = published(place, [ct(name, patient_id, **{keyword: value})])
        seen.append(str(found[0].get(keyword, "removed")) if found else "refused")
    return "; ".join(seen)


@I3("ids 64, 16 and 128 and models with these numbers", right=r"^Sensation 64; Brilliance 16P; "
    r"SOMATOM Definition AS\+128$")  # fmt: skip
def numbers_of_models(folder: Path) -> str:
    return values_kept(
        folder,
        "ManufacturerModelName",
        [
            ("Roe^Jane", "64", "Sensation 64"),
            ("Roe^Jane", "16", "Brilliance 16P"),
            ("Roe^Jane", "128", "SOMATOM Definition AS+128"),
        ],
    )


@I3("surnames Force, Prime and Spirit and models of that name", right=r"^SOMATOM Force; "
    r"Aquilion PRIME; Spirit$")  # fmt: skip
def surnames_of_models(folder: Path) -> str:
    return values_kept(
        folder,
        "ManufacturerModelName",
        [
            ("Force^Al", "A1", "SOMATOM Force"),
            ("Prime^Bo", "A2", "Aquilion PRIME"),
            ("Spirit^Cy", "A3", "Spirit"),
        ],
    )


@I3("ids B70f and FC51, surnames Bone and Standard: ConvolutionKernel",
    right=r"^B70f; FC51; BONE; STANDARD$")  # fmt: skip
def kernels(folder: Path) -> str:
    return values_kept(
        folder,
        "ConvolutionKernel",
        [
            ("Roe^Jane", "B70f", "B70f"),
            ("Roe^Jane", "FC51", "FC51"),
            ("Bone^Al", "A1", "BONE"),
            ("Standard^Bo", "A2", "STANDARD"),
        ],
    )


I4 = sibling("I4", CASES, "PS3.15 E.3.6 (modified dates keep intervals)")


@I4(
    "a second run with the map and another key; with an empty key; with a map that is none",
    right=r"^(\w+: usage error \(exit 2\): [^|]*( \| |$)){3}$",
)
def other_keys(folder: Path) -> str:
    def with_key(place: Path, text: str) -> str:
        (place / "other.key").write_text(text)
        return again(place, lambda: None, key=place / "other.key")

    def foreign(place: Path) -> str:
        (place / "foreign.json").write_text(json.dumps({"patients": ["Roe"]}))
        return again(place, lambda: None, map=place / "foreign.json")

    another = partial(with_key, text="ab" * 32)
    return each(
        folder, {"another": another, "empty": partial(with_key, text=""), "foreign": foreign}
    )


@I4(
    "the map is lost and the key is kept: date, UID and case of the second run",
    right=r"^same, same, same$",
)
def lost_map(folder: Path) -> str:
    (folder / "in").mkdir()
    dcmwrite(folder / "in" / "0.dcm", ct(), enforce_file_format=True)
    seen = []
    for out in ("one", "two"):
        options: Mapping[str, Any] = {"map": folder / f"{out}.json", "key": folder / "k.key"}
        deidentify(folder / "in", folder / out, dates="shift", workers=1, **options)
        (path,) = (folder / out).rglob("*.dcm")
        after = dcmread(path)
        seen.append((after.StudyDate, after.SOPInstanceUID, after.PatientID))
    return ", ".join("same" if a == b else "other" for a, b in zip(*seen, strict=True))


@I4(
    "a study 402 days later, in a second run with the map and the key",
    right=r"^402 days apart$",
)
def interval(folder: Path) -> str:
    days = []
    for number, date in enumerate(("20200110", "20210215")):
        place = folder / f"in{number}"
        place.mkdir()
        one = ct()
        one.StudyDate = one.SeriesDate = one.AcquisitionDate = one.ContentDate = date
        one.StudyInstanceUID = f"2.25.77{number}"
        dcmwrite(place / "0.dcm", one, enforce_file_format=True)
        options: Mapping[str, Any] = {"map": folder / "m.json", "key": folder / "k.key"}
        deidentify(place, folder / f"out{number}", dates="shift", workers=1, **options)
        (path,) = (folder / f"out{number}").rglob("*.dcm")
        days.append(datetime.strptime(str(dcmread(path).StudyDate), "%Y%m%d"))
    return f"{(days[1] - days[0]).days} days apart"


I5 = sibling("I5", CASES, "our own rule: no patients are merged")


def cases_of(folder: Path, people: Sequence[tuple[str, str, str]]) -> str:
    """How many cases are made of studies, by name, id and birth date."""
    (folder / "in").mkdir()
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        for number, (name, patient_id, born) in enumerate(people):
            one = ct(name, patient_id, n=number)
            one.SpecificCharacterSet, one.PatientBirthDate = "ISO_IR 192", born
            dcmwrite(folder / "in" / f"{number}.dcm", one, enforce_file_format=True)
    deidentify(folder / "in", folder / "out", workers=1)
    cases = {dcmread(path).PatientID for path in (folder / "out").rglob("*.dcm")}
    return f"{len(cases)} cases of {len(people)} studies"


@I5(
    "ids and names 000000, N/A, XXXXX and -, two studies each",
    right=r"^8 cases of 8 studies$",
)
def words_for_nobody(folder: Path) -> str:
    words = ("000000", "N/A", "XXXXX", "-")
    return cases_of(folder, [(word, word, "") for word in words for _ in (0, 1)])


@I5("the id 1 of two people", right=r"^2 cases of 2 studies$")
def one_id(folder: Path) -> str:
    return cases_of(folder, [("Roe^Jane", "1", "19500101"), ("Doe^John", "1", "19700202")])


@I5(
    "ids and names DE-IDENTIFIED, Removed by CTP, anonymisiert and 匿名, two studies each",
    before="2 of 4 pairs merged",
    right=r"^8 cases of 8 studies$",
)
def words_of_tools(folder: Path) -> str:
    words = ("DE-IDENTIFIED", "Removed by CTP", "anonymisiert", "匿名")
    return cases_of(folder, [(word, word, "") for word in words for _ in (0, 1)])


I6 = sibling("I6", CASES, "AAPM TG-263 (targets, margins, couch, derived structures)")


@I6(
    "GTVp1, ITV_50Gy, CTV_LN_4500, PTV54_Eval, zPTV_opt, iGTV, Ring_2cm, V20Gy, Dose 95[%]",
    right=rf"^{KEPT}$",
)
def targets(folder: Path) -> str:
    names = "GTVp1|ITV_50Gy|CTV_LN_4500|PTV54_Eval|zPTV_opt|iGTV|Ring_2cm|V20Gy|Dose 95[%]"
    return names_kept(folder, "Roe^Jane", "MRN4471902", names.split("|"))


@I6(
    "Bowel_Small, CN_VII_L, Glnd_Submand_L, A_Subclavian_L, Musc_Sternocleid, Spc_Retrosty, "
    "PubicSymphys, SpinalCord_Thor",
    before="7 of 8 lost, with 84 more of 344 names of TG-263",
    right=rf"^{KEPT}$",
)
def names_of_tg263(folder: Path) -> str:
    names = (
        "Bowel_Small CN_VII_L Glnd_Submand_L A_Subclavian_L Musc_Sternocleid Spc_Retrosty "
        "PubicSymphys SpinalCord_Thor"
    )
    return names_kept(folder, "Roe^Jane", "MRN4471902", names.split())


@I6(
    "ROI names with people: `PTV Roe`, `Lung_L_DrSmithers`, `Jane heart`, `PTV_MRN4471902`; "
    "`--retain descriptors`",
    right=r"^ROI_1, ROI_2, ROI_3, ROI_4, Lung_R; verify: clean$",
)
def people_in_names(folder: Path) -> str:
    names = ["PTV Roe", "Lung_L_DrSmithers", "Jane heart", "PTV_MRN4471902", "Lung_R"]
    words = rois(folder, ct(), names, retain=("descriptors",))
    return f"{words}; verify: {audit(folder)}"


I7 = sibling("I7", CASES, "PS3.5 H to K (names of several scripts); our own rule for short names")


@I7(
    "김^민수 and 이^서: with a title, an ending and a space; in words of the same syllables",
    right=r"^\*\*\* 환자; \*\*\*씨; \*\*\*; 김치 냄새 없음; 시민 수술; \*\*\*; 이 검사; 서울 이상$",
)
def korean(folder: Path) -> str:
    del folder
    one = masked("김^민수", "김민수 환자", "민수씨", "김 민수", "김치 냄새 없음", "시민 수술")
    return "; ".join([one, masked("이^서", "이서", "이 검사", "서울 이상")])


@I7(
    "山田^太郎 and 林^一: with titles; in words of the same characters",
    right=r"^\*\*\*様; \*\*\*さん; 山の田んぼ; \*\*\*; 林檎 一回$",
)
def japanese(folder: Path) -> str:
    del folder
    one = masked("山田^太郎", "山田太郎様", "山田さん", "山の田んぼ")
    return "; ".join([one, masked("林^一", "林 一", "林檎 一回")])


@I7(
    "Li^An, O^Yi and Le^Na: as words, in words, as whole values",
    right=r"^lid an angle; \*\*\*; \*\*\*; no yield; \*\*\*; le Na level; \*\*\*$",
)
def two_letters(folder: Path) -> str:
    del folder
    return "; ".join(
        [
            masked("Li^An", "lid an angle", "Li An", "Li"),
            masked("O^Yi", "no yield", "O Yi"),
            masked("Le^Na", "le Na level", "LE^NA"),
        ]
    )


I8 = sibling("I8", CASES, "our own rule: no false alarm over our own words")


def audited(folder: Path, people: Sequence[tuple[str, str]]) -> str:
    published(folder, [ct(name, who, n) for n, (name, who) in enumerate(people, 1)])
    return audit(folder)


@I8("patients called Couch, Profile, Counts, Version, Sha and True; `verify`", right=r"^clean$")
def words_of_json(folder: Path) -> str:
    names = ("Couch^Profile", "Counts^Version", "Sha^True")
    return audited(folder, [(name, f"MRN66{n}0{n}") for n, name in enumerate(names)])


@I8(
    "patients called Axial, Chest, Original, Primary, Helical and Monochrome, as values of every "
    "CT; `verify`",
    right=r"^clean$",
)
def words_of_headers(folder: Path) -> str:
    names = ("Axial^Chest", "Original^Primary", "Helical^Monochrome")
    return audited(folder, [(name, f"MRN66{n}0{n}") for n, name in enumerate(names)])


@I8("ids 1, 512, 16 and 2024, as numbers of every CT; `verify`", right=r"^clean$")
def numbers_of_headers(folder: Path) -> str:
    people = (("Roe^Jane", "1"), ("Doe^John", "512"), ("May^June", "16"), ("Day^Will", "2024"))
    return audited(folder, people)


@I8(
    "`verify` run twice: what the first run wrote beside OUT is no find of the second",
    right=r"^clean; the same counts$",
)
def verified_twice(folder: Path) -> str:
    published(folder, [ct()])
    counts = []
    for _ in range(2):
        verify(folder / "in", folder / "out")
        counts.append(json.loads((folder / "out.verification.json").read_text())["counts"])
    return f"{audit(folder)}; {'the same' if counts[0] == counts[1] else 'other'} counts"


I9 = sibling("I9", CASES, "the student report's four rules")
FOUR = r"PatientBirthDate, PatientBirthTime, PatientID, PatientName"


def by_report(
    folder: Path, objects: Sequence[Dataset], raw: Callable[[bytes], bytes] = bytes
) -> str:
    """How many objects come out by profile `report`, and which of their attributes changed."""
    (folder / "in").mkdir()
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        for number, one in enumerate(objects):
            path = folder / "in" / f"{number}.dcm"
            dcmwrite(path, one, enforce_file_format=True)
            path.write_bytes(raw(path.read_bytes()))
        deidentify(folder / "in", folder / "out", profile="report", workers=1)
        out = [dcmread(path) for path in sorted((folder / "out").rglob("*.dcm"))]
        before = {one.SOPInstanceUID: one for one in objects}
        changed = {
            element.keyword
            for after in out
            for element in before[after.SOPInstanceUID]
            if after.get(element.tag) != element and element.keyword != "PixelData"
        }
    return f"{len(out)} of {len(objects)} out; changed: {', '.join(sorted(changed))}"


@I9(
    "a structure set, burned-in text and a secondary capture beside CT",
    right=rf"^4 of 4 out; changed: {FOUR}$",
)
def other_objects(folder: Path) -> str:
    image, burned, capture = ct(), ct(n=2), ct(n=3)
    burned.BurnedInAnnotation = "YES"
    kind = UID("1.2.840.10008.5.1.4.1.1.7")
    capture.SOPClassUID = capture.file_meta.MediaStorageSOPClassUID = kind
    return by_report(folder, [image, structure_set(image, "Lung_R"), burned, capture])


@I9(
    "zero bytes behind the data set; a TIFF header as preamble; private elements; no PatientName",
    before="the first one refused: UNWRITABLE",
    right=rf"^(zeros|tiff): 1 of 1 out; changed: {FOUR} \| tiff: 1 of 1 out; changed: {FOUR} \| "
    rf"private: 1 of 1 out; changed: {FOUR} \| absent: 1 of 1 out; changed: "
    r"PatientBirthDate, PatientBirthTime, PatientID$",
)
def odd_files(folder: Path) -> str:
    private, absent = ct(n=2), ct(n=3)
    block = private.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", b"Roe Jane")
    del absent.PatientName
    tiff = b"II*\0\x08\0\0\0".ljust(128, b"\0")
    return each(
        folder,
        {
            "zeros": partial(by_report, objects=[ct()], raw=lambda data: data + bytes(64)),
            "tiff": partial(by_report, objects=[ct()], raw=lambda data: tiff + data[128:]),
            "private": partial(by_report, objects=[private]),
            "absent": partial(by_report, objects=[absent]),
        },
    )


@I9(
    "implicit, big endian, deflated, RLE, JPEG 2000",
    right=rf"^5 of 5 out; changed: {FOUR}$",
)
def syntaxes(folder: Path) -> str:
    names = ("implicit", "big endian", "deflated", "rle", "jpeg 2000")
    objects = [
        series(chest((1, 16, 16), seed=n)[0], SeriesSpec(seed=n, syntax=name))[0]
        for n, name in enumerate(names)
    ]
    return by_report(folder, objects)


I10 = sibling("I10", CASES, "PS3.15 E.3.6 (dates of the study, not of birth)")


@I10(
    "`--dates keep`: the birth date in a DT value, a private DA, a comment, a description and "
    "AccessionNumber",
    right=r"^published; found 0 times; study date kept; verify: clean$",
)
def birth_date_elsewhere(folder: Path) -> str:
    image = ct()
    born = str(image.PatientBirthDate)
    written = (born, f"{born[6:]}.{born[4:6]}.{born[:4]}", f"{born[:4]}-{born[4:6]}-{born[6:]}")
    image.AcquisitionDateTime = f"{born}120000"
    block = image.private_block(0x0029, "ACME 1.1", create=True)
    block.add_new(0x10, "DA", born)
    image.AccessionNumber = born
    image.ImageComments, image.SeriesDescription = f"born {written[1]}", f"DOB {written[2]}"
    (after,) = published(folder, [image], dates="keep", retain=("descriptors", "private"))
    data = b"".join(path.read_bytes() for path in (folder / "out").rglob("*.dcm"))
    count = sum(data.count(text.encode()) for text in written)
    kept = "kept" if after.StudyDate == image.StudyDate else "changed"
    return f"published; found {count} times; study date {kept}; verify: {audit(folder)}"


@I10(
    "`--dates keep --retain uids`, a FrameOfReferenceUID with the birth date in it",
    right=r"^refused: NOT-CLEAN$",
)
def birth_date_in_uid(folder: Path) -> str:
    image = ct()
    image.FrameOfReferenceUID = f"1.2.3.{image.PatientBirthDate}.4"
    if published(folder, [image], dates="keep", retain=("uids",)):
        return "published"
    text = (folder / "out.audit.json").read_text()
    return f"refused: {'NOT-CLEAN' if 'NOT-CLEAN' in text else 'for another reason'}"


I11 = sibling("I11", CASES, "our own rule: masks are matched across a renaming by UIDs only")


def matched(folder: Path, mask: str) -> str:
    """Whether a mask of somebody else is matched with a de-identified case by its name."""
    write_dataset(folder / "made", cases=1, shape=(16, 64, 64), seed=2)
    shutil.copytree(folder / "made" / "Images" / "Case_000", folder / "in" / "exam7")
    deidentify(folder / "in", folder / "out", workers=1)
    path = folder / "masks" / mask
    path.parent.mkdir(parents=True)
    shutil.copy(folder / "made" / "Segmentations" / "Case_000_seg.npz", path)
    prepare(folder / "out", folder / "cohort", masks=folder / "masks")
    return f"{sum(one.has_mask for one in Cohort.open(folder / 'cohort').cases)} matched"


@I11("a mask named by the source folder: exam7.npz", right=r"^0 matched$")
def source_folder(folder: Path) -> str:
    return matched(folder, "exam7.npz")


@I11("a mask whose name is the number of the issued id: 000.npz", right=r"^0 matched$")
def number_alone(folder: Path) -> str:
    return matched(folder, "000.npz")


@I11("a folder of masks called like a case of the course: Case_000/lungs_seg.npz",
     right=r"^0 matched$")  # fmt: skip
def folder_of_a_case(folder: Path) -> str:
    return matched(folder, "Case_000/lungs_seg.npz")


I12 = sibling("I12", CASES, "PS3.5 8.1.1 and A.4")
SAME = r"published, same bytes; verify: clean"


def exact(folder: Path, change: Callable[[Dataset], Any], syntax: str = "explicit") -> str:
    """Whether pixel data come out as they were."""
    (image,) = series(chest((1, 15, 15), seed=1)[0], SeriesSpec(seed=1, syntax=syntax))
    change(image)
    before = image.get("PixelData")
    found = published(folder, [image])
    if not found:
        text = (folder / "out.audit.json").read_text()
        return f"refused: {'PIXEL-SIZE' if 'PIXEL-SIZE' in text else 'for another reason'}"
    words = "same" if found[0].get("PixelData") == before else "other"
    return f"published, {words} bytes; verify: {audit(folder)}"


def in_parts(image: Dataset, parts: Callable[[bytes], list[bytes]], *, table: bool = False) -> None:
    (frame,) = generate_frames(image.PixelData, number_of_frames=1)
    image.PixelData = encapsulate(parts(frame), has_bot=table)
    image["PixelData"].is_undefined_length = True


@I12(
    "JPEG-LS in three fragments; JPEG 2000 with an offset table; zeros behind an RLE frame",
    right=rf"^(\w+: {SAME}( \| |$)){{3}}$",
)
def fragments(folder: Path) -> str:
    def three(image: Dataset) -> None:
        in_parts(image, lambda frame: [frame[:100], frame[100:200], frame[200:]])

    def table(image: Dataset) -> None:
        in_parts(image, lambda frame: [frame], table=True)

    def zeros(image: Dataset) -> None:
        in_parts(image, lambda frame: [frame + bytes(64)])

    return each(
        folder,
        {
            "three": partial(exact, change=three, syntax="jpeg-ls"),
            "table": partial(exact, change=table, syntax="jpeg 2000"),
            "zeros": partial(exact, change=zeros, syntax="rle"),
        },
    )


@I12(
    "12 of 16 bits stored; 32 bits; float pixels; six bytes behind the pixels",
    right=rf"^twelve: {SAME} \| long: {SAME} \| float: {SAME} \| more: refused: PIXEL-SIZE$",
)
def depths(folder: Path) -> str:
    def twelve(image: Dataset) -> None:
        image.BitsStored, image.HighBit = 12, 11

    def long(image: Dataset) -> None:
        image.BitsAllocated = image.BitsStored = 32
        image.HighBit = 31
        image.add_new(0x7FE00010, "OL", np.arange(225, dtype=np.uint32).tobytes())

    def single(image: Dataset) -> None:
        for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
            delattr(image, keyword)
        image.BitsAllocated = 32
        image.FloatPixelData = np.arange(225, dtype=np.float32).tobytes()

    def more(image: Dataset) -> None:
        image.PixelData = bytes(image.PixelData) + bytes(6)

    changes = {"twelve": twelve, "long": long, "float": single, "more": more}
    return each(folder, {name: partial(exact, change=act) for name, act in changes.items()})


@I12(
    "two frames of 225 bytes; JPEG Lossless; deflated with an odd number of bytes",
    right=rf"^(\w+: {SAME}( \| |$)){{3}}$",
)
def odd_lengths(folder: Path) -> str:
    def frames(image: Dataset) -> None:
        of_eight_bits(image, "OB", b"")
        image.NumberOfFrames = 2
        image.PixelData = bytes(450)

    return each(
        folder,
        {
            "frames": partial(exact, change=frames),
            "lossless": partial(exact, change=bool, syntax="jpeg lossless"),
            "deflated": partial(exact, change=bool, syntax="deflated"),
        },
    )
