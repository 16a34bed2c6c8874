"""Write measurements of lungs as a DICOM Structured Report (PS3.16 TID 1500, Enhanced SR).

Each lung is a measurement group (TID 1411) that refers to its segment of a DICOM Segmentation.
Concepts come from DCM, SNOMED CT and UCUM; where these have none, from `99PLEURA`, which the
report declares and docs/measurements.md defines.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleura.core.atomic import atomic_file
from pleura.core.codes import refused
from pleura.core.findings import Verdict
from pleura.core.lung_names import LUNG_NAMES
from pleura.labels.algorithm import Algorithm
from pleura.labels.encoder import Item, decimal, encode_file
from pleura.labels.object_header import (
    coded,
    common_header,
    content_date,
    instances,
    uid_of,
    with_uid,
)
from pleura.labels.seg_writer import TYPES

if TYPE_CHECKING:
    from pleura.dicom.series import Series

ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"
PRIVATE = "99PLEURA"
SCHEME_UID = "2.25.270805372447739894107293260010435251153"
"""Coding Scheme UID of `99PLEURA`."""
NOT_IN_SR = ("FrameOfReferenceUID", "PositionReferenceIndicator")
"""Attributes of images that a report does not have."""

HU = coded("[hnsf'U]", "Hounsfield unit", "UCUM")
PERCENT = coded("%", "Percent", "UCUM")
VOLUME, MASS = coded("118565006", "Volume"), coded("118538004", "Mass")
ATTENUATION = coded("112031", "Attenuation Coefficient", "DCM")


@dataclass(frozen=True)
class Measure:
    """How a measure is coded: concept, unit, and what is derived (mean, median) where it is."""

    concept: Item
    unit: Item
    derivation: Item | None = None


MEASURES: Mapping[str, Measure] = {
    "ml": Measure(VOLUME, coded("ml", "Milliliter", "UCUM")),
    "mass_g": Measure(MASS, coded("g", "Gram", "UCUM")),
    "mean_hu": Measure(ATTENUATION, HU, coded("373098007", "Mean")),
    "median_hu": Measure(ATTENUATION, HU, coded("373099004", "Median")),
    "perc15_hu": Measure(ATTENUATION, HU, coded("PERC15", "15th percentile", PRIVATE)),
    "laa950_percent": Measure(coded("LAA950", "Share below -950 HU", PRIVATE), PERCENT),
    "laa910_percent": Measure(coded("LAA910", "Share below -910 HU", PRIVATE), PERCENT),
    "laa856_percent": Measure(coded("LAA856", "Share below -856 HU", PRIVATE), PERCENT),
    "haa_percent": Measure(coded("HAA", "Share from -600 to below -250 HU", PRIVATE), PERCENT),
}
"""The measures of `quantify.lungs` that a report has, in its order."""
LATERALITY = {
    "right": coded("24028007", "Right"),
    "left": coded("7771000", "Left"),
    "both": coded("51440002", "Right and left"),
}
VERDICTS = {
    Verdict.OK: coded("OK", "ok: no finding against the mask", PRIVATE),
    Verdict.REPAIRED: coded("REPAIRED", "repaired: input was corrected", PRIVATE),
    Verdict.REVIEW: coded("REVIEW", "review: look at the mask before use", PRIVATE),
}


@dataclass(frozen=True)
class Segmented:
    """What a report says of a DICOM Segmentation: its UIDs, and its segments by label."""

    sop_class: str
    sop_uid: str
    series_uid: str
    segments: Mapping[str, int]

    @classmethod
    def of(cls, path: Path) -> "Segmented":
        """Read a segmentation that pleura wrote."""
        from pydicom import dcmread

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about names in the source that do not conform
            found = dcmread(path, stop_before_pixels=True)
            segments = {
                str(one.SegmentLabel): int(one.SegmentNumber)
                for one in found["SegmentSequence"].value
            }
            return cls(
                str(found.SOPClassUID),
                str(found.SOPInstanceUID),
                str(found.SeriesInstanceUID),
                segments,
            )


def write_report(
    path: Path,
    segmentation: Path,
    series: "Series",
    measures: Mapping[str, Any],
    verdict: Verdict,
    algorithm: Algorithm | None = None,
) -> None:
    """Write the measurements of the lungs of a segmentation, whole or not at all.

    UIDs come from the content and dates from the series, so equal input gives equal bytes.

    Args:
        path: the file to write.
        segmentation: a DICOM Segmentation that `write_mask` wrote.
        series: the CT series that was measured.
        measures: as `quantify.lungs.measure_lungs` returns them.
        verdict: how far the mask can be trusted.
        algorithm: what made the mask.

    Raises:
        InputRefused: `NO-UIDS`: the series cannot be referenced.
        OutputFailed: `path` cannot be written.
    """
    if series.missing:  # interpolated slices have no instance to reference
        series = series.measured()
    made = report(Segmented.of(segmentation), series, measures, verdict, algorithm)
    with atomic_file(path) as part:
        part.write_bytes(encode_file(made))


def report(
    segmented: Segmented,
    series: "Series",
    measures: Mapping[str, Any],
    verdict: Verdict,
    algorithm: Algorithm | None,
) -> dict[str, Any]:
    """The data set of a report."""
    made = common_header(series, ENHANCED_SR, "SR", algorithm)
    for keyword in NOT_IN_SR:
        made.pop(keyword, None)
    day, time = content_date(made)
    groups = [
        _group(side, segmented, series, measures[side], verdict, algorithm)
        for side, label in LUNG_NAMES.items()
        if measures.get(side) and label in segmented.segments
    ]
    if not groups:
        raise refused("MASK-EMPTY")
    made |= {
        "ContentDate": day,
        "ContentTime": time,
        "SeriesDescription": "Lung measurements (pleura)",
        "ReferencedPerformedProcedureStepSequence": [],
        "CodingSchemeIdentificationSequence": [_scheme()],
        "PerformedProcedureCodeSequence": [],
        "CurrentRequestedProcedureEvidenceSequence": [_evidence(segmented, series)],
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "UNVERIFIED",
        **_container(coded("126000", "Imaging Measurement Report", "DCM"), "1500"),
        "ContentSequence": [
            *_context(series, algorithm),
            {
                "RelationshipType": "CONTAINS",
                **_container(coded("126010", "Imaging Measurements", "DCM")),
                "ContentSequence": groups,
            },
        ],
    }
    return with_uid(made)


def _scheme() -> Item:
    return {
        "CodingSchemeDesignator": PRIVATE,
        "CodingSchemeUID": SCHEME_UID,
        "CodingSchemeName": "pleura",
        "CodingSchemeResponsibleOrganization": "pleura; docs/measurements.md defines the codes",
    }


def _evidence(segmented: Segmented, series: "Series") -> Item:
    """What the report is about: the segmentation, and the slices that were measured."""
    segmentation = {
        "ReferencedSOPClassUID": segmented.sop_class,
        "ReferencedSOPInstanceUID": segmented.sop_uid,
    }
    return {
        "StudyInstanceUID": series.study_uid,
        "ReferencedSeriesSequence": [
            {
                "SeriesInstanceUID": segmented.series_uid,
                "ReferencedSOPSequence": [segmentation],
            },
            {
                "SeriesInstanceUID": series.series_uid,
                "ReferencedSOPSequence": instances(series.files),
            },
        ],
    }


def _context(series: "Series", algorithm: Algorithm | None) -> list[Item]:
    """Language (TID 1204), the device that observed (TID 1001), and the procedure."""
    device = uid_of("device", *(() if algorithm is None else algorithm.key))
    language = coded("en-US", "English (United States)", "RFC5646")
    modifier, context = "HAS CONCEPT MOD", "HAS OBS CONTEXT"
    concept = {
        "language": coded("121049", "Language of Content Item and Descendants", "DCM"),
        "observer": coded("121005", "Observer Type", "DCM"),
        "uid": coded("121012", "Device Observer UID", "DCM"),
        "name": coded("121013", "Device Observer Name", "DCM"),
        "procedure": coded("121058", "Procedure reported", "DCM"),
    }
    return [
        _code(modifier, concept["language"], language),
        _code(context, concept["observer"], coded("121007", "Device", "DCM")),
        _uid(context, concept["uid"], device),
        _text(context, concept["name"], "pleura"),
        _code(modifier, concept["procedure"], coded("169069000", "CT of chest")),
    ]


def _group(
    side: str,
    segmented: Segmented,
    series: "Series",
    values: Mapping[str, Any],
    verdict: Verdict,
    algorithm: Algorithm | None,
) -> Item:
    """The measurements of one lung (TID 1411), and the verdict on its mask."""
    label, context, holds = LUNG_NAMES[side], "HAS OBS CONTEXT", "CONTAINS"
    site = _code("HAS CONCEPT MOD", coded("363698007", "Finding Site"), coded("39607008", "Lung"))
    laterality = _code("HAS CONCEPT MOD", coded("272741003", "Laterality"), LATERALITY[side])
    segment = {
        "RelationshipType": holds,
        "ValueType": "IMAGE",
        "ConceptNameCodeSequence": [coded("121191", "Referenced Segment", "DCM")],
        "ReferencedSOPSequence": [
            {
                "ReferencedSOPClassUID": segmented.sop_class,
                "ReferencedSOPInstanceUID": segmented.sop_uid,
                "ReferencedSegmentNumber": segmented.segments[label],
            }
        ],
    }
    source = coded("121232", "Source series for segmentation", "DCM")
    tracking = uid_of("tracking", series.series_uid, label)
    items = [
        _text(context, coded("112039", "Tracking Identifier", "DCM"), label),
        _uid(context, coded("112040", "Tracking Unique Identifier", "DCM"), tracking),
        _code(
            holds,
            coded("276214006", "Finding category"),
            coded("123037004", "Anatomical Structure"),
        ),
        _code(holds, coded("121071", "Finding", "DCM"), coded(*TYPES[label])),
        segment,
        _uid(holds, source, series.series_uid),
        {**site, "ContentSequence": [laterality]},
        *_made_by(algorithm),
        *(_number(MEASURES[name], values[name]) for name in MEASURES),
        _code(holds, coded("VERDICT", "Verdict on the mask", PRIVATE), VERDICTS[verdict]),
    ]
    return {
        "RelationshipType": holds,
        **_container(coded("125007", "Measurement Group", "DCM"), "1411"),
        "ContentSequence": items,
    }


def _made_by(algorithm: Algorithm | None) -> Sequence[Item]:
    """The algorithm that made the mask (TID 4019)."""
    if algorithm is None:
        return ()
    modifier = "HAS CONCEPT MOD"
    return (
        _text(modifier, coded("111001", "Algorithm Name", "DCM"), algorithm.name),
        _text(modifier, coded("111003", "Algorithm Version", "DCM"), algorithm.version),
    )


def _number(measure: Measure, value: float) -> Item:
    measured = {
        "NumericValue": decimal(value),
        "MeasurementUnitsCodeSequence": [measure.unit],
    }
    made: dict[str, Any] = {
        "RelationshipType": "CONTAINS",
        "ValueType": "NUM",
        "ConceptNameCodeSequence": [measure.concept],
        "MeasuredValueSequence": [measured],
    }
    if measure.derivation is not None:
        derivation = coded("121401", "Derivation", "DCM")
        made["ContentSequence"] = [_code("HAS CONCEPT MOD", derivation, measure.derivation)]
    return made


def _container(concept: Item, template: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {
        "ValueType": "CONTAINER",
        "ConceptNameCodeSequence": [concept],
        "ContinuityOfContent": "SEPARATE",
    }
    if template:
        identified = {"MappingResource": "DCMR", "TemplateIdentifier": template}
        made["ContentTemplateSequence"] = [identified]
    return made


def _code(relation: str, concept: Item, value: Item) -> dict[str, Any]:
    return _item(relation, "CODE", concept, ConceptCodeSequence=[value])


def _text(relation: str, concept: Item, value: str) -> dict[str, Any]:
    return _item(relation, "TEXT", concept, TextValue=value)


def _uid(relation: str, concept: Item, value: str) -> dict[str, Any]:
    return _item(relation, "UIDREF", concept, UID=value)


def _item(relation: str, kind: str, concept: Item, **value: Any) -> dict[str, Any]:
    return {
        "RelationshipType": relation,
        "ValueType": kind,
        "ConceptNameCodeSequence": [concept],
        **value,
    }
