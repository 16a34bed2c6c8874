"""Which cases train, validate and test; written before anything is trained."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pleura.core.atomic import read_json, write_json_if_changed
from pleura.core.errors import UsageError
from pleura.store.layout import SPLIT, is_case_id

FORMAT = "pleura-split/1"
RATIO = 0.67
FEW = 5
"""With fewer training cases none is held out; blocks of their slices are instead."""


BLOCKS = 4
"""Blocks in each such case, spread over it; a single one would be of one kind of slice only."""


@dataclass(frozen=True)
class Split:
    """Case ids by part. `validation_slices` are blocks `[first, last + 1]` of training cases."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    validation_slices: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    unlabelled: tuple[str, ...] = ()
    rule: str = "order"
    seed: int = 0

    def part_of(self, case: str) -> str | None:
        """`train`, `validation` or `test`; `None` for a case without a mask."""
        for part in ("train", "validation", "test"):
            if case in getattr(self, part):
                return part
        return None

    def cases(self) -> set[str]:
        """Every case that it names."""
        return {*self.train, *self.validation, *self.test, *self.unlabelled}

    def without_validation(self) -> "Split":
        """The same split with the validation part in the training part."""
        return replace(
            self, train=(*self.train, *self.validation), validation=(), validation_slices={}
        )

    def write(self, folder: Path) -> None:
        """Write `split.json`."""
        blocks = {
            case: [list(block) for block in blocks]
            for case, blocks in self.validation_slices.items()
        }
        write_json_if_changed(
            folder / SPLIT,
            {
                "format": FORMAT,
                "train": list(self.train),
                "validation": list(self.validation),
                "test": list(self.test),
                "validation_slices": blocks,
                "unlabelled": list(self.unlabelled),
                "rule": self.rule,
                "seed": self.seed,
                "validation_is": _validation_in_words(self),
            },
        )

    @classmethod
    def read(cls, folder: Path) -> "Split":
        """Read `split.json`.

        Raises:
            UsageError: it is missing, broken, or of another version.
        """
        try:
            value: dict[str, Any] = read_json(folder / SPLIT)
        except (OSError, ValueError):
            raise UsageError(f"{SPLIT} is missing or broken; run pleura prepare again") from None
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise UsageError(f"{SPLIT} has another format than {FORMAT}; run pleura prepare again")
        try:
            return cls._from_json(value)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UsageError(f"{SPLIT} is not valid; run pleura prepare again") from None

    @classmethod
    def _from_json(cls, value: Mapping[str, Any]) -> "Split":
        held_back = value["validation_slices"]
        blocks = {
            case: tuple((int(a), int(b)) for a, b in pairs) for case, pairs in held_back.items()
        }
        train, validation, test, unlabelled = (
            tuple(value[part]) for part in ("train", "validation", "test", "unlabelled")
        )
        cases = [*train, *validation, *test, *unlabelled]
        if not all(map(is_case_id, (*cases, *blocks))) or len(set(cases)) != len(cases):
            raise ValueError
        return cls(
            train, validation, test, blocks, unlabelled, str(value["rule"]), int(value["seed"])
        )


def _validation_in_words(split: Split) -> str:
    if split.validation:
        return "whole cases, taken from the training part"
    if split.validation_slices:
        return "blocks of slices of the training cases, which are too few to spare one"
    return "nothing: the last epoch is kept"


def make_split(
    slices: Mapping[str, int], *, rule: str = "order", seed: int = 0, unlabelled: Sequence[str] = ()
) -> Split:
    """Split cases that have masks.

    Args:
        slices: case id to its number of slices, labelled cases only.
        rule: `order`: the first `int(n × 0.67)` patients by id train, as in the report; `seeded`:
            the same number drawn by `seed`; `kfold:K/I`: every Kth patient, starting with the Ith
            (1 to K), tests, and the others train.
        seed: for `seeded`.
        unlabelled: cases without masks; in no part.

    Returns:
        The split. The validation part is taken from the training cases: one case in five, or, with
        fewer than five, four blocks of slices of each (an eighth of its slices), or nothing where a
        case has fewer than 32.

    Raises:
        UsageError: no such rule.
    """
    patients: dict[str, list[str]] = {}
    for case in sorted(slices):
        patients.setdefault(patient_of(case), []).append(case)
    training, testing = _parts(list(patients), rule, seed)
    train, test = (
        [case for patient in part for case in patients[patient]] for part in (training, testing)
    )
    blocks: dict[str, tuple[tuple[int, int], ...]] = {}
    validation: list[str] = []
    if len(training) >= FEW:
        spared = training[-max(1, len(training) // 5) :]
        validation = [case for case in train if patient_of(case) in spared]
        train = [case for case in train if case not in validation]
    else:
        for case in train:
            length = slices[case] // (8 * BLOCKS)
            if length >= 1:
                middles = [slices[case] * (2 * k + 1) // (2 * BLOCKS) for k in range(BLOCKS)]
                blocks[case] = tuple((middle, middle + length) for middle in middles)
    return Split(
        tuple(train), tuple(validation), tuple(test), blocks, tuple(unlabelled), rule, seed
    )


def patient_of(case: str) -> str:
    """The patient of a case, for a patient must not be in two parts.

    `Case_012_2` is the second series of patient `Case_012`.
    """
    return re.sub(r"^((?:Case|Deid)_\d+)_\d+$", r"\1", case)


def check_rule(rule: str) -> tuple[int, int] | None:
    """K and I of `kfold:K/I`, `None` for the other rules.

    Raises:
        UsageError: there is no such rule.
    """
    if rule in ("order", "seeded"):
        return None
    fold = re.fullmatch(r"kfold:(\d+)/(\d+)", rule)
    if not fold or not 1 <= int(fold[2]) <= int(fold[1]) or int(fold[1]) < 2:
        raise UsageError(
            "--split is order, seeded, or kfold:K/I with I from 1 to K, as in kfold:5/1"
        )
    return int(fold[1]), int(fold[2])


def _parts(patients: list[str], rule: str, seed: int) -> tuple[list[str], list[str]]:
    fold = check_rule(rule)
    if fold:
        if patients and fold[0] > len(patients):
            raise UsageError(
                f"--split {rule} needs {fold[0]} patients with masks; there are {len(patients)}"
            )
        test = patients[fold[1] - 1 :: fold[0]]
        return [patient for patient in patients if patient not in test], test
    number = int(len(patients) * RATIO) or min(1, len(patients))
    drawn = patients if rule == "order" else random.Random(seed).sample(patients, len(patients))
    return sorted(drawn[:number]), sorted(drawn[number:])
