"""A small cleaner for phantoms, written for the audit's tests alone: it knows every attribute
that a phantom has.
"""

import hashlib
from copy import deepcopy
from datetime import datetime, timedelta

from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

EMPTIED = [
    *(
        "StudyDate",
        "StudyTime",
        "ContentDate",
        "ContentTime",
        "AccessionNumber",
        "ReferringPhysicianName",
        "PatientBirthDate",
    ),
    *("PatientSex", "StudyID"),
]
DROPPED = [
    *(
        "SeriesDate",
        "AcquisitionDate",
        "SeriesTime",
        "AcquisitionTime",
        "InstitutionName",
        "InstitutionAddress",
        "StationName",
    ),
    *("StudyDescription", "SeriesDescription", "OperatorsName", "PatientBirthTime", "PatientAge"),
]


def new_uid(old: str) -> UID:
    return UID(
        f"2.25.{int.from_bytes(hashlib.sha256(b'key' + str(old).encode()).digest()[:16], 'big')}"
    )


def cleaned(source: Dataset, case: str = "Case_000", shift: int = 0) -> Dataset:
    """The Basic Profile for a phantom's slice; `shift` days move its dates, 0 removes them."""
    ds = deepcopy(source)
    if shift:
        for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
            day = datetime.strptime(ds[keyword].value, "%Y%m%d") + timedelta(days=shift)
            setattr(ds, keyword, day.strftime("%Y%m%d"))
    for keyword in EMPTIED:
        if not (shift and ("Date" in keyword or "Time" in keyword) and "Birth" not in keyword):
            setattr(ds, keyword, "")
    for keyword in DROPPED:
        if keyword in ds and not (
            shift and ("Date" in keyword or "Time" in keyword) and "Birth" not in keyword
        ):
            delattr(ds, keyword)
    ds.PatientID = ds.PatientName = case
    for keyword in (
        "SOPInstanceUID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "FrameOfReferenceUID",
    ):
        setattr(ds, keyword, new_uid(ds[keyword].value))
    for item in ds.get("SourceImageSequence", []):
        item.ReferencedSOPInstanceUID = new_uid(item.ReferencedSOPInstanceUID)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethod = "by hand, for a test"
    codes = [("113100", "Basic Application Confidentiality Profile")]
    if shift:
        codes.append(("113107", "Retain Longitudinal Temporal Information Modified Dates Option"))
    ds.DeidentificationMethodCodeSequence = Sequence(
        [coded(value, meaning) for value, meaning in codes]
    )
    ds.LongitudinalTemporalInformationModified = "MODIFIED" if shift else "REMOVED"
    return ds


def coded(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
