"""The design of a study, declared in a TOML file before anything is run.

    name = "screen"
    preset = "report"        # where every arm starts from
    size = 128
    steps = 600
    folds = 4
    seeds = [0, 1, 2]
    endpoints = ["dice", "hallucinated_percent"]   # the first one decides

    [baseline]
    alpha = 0.5

    [[factor]]
    name = "alpha"
    levels = [0.0, 0.25, 0.5, 0.75, 1.0]
    trend = true

    [[factor]]
    name = "lr"
    levels = [0.1, 0.01]
    steps = 1800             # a budget of its own; compared with the baseline at this budget

Every level of a factor but the baseline's is an arm: the baseline with that one thing changed.
"""

import re
import sys
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from pleura.core.errors import UsageError
from pleura.core.text import decoded
from pleura.learn.recipe import PRESETS, Recipe, augmentations

Couch = Literal["keep", "remove"]

ENDPOINTS = {
    "dice": "Dice of the test volume",
    "accuracy": "accuracy of its pixels",
    "hallucinated_percent": "empty slices with lung [%]",
    "hallucinated_ml": "lung on empty slices [ml]",
    "missed_percent": "lung slices without lung [%]",
    "false_couch_ml": "false lung in the couch [ml]",
    "false_outside_body_ml": "false lung outside the body [ml]",
    "false_body_ml": "false lung in the body [ml]",
    "false_airway_ml": "false lung in the airways [ml]",
}
"""Endpoint to words; all are of the network alone, before cleaning, on the network's pixels."""
HIGHER_IS_BETTER = ("dice", "accuracy")
FACTORS = {
    "loss": "loss",
    "alpha": "α, the share of BCE",
    "dice": "form of soft Dice",
    "lr": "learning rate",
    "schedule": "schedule of the learning rate",
    "batch": "batch size",
    "augment": "augmentation",
    "dropout": "dropout",
    "scaling": "scaling of the input",
    "network": "network",
    "weight_decay": "weight decay",
    "couch": "couch",
}
"""What a factor may be, in words: an option of the recipe, or the couch."""
TOP = set("data name question preset size steps folds seeds endpoints baseline factor".split())
MOST = 1e9
"""Largest number of a design."""
DESIGN_BYTES = 1 << 20
"""Largest design that is read."""
LEVEL = {"name", "levels", "steps", "trend"}
CHOICES = {
    "loss": ("bce", "dice", "bce_dice"),
    "dice": ("sum", "squares", "as_printed"),
    "schedule": ("constant", "one_cycle"),
    "scaling": ("window", "none"),
    "network": ("light", "report"),
    "couch": ("keep", "remove"),
}


@dataclass(frozen=True)
class Arm:
    """One recipe of a study. `key` is its name in files; `against` the key of the arm that it is
    compared with, `None` for a reference; `factor` the number of its factor, from 0.
    """

    key: str
    recipe: Recipe
    couch: Couch
    against: str | None = None
    factor: int | None = None
    level: Any = None


@dataclass(frozen=True)
class Factor:
    """What is varied: an option's name, its levels, a budget of its own, and whether a monotone
    trend over the levels is asked about.
    """

    name: str
    levels: tuple[Any, ...]
    steps: int
    trend: bool = False

    @property
    def words(self) -> str:
        """The factor in words."""
        return FACTORS[self.name]


@dataclass(frozen=True)
class Design:
    """A study as it was declared. `data`: where its cases are, unless a call says another place."""

    name: str
    question: str
    baseline: Recipe
    couch: Couch
    folds: int
    seeds: tuple[int, ...]
    endpoints: tuple[str, ...]
    factors: tuple[Factor, ...]
    data: Path | None = None

    @property
    def primary(self) -> str:
        """The endpoint that decides; the others are described only."""
        return self.endpoints[0]

    def arms(self) -> tuple[Arm, ...]:
        """The baseline, then each level in the order of the file, references before what is
        compared with them. A reference with a budget of its own is an arm too.
        """
        found = {"baseline": Arm("baseline", self.baseline, self.couch)}
        for number, factor in enumerate(self.factors):
            reference = self._reference(factor)
            found.setdefault(reference.key, reference)
            for level in factor.levels:
                arm = self._arm(number, factor, level, reference)
                if arm is not None:
                    found.setdefault(arm.key, arm)
        return tuple(found.values())

    def reference_key(self, factor: Factor) -> str:
        """The arm that a factor's levels are compared with."""
        return self._reference(factor).key

    def _reference(self, factor: Factor) -> Arm:
        if factor.steps == self.baseline.steps:
            return Arm("baseline", self.baseline, self.couch)
        key = f"baseline-{factor.steps}-steps"
        return Arm(key, replace(self.baseline, steps=factor.steps), self.couch)

    def _arm(self, number: int, factor: Factor, level: Any, reference: Arm) -> Arm | None:
        """The arm of a level; `None` for the level that the reference has."""
        recipe, couch = changed(reference.recipe, reference.couch, {factor.name: level})
        if (recipe, couch) == (reference.recipe, reference.couch):
            return None
        text = level_text(level)
        key = f"{factor.name}-{re.sub(r'[^A-Za-z0-9.+-]+', '-', text)}"
        if factor.steps != self.baseline.steps:
            key += f"-{factor.steps}-steps"
        return Arm(key, recipe, couch, reference.key, number, level)

    def as_json(self) -> dict[str, Any]:
        """Plain values for `run.json`."""
        return {
            "name": self.name,
            "question": self.question,
            "baseline": self.baseline.as_json() | {"couch": self.couch},
            "folds": self.folds,
            "seeds": list(self.seeds),
            "endpoints": list(self.endpoints),
            "factors": [asdict(one) | {"levels": list(one.levels)} for one in self.factors],
        }


def level_text(level: object) -> str:
    """A level of a factor as text."""
    if isinstance(level, str):
        return level
    return f"{level:g}"


def changed(recipe: Recipe, couch: Couch, options: Mapping[str, Any]) -> tuple[Recipe, Couch]:
    """A recipe and what becomes of the couch, with options changed.

    Raises:
        UsageError: an option is unknown or out of range.
    """
    unknown = sorted(set(options) - set(FACTORS))
    if unknown:
        raise UsageError(f"study: unknown option {unknown[0]}; known are {', '.join(FACTORS)}")
    values = dict(options)
    if isinstance(values.get("schedule"), str):
        values["schedule"] = values["schedule"].replace("-", "_")
    for name, choices in CHOICES.items():
        if name in values and not _is_one(values[name], choices):
            raise UsageError(f"study: {name} is one of {', '.join(choices)}")
    if "augment" in values:
        values["augment"] = augmentations(str(values["augment"]))
    couch = values.pop("couch", couch)
    for name, value in values.items():
        kind = type(getattr(recipe, name))
        if kind in (int, float) and (isinstance(value, bool) or not isinstance(value, (int, kind))):
            raise UsageError(f"study: {name} is a number")
        most = MOST if kind is int else sys.float_info.max
        if kind in (int, float) and not abs(value) <= most:
            raise UsageError(f"study: {name} is a number up to {most:g}")
        values[name] = kind(value)
    made = replace(recipe, **values)
    made.check()
    return made, couch


def read_design(file: Path) -> Design:
    """Read a design.

    Raises:
        UsageError: not a TOML file, a key is missing or unknown, or a value is out of range.
    """
    try:
        if not file.is_file() or file.stat().st_size > DESIGN_BYTES:
            raise UsageError("study: the design cannot be read; give a TOML file of at most 1 MiB")
        value = tomllib.loads(decoded(file.read_bytes()))
    except (OSError, UnicodeDecodeError, RecursionError):
        raise UsageError("study: the design cannot be read; give a TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"study: the design is not TOML: {error}") from None
    _only(value, TOP, "the design")
    preset = value.get("preset", "report")
    if not _is_one(preset, PRESETS):
        raise UsageError(f"study: preset is one of {', '.join(PRESETS)}")
    start = replace(
        PRESETS[preset],
        size=_whole(value, "size", 16),
        steps=_whole(value, "steps", 1),
        keep="last",
        validation="none",
        watch_test=False,
    )
    if start.size % 8:
        raise UsageError("study: size must be divisible by 8")
    baseline, couch = changed(start, "keep", _table(value.get("baseline", {}), "baseline"))
    design = Design(
        name=str(value.get("name", file.stem)),
        question=str(value.get("question", "")),
        baseline=baseline,
        couch=couch,
        folds=_whole(value, "folds", 2),
        seeds=_seeds(value.get("seeds", [0])),
        endpoints=_endpoints(value.get("endpoints", ["dice"])),
        factors=tuple(_factor(one, baseline) for one in _tables(value.get("factor", []))),
        data=file.parent / str(value["data"]) if "data" in value else None,
    )
    questions = [(one.name, one.steps) for one in design.factors]
    if len(set(questions)) < len(questions):
        raise UsageError("study: two [[factor]] have the same name and steps; join their levels")
    if len(design.arms()) < 2:
        raise UsageError("study: no [[factor]] has a level that differs from the baseline's")
    return design


def _factor(value: Mapping[str, Any], baseline: Recipe) -> Factor:
    _only(value, LEVEL, "a [[factor]]")
    name = value.get("name")
    levels = value.get("levels")
    if not _is_one(name, FACTORS):
        raise UsageError(f"study: a factor's name is one of {', '.join(FACTORS)}")
    if not isinstance(levels, list) or not levels:
        raise UsageError(f"study: factor {name} needs levels, a list")
    steps = value.get("steps", baseline.steps)
    if not isinstance(steps, int) or not 1 <= steps <= MOST:
        raise UsageError(f"study: steps of factor {name} must be a whole number, at least 1")
    trend = value.get("trend", False)
    if trend and not all(isinstance(level, (int, float)) for level in levels):
        raise UsageError(f"study: a trend over {name} needs levels that are numbers")
    return Factor(str(name), tuple(levels), steps, bool(trend))


def _is_one(value: Any, choices: Collection[str]) -> bool:
    return isinstance(value, str) and value in choices


def _only(value: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(value) - known)
    if unknown:
        raise UsageError(f"study: unknown key {unknown[0]} in {where}")


def _whole(value: Mapping[str, Any], name: str, least: int) -> int:
    number = value.get(name)
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= MOST:
        raise UsageError(f"study: {name} must be a whole number, at least {least}")
    return number


def _seeds(value: Any) -> tuple[int, ...]:
    whole = isinstance(value, list) and all(isinstance(one, int) and one >= 0 for one in value)
    if not whole or not value or len(set(value)) != len(value):
        raise UsageError("study: seeds must be a list of different whole numbers from 0")
    return tuple(value)


def _endpoints(value: Any) -> tuple[str, ...]:
    known = isinstance(value, list) and all(_is_one(one, ENDPOINTS) for one in value)
    if not known or not value:
        raise UsageError(f"study: endpoints are from {', '.join(ENDPOINTS)}")
    return tuple(dict.fromkeys(value))


def _table(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"study: {name} must be a table")
    return cast(Mapping[str, Any], value)


def _tables(value: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise UsageError("study: write each factor as [[factor]]")
    return [_table(one, "factor") for one in value]
