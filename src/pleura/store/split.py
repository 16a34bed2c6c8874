"""Which cases train, validate and test; written before anything is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pleura.core.atomic import read_json, write_json_if_changed
from pleura.core.errors import UsageError
from pleura.store.layout import SPLIT, is_case_id
from pleura.store.split_rules import parts_by_rule, patients_in_order, read_rule
from pleura.store.split_rules import patient_of as patient_of

FORMAT = "pleura-split/1"
FEW = 5
"""With fewer training cases none is held out; blocks of their slices are instead."""


BLOCKS = 4
"""Blocks in each such case, spread over it; a single block would have one kind of slice only."""


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
    if split.validation and split.rule.startswith("file:"):
        return "the cases that the --split file says"
    if split.validation:
        return "whole cases, taken from the training part"
    if split.validation_slices:
        return "blocks of slices of the training cases, which are too few to spare one"
    return "nothing: the last epoch is kept"


def make_split(
    slices: Mapping[str, int],
    *,
    rule: str = "order",
    seed: int = 0,
    unlabelled: Sequence[str] = (),
    sources: Mapping[str, str] | None = None,
) -> Split:
    """Split cases that have masks.

    Args:
        slices: case id to its number of slices, labelled cases only.
        rule: `order`: the first `int(n × 0.67)` patients in order of their source ids train, as in
            the report; `seeded`: as many drawn by `seed`; `kfold:K/I`: every Kth patient from the
            Ith (1 to K) on tests, the others train; `leave-one-out:I`: the Ith patient tests;
            `lctsc`: as the names of the LCTSC collection say; or the path of a CSV file.
        seed: for `seeded`.
        unlabelled: cases without masks; in no part.
        sources: case or patient to PatientID of the source. It decides order, and which cases are
            of one patient; it is written nowhere.

    Returns:
        The split. Unless a file names it, the validation part is taken from the training cases: one
        patient in five, or, under five, four blocks of slices of each (an eighth of its slices), or
        nothing where a case has under 32. Cases are listed by id in each part, so that the lists do
        not tell the order of the sources.

    Raises:
        UsageError: no such rule, or it does not fit the patients.
    """
    chosen, known = read_rule(rule), sources or {}
    patients = patients_in_order(list(slices), known)
    part = parts_by_rule(chosen, patients, known, seed)
    training = [patient for patient in patients if part[patient] == "train"]
    validating = [patient for patient in patients if part[patient] == "validation"]
    if not validating and len(training) >= FEW:
        validating = training[-max(1, len(training) // 5) :]
        training = training[: -len(validating)]

    def cases_of(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted(case for name in names for case in patients[name]))

    train = cases_of(training)
    blocks = {} if validating else _blocks(train, slices)
    test = cases_of([patient for patient in patients if part[patient] == "test"])
    unused = cases_of([patient for patient in patients if part[patient] == "unused"])
    without = tuple(sorted((*unlabelled, *unused)))
    return Split(train, cases_of(validating), test, blocks, without, chosen.text, seed)


def _blocks(
    cases: Sequence[str], slices: Mapping[str, int]
) -> dict[str, tuple[tuple[int, int], ...]]:
    """Blocks of slices of each training case for validation, where the case is long enough."""
    blocks = {}
    for case in cases:
        length = slices[case] // (8 * BLOCKS)
        if length >= 1:
            middles = [slices[case] * (2 * k + 1) // (2 * BLOCKS) for k in range(BLOCKS)]
            blocks[case] = tuple((middle, middle + length) for middle in middles)
    return blocks
