"""Names in the source that lead from a mask to its case: of folders, and of image files."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pleura.core.errors import InputRefused
from pleura.core.text import composed
from pleura.deid.people import Person, real_id, same_person
from pleura.dicom.series import Series
from pleura.images.volumes import IMAGE_FOLDERS, case_of
from pleura.labels.objects import open_dataset


def names_of_cases(
    found: Sequence[Series], source: Path, patients: Mapping[str, Sequence[Person]]
) -> dict[str, str]:
    """Folder name in the source to case id, for folders with CT of one case only.

    The private map gives the case of an image; no name of the source is written anywhere.

    Args:
        found: the series of the tree before de-identification.
        source: that tree.
        patients: the map, case id to the persons of the source.
    """
    owners: dict[str, set[str]] = {}
    for series in found:
        if not series.usable:
            continue
        case = _case_of(series, patients)
        for name in folder_names(series, source):
            owners.setdefault(name, set()).add(case)
    return {
        name: next(iter(cases))
        for name, cases in owners.items()
        if len(cases) == 1 and cases != {""}
    }


def ids_by_name(seen: Sequence[Series], usable: Sequence[Series], source: Path) -> dict[str, str]:
    """Case ids by the names that masks can have instead: of an image file, or of a folder with the
    CT of one case.

    Args:
        seen: all series of `source`.
        usable: those that become cases.
        source: the tree that they are in.
    """
    ids = {case_of(one.image): one.id for one in seen if one.image is not None}
    owners: dict[str, set[str]] = defaultdict(set)
    for one in usable:
        if one.folder is None and one.image is None:
            for name in folder_names(one, source):
                owners[name].add(one.id)
    cases = {one.id for one in usable}
    for name, of in owners.items():
        if len(of) == 1 and name not in cases and name.lower() not in IMAGE_FOLDERS:
            ids.setdefault(name, next(iter(of)))
    return ids


def _case_of(series: Series, patients: Mapping[str, Sequence[Person]]) -> str:
    """The case of the person in a series' first image; empty where the map does not have them."""
    plane = series.files[0]
    if plane.archive is not None:
        return ""
    header = open_dataset(Path(plane.file), pixels=False)
    keywords = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate")
    patient_id, issuer, name, birth_date = (str(header.get(keyword) or "") for keyword in keywords)
    person = Person(patient_id, issuer, name, birth_date, study="", place="")
    fitting = [
        case for case, known in patients.items() if any(same_person(person, one) for one in known)
    ]
    if len(fitting) == 1:
        return fitting[0]
    return ""


def patient_id_of(series: Series) -> str:
    """The PatientID of a series' first file; empty where it cannot be read or is a placeholder,
    and where a folder Case_<digits> gives the order.

    It identifies: it may decide an order, and goes nowhere else.
    """
    if series.folder is not None or not series.files or series.files[0].archive is not None:
        return ""
    try:
        header = open_dataset(Path(series.files[0].file), pixels=False)
    except (OSError, InputRefused):
        return ""
    return real_id(str(header.get("PatientID") or "").strip())


def patient_ids(
    patients: Mapping[str, Sequence[Person]], names: Mapping[str, str]
) -> dict[str, str]:
    """Case id to PatientID, as the private map knows it; empty for a placeholder, and where the
    case has the name of its folder in the source, whose number gives the order.

    Args:
        patients: the map.
        names: folder to case, as `names_of_cases` gives it.
    """
    ids = {case: min(real_id(one.patient_id) for one in own) for case, own in patients.items()}
    return {case: "" if names.get(case) == case else one for case, one in ids.items()}


def folder_names(series: Series, source: Path) -> Iterator[str]:
    """Names of the folders between `source` and the files of a series."""
    top = source.resolve()
    for parent in {plane.path.resolve().parent for plane in series.files}:
        if top in parent.parents:
            yield from map(composed, parent.relative_to(top).parts)
