"""Names and patients of the cases that are scored, as they stand in results."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pleura.scoring.batch import check_people
from pleura.scoring.names import neutral_names
from pleura.scoring.pairing import Pairing, References
from pleura.store.patients_table import read_people


def show_names(
    references: References, pairings: Sequence[Pairing], out: Path, *, keep: bool
) -> dict[str, str]:
    """Case to the name that stands in results; with `keep`, its own."""
    cases = {*references.cases, *references.unclear}
    for pairing in pairings:
        cases |= {*pairing.masks, *pairing.unclear, *pairing.unanswered, *pairing.unmatched}
    if keep:
        return {case: case for case in cases}
    return neutral_names(cases, out)


def people_of(
    table: Path | None, cases: Sequence[str], shown: Mapping[str, str], out: Path, *, keep: bool
) -> dict[str, Mapping[str, str]]:
    """Shown case name to `patient` and `site`; empty without a table.

    Raises:
        UsageError: the table is broken, names none of the cases, or lacks some.
    """
    if table is None:
        return {}
    people = read_people(table)
    by_case = {case: people.get(case, people.get(shown[case])) for case in cases}
    check_people(
        {case: known for case, known in by_case.items() if known is not None} or {"": {}}, cases
    )
    patients = [known["patient"] for known in by_case.values() if known and "patient" in known]
    names = {name: name for name in patients}
    if not keep:
        names = neutral_names(patients, out, kind="patient")
    result: dict[str, Mapping[str, str]] = {}
    for case, known in by_case.items():
        if known is not None:
            shown_patient = {"patient": names[known["patient"]]} if "patient" in known else {}
            result[shown[case]] = dict(known) | shown_patient
    return result
