"""Which objects belong to one patient, and the case ids that patients get. No patient is merged with another, none is split."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pleura.deid.objects import Header


@dataclass(frozen=True)
class Person:
    """What tells one patient from another. Values of the source: it goes into the map and nowhere else."""

    patient_id: str
    issuer: str
    name: str
    birth_date: str
    study: str  # only where the object names no patient
    place: str  # only where it names no study either

    @classmethod
    def of(cls, header: Header) -> "Person":
        """The person that an object names."""
        patient_id, name = header.get("PatientID"), header.get("PatientName")
        nameless = not patient_id and not plain_name(name)
        study = header.get("StudyInstanceUID") if nameless else ""
        return cls(
            patient_id,
            header.get("IssuerOfPatientID"),
            name,
            header.get("PatientBirthDate"),
            study,
            header.place if nameless and not study else "",
        )


def plain_name(name: str) -> tuple[str, ...]:
    """A person name as its words, in order of the alphabet, without case, accents and punctuation; the first group only."""
    group = unicodedata.normalize("NFKD", name.split("=")[0])
    letters = "".join(c for c in group if not unicodedata.combining(c)).casefold()
    return tuple(sorted(re.findall(r"[^\W_]+", letters)))


def same_person(one: Person, other: Person) -> bool:
    """Whether two objects' persons are one patient.

    One PatientID is not enough, for two hospitals may give it twice: issuers must not differ, and the names agree, or the
    birth dates do, or one side tells neither. Without any PatientID, name and birth date must both agree.
    """
    if one.patient_id != other.patient_id or (one.study, one.place) != (other.study, other.place):
        return False
    if one.issuer and other.issuer and one.issuer != other.issuer:
        return False
    names = plain_name(one.name), plain_name(other.name)
    if not one.patient_id:
        return names[0] == names[1] and one.birth_date == other.birth_date
    if names[0] and names[1]:
        return names[0] == names[1] or (one.birth_date == other.birth_date != "")
    return one.birth_date == other.birth_date or not (one.birth_date and other.birth_date)


def group_people(persons: Iterable[Person]) -> list[tuple[Person, ...]]:
    """Persons grouped into patients, in an order that does not depend on the order given."""
    by_id: dict[tuple[str, str, str], list[list[Person]]] = defaultdict(list)
    # the fullest descriptions first, so that an object that tells less joins the patient that it fits
    for person in sorted(set(persons), key=lambda p: (-sum(map(bool, (p.name, p.birth_date, p.issuer))), _order(p))):
        groups = by_id[person.patient_id, person.study, person.place]
        fitting = [group for group in groups if any(same_person(person, member) for member in group)]
        if not fitting:
            groups.append([person])
            continue
        fitting[0].append(person)
    return sorted((tuple(sorted(g, key=_order)) for groups in by_id.values() for g in groups), key=lambda g: _order(g[0]))


def name_cases(count: int, folders: Mapping[int, set[str]], known: Mapping[int, str], taken: Iterable[str]) -> dict[int, str]:
    """A case id for each of `count` patients.

    Args:
        count: how many; new numbers are given in their order.
        folders: for a patient's index, the Case_<digits> folders that hold objects of this patient alone.
        known: ids of patients whom the map knows already.
        taken: names that no new number may get: every Case_<digits> of the source and of the map.

    Returns:
        Index to id; no two are the same.
    """
    ids = dict(known)
    for index in range(count):
        own = sorted(folders.get(index, set()) - set(known.values()), key=_number)
        if index not in ids and own:
            ids[index] = own[0]
    numbers = {_number(name) for name in (*taken, *ids.values())}
    number = 0
    for index in range(count):
        if index in ids:
            continue
        while number in numbers:
            number += 1
        ids[index] = f"Case_{number:03d}"
        numbers.add(number)
    return ids


def _number(name: str) -> int:
    return int(name.removeprefix("Case_"))


def _order(person: Person) -> tuple[str, ...]:
    return (person.patient_id, person.issuer, person.name, person.birth_date, person.study, person.place)
