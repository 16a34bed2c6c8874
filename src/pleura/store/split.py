"""Who trains, validates and tests: by case, written down before anything is trained."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pleura.core.errors import UsageError
from pleura.core.files import read_json, write_json

FORMAT = "pleura-split/1"
NAME = "split.json"
RATIO = 0.67
FEW = 5
"""Under so many training cases none can be spared for validation: blocks of their slices are held back instead."""


@dataclass(frozen=True)
class Split:
    """Case ids by part. `validation_slices` holds back blocks `[first, last + 1]` of slices of training cases."""

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

    def write(self, folder: Path) -> None:
        """Write `split.json`."""
        blocks = {case: [list(block) for block in blocks] for case, blocks in self.validation_slices.items()}
        write_json(
            folder / NAME,
            {
                "format": FORMAT,
                "train": list(self.train),
                "validation": list(self.validation),
                "test": list(self.test),
                "validation_slices": blocks,
                "unlabelled": list(self.unlabelled),
                "rule": self.rule,
                "seed": self.seed,
                "validation_is": _told(self),
            },
        )

    @classmethod
    def read(cls, folder: Path) -> "Split":
        """Read `split.json`."""
        value: dict[str, Any] = read_json(folder / NAME)
        blocks = {case: tuple((int(a), int(b)) for a, b in held) for case, held in value["validation_slices"].items()}
        train, validation, test = (tuple(value[part]) for part in ("train", "validation", "test"))
        return cls(train, validation, test, blocks, tuple(value["unlabelled"]), value["rule"], value["seed"])


def _told(split: Split) -> str:
    if split.validation:
        return "whole cases, taken from the training part"
    if split.validation_slices:
        return "blocks of slices of the training cases, which are too few to spare one"
    return "nothing: the last epoch is kept"


def make_split(slices: Mapping[str, int], *, rule: str = "order", seed: int = 0, unlabelled: Sequence[str] = ()) -> Split:
    """Split cases that have masks.

    Args:
        slices: case id to its number of slices, labelled cases only.
        rule: `order`: the first `int(n × 0.67)` cases in order of their ids train, as in the report; `seeded`: the same number
            drawn by `seed`; `kfold:K/I`: every Kth case from the Ith (1 to K) on tests, the others train.
        seed: for `seeded`.
        unlabelled: cases without masks; in no part.

    Returns:
        The split; the validation part is taken from the training cases: one case in five, or, under five, a block of slices
        of each (an eighth of its slices, a third of the way up), or nothing where a case has under 16.

    Raises:
        UsageError: no such rule.
    """
    cases = sorted(slices)
    train, test = _parts(cases, rule, seed)
    blocks: dict[str, tuple[tuple[int, int], ...]] = {}
    validation: list[str] = []
    if len(train) >= FEW:
        validation = train[-max(1, len(train) // 5) :]
        train = [case for case in train if case not in validation]
    else:
        for case in train:
            length = slices[case] // 8
            if length >= 2:
                first = slices[case] // 3
                blocks[case] = ((first, first + length),)
    return Split(tuple(train), tuple(validation), tuple(test), blocks, tuple(unlabelled), rule, seed)


def _parts(cases: list[str], rule: str, seed: int) -> tuple[list[str], list[str]]:
    if rule.startswith("kfold:"):
        try:
            count, which = (int(part) for part in rule.removeprefix("kfold:").split("/"))
        except ValueError:
            count, which = 0, 0
        if not 2 <= count <= max(len(cases), 2) or not 1 <= which <= count:
            raise UsageError("--split kfold:K/I needs K from 2 to the number of cases and I from 1 to K, as in kfold:5/1")
        test = cases[which - 1 :: count]
        return [case for case in cases if case not in test], test
    if rule not in ("order", "seeded"):
        raise UsageError("--split is order, seeded or kfold:K/I")
    number = int(len(cases) * RATIO) or min(1, len(cases))
    drawn = cases if rule == "order" else random.Random(seed).sample(cases, len(cases))
    return sorted(drawn[:number]), sorted(drawn[number:])
