"""The hostile corpus: `build(folder)` writes it and returns the truth about it. Everything in it is
invented.

Run as a script, it writes into the folder named: `python tests/hostile/corpus.py FOLDER`.
"""

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hostile import objects, plant
from hostile.people import (
    AENNE,
    CORNELIUS,
    EVERYONE,
    GILDONG,
    OTTOLINE,
    ROSALIND,
    TAROU,
    XIAODONG,
    Person,
)
from pydicom import Dataset, config, dcmread, dcmwrite
from pydicom.uid import UID

from pleura.phantom.anatomy import chest
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import SYNTAXES, SeriesSpec, series

DROPPED = {  # sequences and attributes of which nothing need stay
    "OriginalAttributesSequence", "EncryptedAttributesSequence", "DigitalSignaturesSequence",
    "IconImageSequence",
    "OtherPatientIDsSequence", "ReferringPhysicianIdentificationSequence",
    "RequestAttributesSequence",
    "ReferencedPatientSequence", "ContributingEquipmentSequence", "RequestedProcedureCodeSequence",
    "VerifyingObserverSequence",
}  # fmt: skip
TECHNICAL = {
    "SOPClassUID", "Modality", "ImageType", "KVP", "ConvolutionKernel", "SliceThickness",
    "PixelSpacing",
    "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept",
    "RescaleType",
    "XRayTubeCurrent", "ExposureTime", "ReconstructionDiameter", "DataCollectionDiameter",
    "GantryDetectorTilt",
    "TableHeight", "PatientPosition", "BodyPartExamined", "Rows", "Columns", "BitsAllocated",
    "BitsStored", "HighBit",
    "PixelRepresentation", "PhotometricInterpretation", "SamplesPerPixel", "NumberOfFrames",
    "WindowCenter",
    "WindowWidth", "SliceLocation", "InstanceNumber", "SeriesNumber", "AcquisitionNumber",
    "Manufacturer",
    "ManufacturerModelName", "ContourData", "NumberOfContourPoints", "ContourGeometricType",
    "ROINumber",
    "ReferencedROINumber", "ROIDisplayColor", "RTROIInterpretedType", "SegmentationType",
    "SegmentNumber",
    "SegmentAlgorithmType", "ReferencedSegmentNumber", "DimensionIndexValues", "NumericValue",
    "ValueType",
    "RelationshipType", "CompletionFlag", "ContinuityOfContent", "PresentationLUTShape",
    "PresentationSizeMode",
    "StackID", "InStackPositionNumber",
}  # fmt: skip
STANDARD = {"SCT", "DCM", "UCUM", "LN"}


@dataclass(frozen=True)
class Made:
    """One file: whose it is, whether it must come out, what must stay in it, which instances it
    refers to.
    """

    path: Path
    what: str
    person: str
    required: bool
    uid: str = ""
    pixels: bytes = b""
    kept: dict[str, str] = field(default_factory=dict)
    references: frozenset[str] = frozenset()


@dataclass
class Truth:
    """Everything about the corpus that a judge needs."""

    folder: Path
    made: list[Made] = field(default_factory=list)
    people: tuple[Person, ...] = EVERYONE
    clean_labels: tuple[str, ...] = ("Lung_L", "Lung_R")
    follow_up_days: int = 93

    @property
    def required(self) -> list[Made]:
        return [made for made in self.made if made.required]

    def secrets(self) -> list[str]:
        """Everything that must be found nowhere in the output, of anybody."""
        return sorted({secret for person in self.people for secret in person.secrets})

    def uids(self) -> set[str]:
        return {made.uid for made in self.made if made.uid} | {
            uid for made in self.made for uid in made.references
        }


def walk(ds: Dataset, where: str = "") -> list[tuple[str, Dataset, object]]:
    """Every element that need not go, as (path of keywords, its data set, the element)."""
    found = []
    for element in ds:
        if element.tag.is_private or element.keyword in DROPPED:
            continue
        if element.VR == "SQ":
            for k, one in enumerate(element.value):
                found += walk(one, f"{where}{element.keyword}[{k}].")
        else:
            found.append((where + element.keyword, ds, element))
    return found


def kept(ds: Dataset) -> dict[str, str]:
    """Technical values and standard codes, by path: what must read the same afterwards."""
    values = {}
    for path, holder, element in walk(ds):
        standard = (
            element.keyword in ("CodeValue", "CodingSchemeDesignator")
            and holder.CodingSchemeDesignator in STANDARD
        )
        if (standard or element.keyword in TECHNICAL) and "DeidentificationMethod" not in path:
            values[path] = str(element.value)
    return values


def references(ds: Dataset) -> frozenset[str]:
    """Instances that an object refers to, below the top level."""
    return frozenset(
        str(e.value)
        for path, _, e in walk(ds)
        if "[" in path and e.keyword in ("ReferencedSOPInstanceUID", "UID")
    )


class Builder:
    def __init__(self, folder: Path) -> None:
        self.truth = Truth(folder)

    def write(self, path: str, ds: Dataset, what: str, person: Person, *, required: bool = True,
              change: Callable[[bytes], bytes] | None = None) -> None:  # fmt: skip
        file = self.truth.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        dcmwrite(file, ds, enforce_file_format=True)
        data = file.read_bytes().replace(plant.SOUND_NUMBER, plant.BROKEN_NUMBER)
        file.write_bytes(change(data) if change else data)
        self.truth.made.append(
            Made(
                file,
                what,
                person.label,
                required,
                str(ds.SOPInstanceUID),
                ds.get("PixelData", b""),
                kept(ds),
                references(ds),
            )
        )

    def raw(self, path: str, data: bytes, what: str, person: Person) -> None:
        file = self.truth.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        self.truth.made.append(Made(file, what, person.label, required=False))


def images(
    person: Person, seed: int, number: int = 1, syntax: str = "explicit", slices: int = 3, **tags
) -> list[Dataset]:
    """A small CT series of a person."""
    volume = chest((slices, 16, 16), seed=seed)[0]
    charset = person.charset.split("\\")
    spec = SeriesSpec(seed=seed, number=number, syntax=syntax, identity=person.identity)
    made = series(
        volume,
        replace(
            spec, tags={"SpecificCharacterSet": charset if len(charset) > 1 else charset[0], **tags}
        ),
    )
    return made


def _with_preamble(text: bytes) -> Callable[[bytes], bytes]:
    return lambda data: text.ljust(128, b"\0")[:128] + data[128:]


def _first_family(build: Builder) -> None:
    """Ottoline: every hiding place, every transfer syntax, every kind of object, a follow-up."""
    who = OTTOLINE
    home = "Quillfeather_Ottoline_19510312/MRN-4471-902"
    for number, syntax in enumerate(SYNTAXES, start=1):
        for k, ds in enumerate(images(who, 100, number, syntax, slices=2)):
            if syntax != "deflated" or k:
                plant.all_of_it(ds, who)
            meta = ds.file_meta
            meta.SourceApplicationEntityTitle = who.identity.station
            meta.PrivateInformationCreatorUID, meta.PrivateInformation = (
                UID("1.2.9.55"),
                b"Quillfeather",
            )
            preamble = _with_preamble(b"II*\0 Quillfeather Ottoline") if k == 0 else None
            build.write(
                f"{home}/{syntax.replace(' ', '_')}/Quillfeather{k}.dcm",
                ds,
                f"CT {syntax}",
                who,
                change=preamble,
            )
    plain = images(who, 101, 20)
    for k, ds in enumerate(plain):
        build.write(f"{home}/plain/IM{k}", ds, "CT plain", who)
    build.write(f"{home}/rs.dcm", objects.structure_set(plain, who), "RTSTRUCT", who)
    build.write(f"{home}/seg.dcm", objects.segmentation(plain, who), "SEG", who)
    build.write(f"{home}/sr.dcm", objects.report(plain, who), "SR", who)
    build.write(f"{home}/pr.dcm", objects.presentation_state(plain, who), "GSPS", who)
    one = enhanced(images(who, 102, 21))
    plant.in_sequences(one, who)
    plant.in_private(one, who)
    build.write(f"{home}/enhanced.dcm", one, "Enhanced CT", who)
    trailing = images(who, 103, 22)
    trailing[0].add_new(0xFFFCFFFC, "OB", b"Quillfeather Ottoline ".ljust(64, b"\0"))
    build.write(f"{home}/padding.dcm", trailing[0], "CT with trailing padding", who)
    later = replace(
        who, identity=replace(who.identity, study_date="20171206", accession="ACC9911222")
    )
    for k, ds in enumerate(images(later, 104, 1)):
        build.write(f"{home}/followup/{k}.dcm", ds, "CT follow-up", who)
    build.write(f"{home}/sc.dcm", objects.capture(plain, who), "SC", who, required=False)
    build.write(f"{home}/letter.dcm", objects.document(plain, who), "PDF", who, required=False)
    build.write(
        f"{home}/dose.dcm",
        objects.report(plain, who, objects.DOSE_SR, 16),
        "dose SR",
        who,
        required=False,
    )
    burnt = images(who, 105, 23, BurnedInAnnotation="YES")[0]
    build.write(f"{home}/burnt.dcm", burnt, "CT with burned-in text", who, required=False)
    screen = images(who, 106, 24, ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"])[0]
    build.write(f"{home}/screen.dcm", screen, "screen save", who, required=False)


def _scripts(build: Builder) -> None:
    """Names in other scripts, in the encodings that scanners use."""
    for seed, who in enumerate((TAROU, XIAODONG, GILDONG, AENNE), start=200):
        made = images(who, seed)
        for k, ds in enumerate(made):
            plant.in_text(ds, who)
            plant.in_sequences(ds, who)
            build.write(f"{who.label}/{k}", ds, f"CT {who.label}", who)
        build.write(
            f"{who.label}/rs", objects.structure_set(made, who), f"RTSTRUCT {who.label}", who
        )


def _claims(build: Builder) -> None:
    """Files that say they are de-identified already, and are not."""
    for k, ds in enumerate(images(AENNE, 210, 9)):
        ds.PatientIdentityRemoved = "YES"
        ds.DeidentificationMethod = f"ACME scrubber for {plant.family(AENNE)}"
        ds.DeidentificationMethodCodeSequence = [plant.code("113106", "DCM",
                                                            "Retain Longitudinal Full Dates"),
                                                 plant.code("113110", "DCM",
                                                            "Retain UIDs")]  # fmt: skip
        ds.LongitudinalTemporalInformationModified = "UNMODIFIED"
        ds.BurnedInAnnotation = "NO"
        build.write(f"already_anonymous/{k}.dcm", ds, "CT with an old claim", AENNE)


def _two_with_one_id(build: Builder) -> None:
    for seed, who in ((220, ROSALIND), (221, CORNELIUS)):
        for k, ds in enumerate(images(who, seed)):
            ds.IssuerOfPatientID = who.identity.institution
            build.write(f"export/{who.identity.institution}/{k}.dcm", ds, "CT of a shared id", who)


def _not_images(build: Builder) -> None:
    build.raw("Quillfeather.txt", b"Quillfeather Ottoline, films of 4 Sep 2017", "text", OTTOLINE)
    whole = build.truth.made[0].path.read_bytes()
    build.raw("cut/Quillfeather.dcm", whole[: len(whole) // 3], "truncated", OTTOLINE)
    from pydicom.fileset import FileSet

    files = FileSet()
    with config.disable_value_validation():
        files.add(images(OTTOLINE, 107, 25)[0])
        files.write(build.truth.folder / "disc")
    files._stage["t"].cleanup()  # pydicom leaves it to chance, with a warning
    disc = build.truth.folder / "disc"
    build.truth.made.append(Made(disc / "DICOMDIR", "DICOMDIR", OTTOLINE.label, required=False))
    for path in sorted(disc.rglob("*")):
        if path.is_file() and path.name != "DICOMDIR":
            ds = dcmread(path)
            made = Made(
                path,
                "CT on a disc",
                OTTOLINE.label,
                True,
                str(ds.SOPInstanceUID),
                ds.PixelData,
                kept(ds),
            )
            build.truth.made.append(made)


def build(folder: Path) -> Truth:
    """Write the corpus into `folder` and return the truth about it."""
    builder = Builder(folder)
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        _first_family(builder)
        _scripts(builder)
        _claims(builder)
        _two_with_one_id(builder)
        _not_images(builder)
    return builder.truth


if __name__ == "__main__":
    print(len(build(Path(sys.argv[1])).made), "files")
