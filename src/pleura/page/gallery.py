"""Choose the slices to show over all cases: best, median, worst, and hallucinations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pleura.store.pictures import Pictures, View

WORST = 3
"""Slices of each kind of failure."""


@dataclass(frozen=True)
class Chosen:
    """A slice to show: why, of which case, and whether the mask before cleaning is meant."""

    word: str
    case: str
    view: View
    before_cleaning: bool

    def score(self, name: str) -> Any:
        """`dice`, `accuracy` or `class` of the slice, by the mask or the mask before cleaning."""
        return self.view.scores.get(f"raw_{name}" if self.before_cleaning else name)

    @property
    def text(self) -> str:
        """The slice and its scores in words."""
        dice, accuracy = self.score("dice"), self.score("accuracy")
        numbers = [] if dice is None else [f"Dice {dice:.3f}"]
        numbers += [] if accuracy is None else [f"accuracy {accuracy:.4f}"]
        which = ", before cleaning" if self.before_cleaning else ""
        return (
            f"{self.word}: {self.case}, {self.view.title}{which}; "
            f"{', '.join([str(self.score('class')), *numbers])}"
        )


def choose(pictures: Mapping[str, Pictures]) -> dict[str, list[Chosen]]:
    """The slices to show, `best`, `median` and `worst`; of masks before cleaning where they were
    kept.

    The worst are, in this order, those with lung predicted where there is none (most wrong pixels
    first), those that are missed, and those with the lowest Dice.

    Args:
        pictures: case to its views.
    """
    raw = any(_has_raw(held) for held in pictures.values())
    prefix = "raw " if raw else ""
    found = {
        kind: _of_kind(pictures, f"{prefix}{kind}", kind, raw)
        for kind in ("best", "median", "worst", "missed")
    }
    hallucinated = _of_kind(pictures, f"{prefix}hallucinated", "hallucinated", raw)
    wrong = (
        sorted(hallucinated, key=_accuracy)[:WORST] + sorted(found["missed"], key=_accuracy)[:WORST]
    )
    low = [one for one in sorted(found["worst"], key=_dice) if one.score("class") == "lung"][:WORST]
    median = sorted(found["median"], key=_dice)
    return {
        "best": sorted(found["best"], key=_dice)[-1:],
        "median": median[len(median) // 2 : len(median) // 2 + 1],
        "worst": wrong + low,
    }


def _has_raw(held: Pictures) -> bool:
    """Whether a case has slices that were chosen by the mask before cleaning."""
    return any(kind.startswith("raw ") for view in held.views for kind in view.kinds)


def _of_kind(pictures: Mapping[str, Pictures], kind: str, word: str, raw: bool) -> list[Chosen]:
    views = [(case, held.of_kind(kind)) for case, held in sorted(pictures.items())]
    return [Chosen(word, case, view, raw) for case, view in views if view is not None]


def _dice(one: Chosen) -> tuple[float, str]:
    dice = one.score("dice")
    return (2.0 if dice is None else dice), one.case


def _accuracy(one: Chosen) -> tuple[float, str]:
    accuracy = one.score("accuracy")
    return (2.0 if accuracy is None else accuracy), one.case
