"""Which patients train and which test: by order, at random, by fold, by name, or from a file."""

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pleura.core.errors import UsageError
from pleura.core.tables import read_table

RATIO = 0.67
PARTS = ("train", "validation", "test", "unused")
LCTSC = re.compile(r"LCTSC-(Train|Test)-S\d+-\d+", re.IGNORECASE)
"""Names of the collection's patients; each says the part that the challenge gave it."""
KNOWN = "order, seeded, kfold:K/I, leave-one-out:I, lctsc, or a CSV file"


@dataclass(frozen=True)
class SplitRule:
    """A rule: `text` names it in `split.json` (no path), `listed` are parts by patient or case."""

    text: str
    fold: tuple[int, int] | None = None
    listed: Mapping[str, str] = field(default_factory=dict)


def read_rule(text: str) -> SplitRule:
    """The rule that `--split` names.

    Raises:
        UsageError: there is no such rule, or its file is not one.
    """
    if text in ("order", "seeded", "lctsc"):
        return SplitRule(text)
    fold = re.fullmatch(r"kfold:(\d+)/(\d+)", text)
    if fold and 1 <= int(fold[2]) <= int(fold[1]) >= 2:
        return SplitRule(text, (int(fold[1]), int(fold[2])))
    one = re.fullmatch(r"leave-one-out:(\d+)", text)
    if one and int(one[1]) >= 1:
        return SplitRule(text, (0, int(one[1])))
    if Path(text).is_file():
        content = Path(text).read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:16]
        return SplitRule(f"file:{digest}", listed=_listed(content))
    if not re.match(r"[a-z-]+:", text) and (Path(text).suffix or len(Path(text).parts) > 1):
        raise UsageError("the CSV file of --split does not exist; check the path given for it")
    raise UsageError(f"--split is {KNOWN}; K and I are numbers as in kfold:5/1, I from 1 to K")


def _listed(content: bytes) -> dict[str, str]:
    """Patient or case to part, of a CSV file with a heading."""
    listed: dict[str, str] = {}
    for number, cells in read_table(content, "--split file"):
        name, part = cells.get("patient") or cells.get("case") or "", cells.get("part", "").lower()
        if not name or part not in PARTS:
            raise UsageError(
                f"the --split file needs columns patient (or case) and part ({', '.join(PARTS)}); "
                f"line {number} does not have both"
            )
        if listed.setdefault(name, part) != part:
            raise UsageError(f"the --split file has a patient twice (line {number})")
    if not listed:
        raise UsageError("the --split file has no row")
    return listed


def patient_of(case: str) -> str:
    """The patient of a case: that of `Case_012_2` is `Case_012`; never in two parts."""
    return re.sub(r"^((?:Case|Deid)_\d+)_\d+$", r"\1", case)


def patients_in_order(
    cases: Sequence[str], sources: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Patient to cases, in the order of the patients' source ids.

    Args:
        cases: case ids.
        sources: case id, or patient of a case, to PatientID of the source. Numbers in it count as
            numbers, so that P2 comes before P10. A case without one goes by its own id.

    Returns:
        Patients by the id of their first case, never by an id of the source.
    """
    groups: dict[str, list[str]] = {}
    for case in sorted(cases):
        groups.setdefault(source_of(case, sources) or patient_of(case), []).append(case)
    ordered = sorted(groups, key=_natural)
    return {groups[name][0]: tuple(groups[name]) for name in ordered}


def source_of(case: str, sources: Mapping[str, str]) -> str:
    """The PatientID of the source of a case, empty where it is not known."""
    return sources.get(case) or sources.get(patient_of(case), "")


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    pieces = re.findall(r"\d+|\D+", name)
    return tuple((0, int(one), one) if one.isdecimal() else (1, 0, one) for one in pieces)


def parts_by_rule(
    rule: SplitRule,
    patients: Mapping[str, Sequence[str]],
    sources: Mapping[str, str],
    seed: int,
) -> dict[str, str]:
    """Patient to part.

    Raises:
        UsageError: the rule needs more patients, or does not know one of them.
    """
    names = list(patients)
    if rule.listed:
        return {name: _listed_part(rule.listed, own, sources) for name, own in patients.items()}
    if rule.text == "lctsc":
        return {name: _lctsc_part(source_of(own[0], sources)) for name, own in patients.items()}
    test = _tested(rule, names, seed)
    return {name: "test" if name in test else "train" for name in names}


def _tested(rule: SplitRule, names: list[str], seed: int) -> set[str]:
    """The patients that test by order, at random or by fold."""
    if rule.fold is not None:
        k, i = rule.fold
        k = k or max(len(names), 1)
        if names and (k > len(names) or i > k):
            raise UsageError(
                f"--split {rule.text} needs {max(k, i)} patients with masks; there are {len(names)}"
            )
        return set(names[i - 1 :: k])
    number = int(len(names) * RATIO) or min(1, len(names))
    drawn = names if rule.text == "order" else random.Random(seed).sample(names, len(names))
    return set(drawn[number:])


def _listed_part(
    listed: Mapping[str, str], cases: Sequence[str], sources: Mapping[str, str]
) -> str:
    keys = (source_of(cases[0], sources), *cases, patient_of(cases[0]))
    found = {listed[key] for key in keys if key in listed}
    if len(found) != 1:
        problem = "is in two parts of" if found else "has no row in"
        raise UsageError(
            f"{cases[0]} {problem} the --split file; list every patient with a mask once (part "
            "unused leaves one out)"
        )
    return found.pop()


def _lctsc_part(source: str) -> str:
    named = LCTSC.fullmatch(source)
    if not named:
        raise UsageError(
            "--split lctsc: a patient has no PatientID of that collection "
            "(LCTSC-Train-S1-001); use order, or list the parts in a CSV file"
        )
    return named[1].lower()
