"""Coded entries: schemes and class UIDs that identify nobody, cleaned meanings, and our claim."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset

SCHEME = 0x00080102
VALUE = 0x00080100
MEANING = 0x00080104
FIXED = frozenset({VALUE, SCHEME, 0x00080103, 0x00080119, 0x00080120})
"""Code value, scheme, version, long and URN value of a coded entry; kept in schemes of `FORMS`."""

FORMS = {
    "SCT": r"\d{6,18}",
    "SRT": r"[A-Z][A-Z0-9]?-[A-Z0-9]{1,8}",
    "SNM3": r"[A-Z][A-Z0-9]?-[A-Z0-9]{1,8}",
    "DCM": r"\d{5,6}|[A-Z]{2,16}",
    "LN": r"(LP|LA)?\d{1,7}-\d",
    "UCUM": r"[\w\[\]{}%./*'\"^+()\-]{1,16}",
    "FMA": r"\d{1,8}",
    "RADLEX": r"RID\d{1,8}",
    "ACR": r"[\d.]{1,16}",
    "NCIt": r"C\d{1,8}",
    "I10": r"[A-Z]\d\d(\.\w{1,4})?",
    "ISO639_2": r"[a-z]{3}",
    "RFC5646": r"[A-Za-z-]{2,16}",
    "BI": r"[A-Za-z0-9_.-]{1,16}",
    "99TG263": r"\w{1,16}",
}
"""Coding schemes that name no person, and the form of their code values."""

MEANINGS = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113103": "Clean Graphics Option",
    "113105": "Clean Descriptors Option",
    "113106": "Retain Longitudinal Temporal Information Full Dates Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113109": "Retain Device Identity Option",
    "113110": "Retain UIDs Option",
    "113111": "Retain Safe Private Option",
    "113112": "Retain Institution Identity Option",
}
"""Codes of PS3.16 CID 7050 for what pleura can do."""


def standard(item: Any) -> bool:
    """Whether a coded entry has a scheme of `FORMS` and a value of that scheme's form."""
    form = FORMS.get(str(item[SCHEME].value or ""))
    values = [str(item[tag].value or "") for tag in (VALUE, 0x00080119) if tag in item]
    return form is not None and all(re.fullmatch(form, value) for value in values)


@lru_cache(maxsize=1024)
def meaning(scheme: str, value: str) -> str:
    """The Standard's meaning of a code, from pydicom's tables; empty where they have none."""
    from pydicom.sr import _concepts_dict

    concepts: Any = _concepts_dict.concepts
    for versions in concepts.get("SCT" if scheme in ("SRT", "SNM3") else scheme, {}).values():
        if value in versions:
            return str(versions[value][0])
    return ""


def names_a_class(tag: int) -> bool:
    """Whether a UI attribute names a class, a transfer syntax or a scheme, not an instance."""
    from pydicom.datadict import keyword_for_tag

    keyword = keyword_for_tag(tag)
    return (
        re.search(
            r"ClassUID|ClassUIDs|TransferSyntaxUID|CodingSchemeUID|ContextUID|MappingResourceUID",
            keyword,
        )
        is not None
    )


def number_of(item: "Dataset") -> Any:
    """The number of a structure or segment, from the attribute beside its label."""
    for keyword in ("ROINumber", "SegmentNumber", "ReferencedROINumber", "ObservationNumber"):
        if keyword in item:
            return item.get(keyword)
    return 0


def claim(dataset: "Dataset", codes: Sequence[str], version: str) -> None:
    """Record in the data set what was done (PS3.15 E.1.1, E.3; PS3.3 C.12.1.1.9), nothing else."""
    from pydicom import Dataset

    if not codes:
        return
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = f"pleura {version}, PS3.15 Basic Profile"
    items = []
    for code in codes:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", MEANINGS[code]
        items.append(item)
    dataset.DeidentificationMethodCodeSequence = items
    dates = {"113106": "UNMODIFIED", "113107": "MODIFIED"}
    dataset.LongitudinalTemporalInformationModified = next(
        (dates[c] for c in codes if c in dates), "REMOVED"
    )
