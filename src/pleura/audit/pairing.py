"""Which patient of the input a person of the output is, where files of patients are equal.

Pixels, geometry and numbers of two patients can be equal, as those of one phantom exported twice.
Then no file alone shows whose it is, but all files of a person together can.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

Marks = Counter[bytes]
"""How many files have a mark."""


def patients_of(
    people: Mapping[str, Marks], patients: Mapping[int, Marks], known: Mapping[str, int]
) -> dict[str, int]:
    """The patient of each person; no patient is given twice.

    Persons with the most files choose first. They take the patient with whom they share most files,
    and of these the one with the fewest others.

    Args:
        people: the files of each person of the output, by PatientID.
        patients: the files of each patient of the input.
        known: persons whose patient other files have shown.
    """
    found = dict(known)
    free = set(patients) - set(known.values())
    for person in sorted(people, key=lambda one: (-people[one].total(), one)):
        marks = people[person]
        shared = {patient: (patients[patient] & marks).total() for patient in sorted(free)}
        if person in found or not any(shared.values()):
            continue
        best = max(shared, key=lambda one: (shared[one], -patients[one].total()))
        found[person] = best
        free.discard(best)
    return found


def known_people(ids: Mapping[int, Iterable[str]]) -> dict[str, int]:
    """Person to patient, for persons that were found for one patient only.

    Args:
        ids: patient to PatientIDs of the output.
    """
    owners: dict[str, set[int]] = defaultdict(set)
    for patient, people in ids.items():
        for person in people:
            owners[person].add(patient)
    return {person: next(iter(found)) for person, found in owners.items() if len(found) == 1}
