"""Decide where every object goes: a unit for each case folder, and file names without identity."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from pleura.deid.engine import Patient
from pleura.deid.identifiers import NOBODY
from pleura.deid.identity import keyed, shift_days
from pleura.deid.objects import DIRECTORY, Header
from pleura.deid.people import Person, group_people, name_cases


@dataclass(frozen=True)
class Unit:
    """One folder of OUT: `files` are names in it with their objects; `case` is the patient's id."""

    folder: str
    case: str
    files: tuple[tuple[str, Header], ...]


@dataclass(frozen=True)
class Plan:
    """What a run will do. `patients` maps each case id to the persons of the source."""

    patients: Mapping[str, tuple[Person, ...]]
    units: tuple[Unit, ...]
    # objects without an output: unreadable ones, and DICOMDIRs, whose names are gone
    left: Mapping[str, int]
    # case folders that hold several patients: they name none of these cases
    shared: Mapping[str, tuple[str, ...]]

    @property
    def unnamed(self) -> int:
        """Number of cases that are a study or a folder whose objects name no patient."""
        return sum(bool(persons[0].study or persons[0].place) for persons in self.patients.values())

    def headers(self, case: str) -> list[Header]:
        """The headers of a patient's objects."""
        found: list[Header] = []
        for unit in self.units:
            if unit.case == case:
                found += (header for _, header in unit.files)
        return found

    def patient(self, case: str, key: bytes) -> Patient:
        """What the engine must know of a patient: the identifiers in all of their objects."""
        found = [header.identifiers for header in self.headers(case)]
        person = self.patients[case][0]
        identity = person.patient_id or person.name or person.study or person.place
        return Patient(
            case,
            key,
            shift_days(key, identity),
            reduce(or_, found, NOBODY),
        )

    def uids(self, case: str) -> frozenset[bytes]:
        """The original UIDs of a patient's studies, series and instances."""
        names = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        uids = {header.get(name).encode() for header in self.headers(case) for name in names}
        return frozenset(uids - {b""})


def make_plan(
    headers: Sequence[Header], known: Mapping[str, Sequence[Person]], key: bytes = b""
) -> Plan:
    """Group objects by patient, name the patients, and lay out the output.

    Args:
        headers: the headers of the whole source.
        known: case id to persons, from the map of earlier runs; these patients keep their ids.
        key: decides the order in which patients are numbered, so that the numbers do not reveal the
            order of their ids.
    """
    objects = [h for h in headers if not h.refusal and h.get("SOPClassUID") != DIRECTORY]
    refusals = Counter(h.refusal for h in headers if h.refusal)
    unreadable = refusals.pop("PARSE-FAILED", 0)
    directories = len(headers) - len(objects) - unreadable - refusals.total()
    owner = {person: name for name, persons in known.items() for person in persons}
    groups = sorted(
        group_people([*(Person.of(h) for h in objects), *owner]),
        key=lambda group: keyed(key, repr(group[0])),
    )
    index = {person: i for i, group in enumerate(groups) for person in group}
    believed = _believed((h.folder, index[Person.of(h)]) for h in objects)
    folders: dict[int, set[str]] = defaultdict(set)
    for folder, patient in believed.items():
        folders[patient].add(folder)
    taken = {h.folder for h in headers if h.folder} | set(known)
    ids = name_cases(
        len(groups), folders, {index[person]: name for person, name in owner.items()}, taken
    )
    units: dict[tuple[str, str], list[Header]] = defaultdict(list)
    shared: dict[str, set[str]] = defaultdict(set)
    for header in objects:
        case = ids[index[Person.of(header)]]
        if header.folder and header.folder not in believed:
            shared[header.folder].add(case)
        units[header.folder if header.folder in believed else case, case].append(header)
    return Plan(
        {ids[i]: group for i, group in enumerate(groups)},
        tuple(
            Unit(folder, case, _files(units[folder, case], believed))
            for folder, case in sorted(units)
        ),
        {"unreadable": unreadable, "other DICOMDIR": directories}
        | {f"refused {code}": count for code, count in sorted(refusals.items())},
        {folder: tuple(sorted(cases)) for folder, cases in sorted(shared.items())},
    )


def _believed(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Case folders that hold one patient only, with that patient; two patients name neither."""
    living: dict[str, set[int]] = defaultdict(set)
    for folder, patient in pairs:
        living[folder].add(patient)
    return {folder: next(iter(who)) for folder, who in living.items() if folder and len(who) == 1}


def _files(
    headers: Sequence[Header], believed: Mapping[str, int]
) -> tuple[tuple[str, Header], ...]:
    """File names inside a case folder.

    They are flat for objects from a folder of that name, else there is one folder for each series.
    """
    by_series: dict[tuple[bool, int, str], list[Header]] = defaultdict(list)
    for header in headers:
        series = header.get("SeriesInstanceUID")
        flat = header.folder in believed
        by_series[(True, 0, "") if flat else (False, header.series_number, _hash(series))].append(
            header
        )
    files = []
    number = 0
    for key in sorted(by_series):
        number += not key[0]
        inside = sorted(
            by_series[key],
            key=lambda h: (
                _hash(h.get("SeriesInstanceUID")),
                h.number,
                _hash(h.get("SOPInstanceUID")),
            ),
        )
        for at, header in enumerate(inside):
            files.append((f"{at:06d}.dcm" if key[0] else f"{number}/{at:06d}.dcm", header))
    return tuple(files)


def _hash(uid: str) -> str:
    """A sort key for UIDs that does not reveal when they were made."""
    return hashlib.sha256(uid.encode()).hexdigest()
