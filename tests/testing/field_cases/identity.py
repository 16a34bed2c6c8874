"""Faults I1 to I12: de-identification."""

import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydicom import Dataset, config, dcmread, dcmwrite
from pydicom.encaps import encapsulate, generate_frames

from pleura.audit.tree import verify_tree
from pleura.core.errors import UsageError
from pleura.deid.identifiers import Identifiers, name_orders, name_words
from pleura.deid.text import Scrubber
from pleura.phantom.anatomy import chest
from pleura.phantom.dataset import write_dataset
from pleura.phantom.identity import Identity
from pleura.phantom.writer import SeriesSpec, series
from pleura.store.cohort import Cohort
from pleura.verbs.deidentify import deidentify
from pleura.verbs.prepare import prepare
from pleura.verbs.verify import verify
from testing.field_cases.case import FieldCase, collector

CASES: list[FieldCase] = []
PROFILE = "PS3.15 E.1 (Basic Profile), E.3.5 (clean descriptors)"


def ct(name: str = "Roe^Jane", patient_id: str = "MRN4471902", n: int = 1, **tags: Any) -> Dataset:
    """One slice of a person."""
    who = replace(
        Identity.invented(n), name=name, patient_id=patient_id, institution="Kestrel Bay Infirmary"
    )
    spec = SeriesSpec(seed=n, identity=who, tags=tags)
    return series(chest((1, 16, 16), seed=n)[0], spec)[0]


def structure_set(image: Dataset, *names: str) -> Dataset:
    """A structure set with ROI names and nothing drawn."""
    made = Dataset()
    for keyword in (
        "SpecificCharacterSet", "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
        "StudyInstanceUID", "StudyDate", "StudyTime", "FrameOfReferenceUID",
    ):  # fmt: skip
        setattr(made, keyword, image[keyword].value)
    made.SOPClassUID, made.Modality = "1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT"
    made.SOPInstanceUID, made.SeriesInstanceUID = "2.25.31", "2.25.32"
    made.StructureSetLabel, made.StructureSetROISequence = "RS", []
    made.StructureSetDate = made.StructureSetTime = ""
    for number, name in enumerate(names, 1):
        roi = Dataset()
        roi.ROINumber, roi.ROIName, roi.ROIGenerationAlgorithm = number, name, "MANUAL"
        roi.ReferencedFrameOfReferenceUID = image.FrameOfReferenceUID
        made.StructureSetROISequence.append(roi)
    made.ROIContourSequence, made.RTROIObservationsSequence = [], []
    made.file_meta = image.file_meta.__class__()
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    return made


def published(folder: Path, objects: Sequence[Dataset], **options: Any) -> list[Dataset]:
    """De-identify objects; those that came out."""
    (folder / "in").mkdir()
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        for number, one in enumerate(objects):
            dcmwrite(folder / "in" / f"{number}.dcm", one, enforce_file_format=True)
        deidentify(folder / "in", folder / "out", workers=1, **options)
        found = [dcmread(path) for path in sorted((folder / "out").rglob("*.dcm"))]
    return sorted(found, key=lambda one: str(one.Modality))


def audit(folder: Path) -> str:
    """What `verify` says of the output."""
    counts = verify_tree(folder / "in", folder / "out").counts()
    return " ".join(counts) if counts else "clean"


I1 = collector("I1", CASES)
NAMES = {
    "Sørensen^Bjørn": "Recalc for Sorensen Bjorn",
    "Żak^Łukasz": "for Lukasz Zak",
    "ﾔﾏﾀﾞ^ﾀﾛｳ": "ヤマダ タロウさん",
}


@I1(
    "names without their marks in free text: " + "; ".join(f"{n}: {t}" for n, t in NAMES.items()),
    before="published, exit 0, verify says clean",
    authority=PROFILE,
    right=r"^Recalc for \*\*\*; for \*\*\*; \*\*\*(さん)?; verify: clean$",
)
def spellings(folder: Path) -> str:
    words, notes = [], set()
    for number, (name, text) in enumerate(NAMES.items()):
        place = folder / str(number)
        place.mkdir()
        image = ct(name, SpecificCharacterSet="ISO_IR 192", SeriesDescription=text)
        (after,) = published(place, [image], retain=("descriptors",))
        words.append(str(after.get("SeriesDescription", "removed")))
        notes.add(audit(place))
    return f"{'; '.join(words)}; verify: {' '.join(sorted(notes))}"


@I1(
    "the same, left in by another tool: `verify`",
    before="clean",
    authority=PROFILE,
    right=r"^NAME-LEFT; NAME-LEFT; NAME-LEFT$",
)
def spellings_seen(folder: Path) -> str:
    words = []
    for number, (name, text) in enumerate(NAMES.items()):
        place = folder / str(number)
        place.mkdir()
        image = ct(name, SpecificCharacterSet="ISO_IR 192", SeriesDescription="x" * 24)
        (after,) = published(place, [image], retain=("descriptors",))
        after.SeriesDescription = text
        (path,) = (place / "out").rglob("*.dcm")
        dcmwrite(path, after, enforce_file_format=True)
        counts = verify_tree(place / "in", place / "out").counts()
        words.append("NAME-LEFT" if "NAME-LEFT" in counts else " ".join(counts) or "clean")
    return "; ".join(words)


I2 = collector("I2", CASES)


def rois(folder: Path, image: Dataset, names: Sequence[str], **options: Any) -> str:
    found = published(folder, [image, structure_set(image, *names)], **options)
    sets = [one for one in found if one.Modality == "RTSTRUCT"]
    if not sets:
        return "structure set refused"
    (one,) = sets
    return ", ".join(str(roi.ROIName) for roi in one.StructureSetROISequence)


@I2(
    "PatientID = PatientName = LUNG1-001, ROI names Lung-Left, Lung-Right",
    before="***-Left; prepare then finds NO-LUNG",
    authority="AAPM TG-263; ids of NSCLC-Radiomics",
    right=r"^Lung-Left, Lung-Right; verify: clean$",
)
def subject_ids(folder: Path) -> str:
    image = ct("LUNG1-001", "LUNG1-001")
    return f"{rois(folder, image, ['Lung-Left', 'Lung-Right'])}; verify: {audit(folder)}"


@I2(
    "PatientName Lung^Mary, ROI names Lung_L, Lung_R",
    before="structure set refused",
    authority="AAPM TG-263",
    right=r"^Lung_L, Lung_R; verify: clean$",
)
def surname_lung(folder: Path) -> str:
    return f"{rois(folder, ct('Lung^Mary'), ['Lung_L', 'Lung_R'])}; verify: {audit(folder)}"


I3 = collector("I3", CASES)


@I3(
    "PatientID 750 and the scanner Discovery CT750 HD; surname Emotion and the scanner Emotion 16",
    before="Discovery CT*** HD (which reveals the id); *** 16",
    authority="PS3.15 E.1: the model is not in the table of identifying attributes",
    right=r"^Discovery CT750 HD; Emotion 16$",
)
def scanners(folder: Path) -> str:
    words = []
    for name, patient_id, model in (
        ("Roe^Jane", "750", "Discovery CT750 HD"),
        ("Emotion^Ann", "A1", "Emotion 16"),
    ):
        place = folder / patient_id
        place.mkdir()
        (after,) = published(place, [ct(name, patient_id, ManufacturerModelName=model)])
        words.append(str(after.get("ManufacturerModelName", "removed")))
    return "; ".join(words)


I4 = collector("I4", CASES)


def again(folder: Path, change: Any, **options: Any) -> str:
    """A first run with a map; then `change`, and a second run."""
    (folder / "in").mkdir()
    dcmwrite(folder / "in" / "0.dcm", ct(), enforce_file_format=True)
    common = {"map": folder / "map.json", "dates": "shift", "workers": 1}
    deidentify(folder / "in", folder / "one", **common)
    change()
    try:
        deidentify(folder / "in", folder / "two", **common | options)
    except UsageError as error:
        return f"usage error (exit 2): {error}".replace(str(folder), "")
    return "exit 0"


@I4(
    "a second run with `--map` but without `--key`",
    before="a new key; intervals broken, exit 0",
    authority="PS3.15 E.3.6 (modified dates keep intervals)",
    right=r"^usage error \(exit 2\).*key",
)
def another_key(folder: Path) -> str:
    return again(folder, lambda: None)


@I4(
    "`--overwrite` after the key was lost",
    before="a new key, exit 0",
    authority="PS3.15 E.3.6",
    right=r"^usage error \(exit 2\).*key",
)
def lost_key(folder: Path) -> str:
    return again(folder, lambda: (folder / "one.key").unlink(), overwrite=True)


@collector("I5", CASES)(
    "six studies whose PatientID and PatientName are ANONYMOUS, Anonymous or empty",
    before="one case, without a word",
    authority="our own rule: no patients are merged",
    right=r"^6 cases; PLACEHOLDER-IDENTITY",
)
def placeholders(folder: Path) -> str:
    words = ["ANONYMOUS", "Anonymous", ""]
    objects = [ct(words[n % 3], words[n % 3], n=n) for n in range(6)]
    (folder / "in").mkdir()
    for number, one in enumerate(objects):
        dcmwrite(folder / "in" / f"{number}.dcm", one, enforce_file_format=True)
    result = deidentify(folder / "in", folder / "out", workers=1)
    cases = {dcmread(path).PatientID for path in (folder / "out").rglob("*.dcm")}
    notes = [line.partition(":")[0] for line in result.notes() if "PLACEHOLDER" in line]
    return "; ".join([f"{len(cases)} cases", *notes])


@collector("I6", CASES)(
    "ROI names PTV_6000 and Couch Surface; `--retain descriptors`",
    before="lost",
    authority="AAPM TG-263 (targets with doses)",
    right=r"^PTV_6000, Couch Surface",
)
def planning(folder: Path) -> str:
    names = ["PTV_6000", "Couch Surface", "Lung_L"]
    return rois(folder, ct(), names, retain=("descriptors",))


I7 = collector("I7", CASES)


def masked(name: str, *texts: str) -> str:
    known = Identifiers(frozenset(name_words(name)), frozenset(name_orders(name)))
    clean = Scrubber(known, any_date=True).clean
    return "; ".join(clean(text) for text in texts)


@I7(
    "홍^길동: unrelated words with the same first consonants; the name with particles",
    before="unrelated words masked; a name with a particle is refused",
    authority="PS3.5 I.3 (Korean names)",
    right=r"^한국 고등 기도 확인; \*\*\*(이가)?; \*\*\*은? CT$",
)
def hangul(folder: Path) -> str:
    del folder
    return masked("홍^길동", "한국 고등 기도 확인", "길동이가", "홍길동은 CT")


@I7(
    "Ng^A=王^伟: two letters and one character inside of text, and as whole values",
    before="masked inside of text too",
    authority="our own rule",
    right=r"^scanning An angle; 王国 大伟; \*\*\*; \*\*\*$",
)
def short_names(folder: Path) -> str:
    del folder
    return masked("Ng^A=王^伟", "scanning An angle", "王国 大伟", "Ng", "王")


I8 = collector("I8", CASES)


@I8(
    "surname Apex; `verify`",
    before="NOT clean, because of a key of our own run.json",
    authority="our own rule: no false alarm over our own words",
    right=r"^clean$",
)
def surname_apex(folder: Path) -> str:
    published(folder, [ct("Apex^Ann")])
    return audit(folder)


@I8(
    "what `verify` and `deidentify` leave for a privacy officer",
    before="no file; no date, version or input digest",
    authority="GDPR Art. 5(2), HIPAA 164.514(b)(1)(ii): the method and results are documented",
    right=r"^certificate\.html, certificate\.json, verification\.html, verification\.json; "
    r"both with date, version, input digest, counts, command$",
)
def certificates(folder: Path) -> str:
    published(folder, [ct()])
    verify(folder / "in", folder / "out")
    names = sorted(
        p.name.removeprefix("out.")
        for p in folder.iterdir()
        if p.name.startswith(("out.certificate", "out.verification"))
    )
    complete = True
    for name in ("out.certificate.json", "out.verification.json"):
        about = json.loads((folder / name).read_text())
        complete &= {"date", "version", "counts", "command", "not_covered"} <= {*about}
        complete &= any(key.startswith("sha256") for key in about["input"])
    parts = "both with date, version, input digest, counts, command"
    return f"{', '.join(names)}; {parts if complete else 'parts are missing'}"


@I8(
    "`deidentify --dry-run`",
    before="tag numbers without keywords",
    authority="PS3.6",
    right=r"PatientName",
)
def plan(folder: Path) -> str:
    (folder / "in").mkdir()
    dcmwrite(folder / "in" / "0.dcm", ct(), enforce_file_format=True)
    result = deidentify(folder / "in", folder / "out", dry_run=True, workers=1)
    text = json.dumps(result.as_json())
    lines = str(result.table()) + text
    return "PatientName is named" if "PatientName" in lines else "tag numbers only"


@collector("I9", CASES)(
    "`--profile report`, a file whose preamble holds text",
    before="refused (138 of 329 files of a corpus)",
    authority="the student report's four rules",
    right=r"^published; 4 attributes changed, preamble kept; REPORT-KEEPS",
)
def preamble(folder: Path) -> str:
    (folder / "in").mkdir()
    path = folder / "in" / "0.dcm"
    dcmwrite(path, ct(PatientBirthTime="043100"), enforce_file_format=True)
    path.write_bytes(b"II*\0 Quillfeather".ljust(128, b"\0") + path.read_bytes()[128:])
    result = deidentify(folder / "in", folder / "out", profile="report", workers=1)
    (out,) = (folder / "out").rglob("*.dcm")
    before, after = dcmread(path), dcmread(out)
    changed = [e.keyword for e in before if after.get(e.tag) != e and e.keyword != "PixelData"]
    kept = "kept" if out.read_bytes()[:128] == path.read_bytes()[:128] else "changed"
    notes = {*verify_tree(folder / "in", folder / "out").counts()}
    named = any("preamble" in line for line in result.notes())
    return (
        f"published; {len(changed)} attributes changed, preamble {kept}; "
        f"{' '.join(sorted(notes))}; "
        f"the preamble is {'named' if named else 'not named'} among what stays"
    )


@collector("I10", CASES)(
    "`--dates keep`, the birth date in an SR content item of VR DA",
    before="kept: 36 leaks in a corpus",
    authority="PS3.15 E.3.6 (dates of the study, not of birth)",
    right=r"^study date kept; birth date found 0 times in the bytes of the output$",
)
def birth_date(folder: Path) -> str:
    image = ct()
    born = image.PatientBirthDate
    report = Dataset()
    for keyword in (
        "SpecificCharacterSet", "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
        "StudyInstanceUID", "StudyDate", "StudyTime",
    ):  # fmt: skip
        setattr(report, keyword, image[keyword].value)
    report.SOPClassUID, report.Modality = "1.2.840.10008.5.1.4.1.1.88.33", "SR"
    report.SOPInstanceUID, report.SeriesInstanceUID = "2.25.41", "2.25.42"
    item = Dataset()
    item.RelationshipType, item.ValueType, item.Date = "CONTAINS", "DATE", born
    report.ValueType, report.ContentSequence = "CONTAINER", [item]
    report.file_meta = image.file_meta.__class__()
    report.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID
    report.file_meta.MediaStorageSOPInstanceUID = report.SOPInstanceUID
    found = published(folder, [image, report], dates="keep")
    data = b"".join(path.read_bytes() for path in (folder / "out").rglob("*.dcm"))
    kept = "kept" if found[0].StudyDate == image.StudyDate else "changed"
    count = data.count(str(born).encode())
    return f"study date {kept}; birth date found {count} times in the bytes of the output"


@collector("I11", CASES)(
    "one patient without a case folder gets an id from pleura; beside it a mask called "
    "Case_000.nii.gz of somebody else",
    before="the mask is matched, verdict review, exit 0",
    authority="our own rule: masks are matched across a renaming by UIDs only",
    right=r"^the issued id is not Case_<digits>; 0 masks matched$",
)
def issued_ids(folder: Path) -> str:
    write_dataset(folder / "made", cases=1, shape=(24, 96, 96), seed=2)
    shutil.copytree(folder / "made" / "Images" / "Case_000", folder / "in" / "exam7")
    deidentify(folder / "in", folder / "out", workers=1)
    (case,) = {dcmread(path).PatientID for path in (folder / "out").rglob("*.dcm")}
    shutil.copytree(folder / "made" / "Segmentations", folder / "masks")
    (folder / "masks" / "Case_000_seg.npz").rename(folder / "masks" / "Case_000.npz")
    prepare(folder / "out", folder / "cohort", masks=folder / "masks")
    matched = sum(one.has_mask for one in Cohort.open(folder / "cohort").cases)
    plain = case.startswith("Case_") and case[5:].isdigit()
    return f"the issued id is {'' if plain else 'not '}Case_<digits>; {matched} masks matched"


def of_eight_bits(image: Dataset, vr: str, padding: bytes) -> None:
    """225 pixels of a byte each, padded to an even length."""
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit = 7
    image.add_new(0x7FE00010, vr, bytes(range(225)) + padding)


def in_fragments(image: Dataset) -> None:
    """One frame of RLE in two fragments, without a basic offset table."""
    (frame,) = generate_frames(image.PixelData, number_of_frames=1)
    half = len(frame) // 4 * 2
    image.PixelData = encapsulate([frame[:half] + frame[half:]], has_bot=False)
    image["PixelData"].is_undefined_length = True


PIXELS: dict[str, tuple[str, Callable[[Dataset], Any]]] = {
    "16 bits": ("explicit", lambda image: None),
    "deflated": ("deflated", lambda image: None),
    "big endian": ("big endian", lambda image: None),
    "16 bits as OB": ("explicit", lambda image: image.add_new(0x7FE00010, "OB", image.PixelData)),
    "an odd number of bytes, padded with 0": (
        "explicit",
        lambda image: of_eight_bits(image, "OB", b"\0"),
    ),
    "padded with 1": ("implicit", lambda image: of_eight_bits(image, "OW", b"\1")),
    "RLE without an offset table": ("rle", in_fragments),
}


@collector("I12", CASES)(
    f"pixel data: {', '.join(PIXELS)}",
    before="one of 329 files refused, NOT-CLEAN: PIXELS-CHANGED, though nothing was to change",
    authority="PS3.5 8.1.1 and A.4",
    right=r"^7 of 7 published; verify: clean$",
)
def forms_of_pixels(folder: Path) -> str:
    objects = []
    for number, (syntax, change) in enumerate(PIXELS.values()):
        volume = chest((1, 15, 15), seed=number)[0]
        (image,) = series(volume, SeriesSpec(seed=number, syntax=syntax))
        change(image)
        objects.append(image)
    found = published(folder, objects)
    return f"{len(found)} of {len(PIXELS)} published; verify: {audit(folder)}"
