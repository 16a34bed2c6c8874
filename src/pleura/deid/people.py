"""Group objects by patient, none merged or split, and give patients their case ids."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pleura.deid.folding import composed, plain, spellings, tokens
from pleura.deid.objects import Header


@dataclass(frozen=True)
class Person:
    """What distinguishes patients. It holds values of the source and is written to the map only."""

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
        nameless = not real_id(patient_id) and not real_name(name)
        study = header.get("StudyInstanceUID") if nameless else ""
        return cls(
            patient_id,
            header.get("IssuerOfPatientID"),
            name,
            header.get("PatientBirthDate"),
            study,
            header.place if nameless and not study else "",
        )


_PLACEHOLDERS = (
    "a annotation anon anonimizado anonimizzato anonimo anonym anonyme anonymised anonymisiert "
    "anonymisé anonymized anonymous anonymus anónimo applicable available blank by case ct ctp de "
    "default deidentified dummy empty example id "
    "identified identity inconnu masked missing mrn n na name namen nn no nobody nom noname "
    "none not null of ohne patient patientid patientname phantom qa redacted removed sample "
    "sans scrubbed subject sujet test tester testing the unbekannt undefined unidentified "
    "unknown unnamed unspecified without x xx xxx аноним анонимный 不明 匿名 無名 未知 익명"
)
PLACEHOLDERS = frozenset(_PLACEHOLDERS.split())
"""Words that replace an identity."""


@lru_cache(maxsize=4096)
def real_id(patient_id: str) -> str:
    """A PatientID that identifies a patient; empty for a placeholder (0000, XXXX, ----)."""
    characters = {c.casefold() for c in patient_id if c.isalnum()}
    if (
        not characters
        or characters <= {"0"}
        or characters <= {"x"}
        or (len(characters) == 1 and len(patient_id) > 2)
    ):
        return ""
    if (
        not any(c.isdecimal() for c in patient_id)
        and set(re.findall(r"[^\W_]+", patient_id.casefold())) <= PLACEHOLDERS
    ):
        return ""
    return patient_id


def real_name(name: str) -> tuple[str, ...]:
    """The words of a name as in `plain_name`; empty where all of them are placeholders."""
    words = [plain(token.text) for token in tokens(composed(name.split("=")[0]))]
    has_number = any(c.isdecimal() and c != "0" for c in name)
    real = has_number or any(
        w not in PLACEHOLDERS and (len(w) < 3 or len(set(w)) > 1) for w in words
    )
    if real:
        return plain_name(name)
    return ()


@lru_cache(maxsize=4096)
def plain_name(name: str) -> tuple[str, ...]:
    """The words of a person name in their shortest spelling, sorted; of the first group only."""
    group = composed(name.split("=")[0])
    words = [
        min(spellings(token.text), key=lambda form: (len(form), form), default="")
        for token in tokens(group)
    ]
    return tuple(sorted([*filter(None, words), *re.findall(r"\d+", group)]))


def same_person(one: Person, other: Person) -> bool:
    """Whether two persons are one patient.

    An equal PatientID is not enough, because two hospitals may give the same one: issuers must not
    differ, and the names or the birth dates must agree, unless one side has neither. Without a
    PatientID, name and birth date must both agree.
    """
    if real_id(one.patient_id) != real_id(other.patient_id) or (one.study, one.place) != (
        other.study,
        other.place,
    ):
        return False
    if one.issuer and other.issuer and one.issuer != other.issuer:
        return False
    names = real_name(one.name), real_name(other.name)
    if not real_id(one.patient_id):
        return names[0] == names[1] and one.birth_date == other.birth_date
    if names[0] and names[1]:
        return names[0] == names[1] or (one.birth_date == other.birth_date != "")
    return one.birth_date == other.birth_date or not (one.birth_date and other.birth_date)


def group_people(persons: Iterable[Person]) -> list[tuple[Person, ...]]:
    """Group persons into patients, in an order that does not depend on the order given."""
    by_id: dict[tuple[str, str, str], list[list[Person]]] = defaultdict(list)
    # the fullest descriptions first, so that an object with fewer attributes joins the patient
    # that it fits
    for person in sorted(
        set(persons),
        key=lambda p: (-sum(map(bool, (real_name(p.name), p.birth_date, p.issuer))), _order(p)),
    ):
        groups = by_id[real_id(person.patient_id), person.study, person.place]
        fitting = [
            group for group in groups if any(same_person(person, member) for member in group)
        ]
        if not fitting:
            groups.append([person])
            continue
        fitting[0].append(person)
    return sorted(
        (tuple(sorted(g, key=_order)) for groups in by_id.values() for g in groups),
        key=lambda g: _order(g[0]),
    )


ISSUED = "Deid_"
"""What the ids that pleura gives begin with."""


def name_cases(
    count: int, folders: Mapping[int, set[str]], known: Mapping[int, str], taken: Iterable[str]
) -> dict[int, str]:
    """Choose a case id for each of `count` patients.

    Args:
        count: number of patients; new numbers are given in their order.
        folders: for a patient's index, the case folders that hold objects of this patient alone.
        known: ids of patients who are in the map already.
        taken: names that no new id may have: every case folder of the source and of the map.

    Returns:
        Index to id; all ids differ. New ids are Deid_<digits>, so that a mask that somebody named
        Case_<digits> is never taken for that of a renumbered patient.
    """
    ids = dict(known)
    for index in range(count):
        own = sorted(folders.get(index, set()) - set(known.values()), key=_number)
        if index not in ids and own:
            ids[index] = own[0]
    numbers = {_number(name) for name in (*taken, *ids.values()) if name.startswith(ISSUED)}
    number = 0
    for index in range(count):
        if index in ids:
            continue
        while number in numbers:
            number += 1
        ids[index] = f"{ISSUED}{number:03d}"
        numbers.add(number)
    return ids


def _number(name: str) -> int:
    return int(name.rpartition("_")[2])


def _order(person: Person) -> tuple[str, ...]:
    return (
        person.patient_id,
        person.issuer,
        person.name,
        person.birth_date,
        person.study,
        person.place,
    )
