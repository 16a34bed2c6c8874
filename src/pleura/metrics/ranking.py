"""Which case is worst, and why: cases are ordered by several metrics of their worse lung."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pleura.core.text import counted
from pleura.metrics.case import NAMES

Case = Mapping[str, Any]

CRITERIA = {"dice": -1, "hd95_mm_voxel": 1, "slices_missed": 1, "hallucinated_ml": 1}
"""Metrics that order the cases; 1 where a higher value is worse, -1 where a lower value is."""
GRAVE = ("SIDES-EXCHANGED", "LUNG-MISSED", "LUNG-INVENTED")
"""Findings that put a case before all others."""
RULE = (
    "cases with a lung that is missed, invented or on the wrong side come first; within these "
    "and the others, cases are ordered by the mean of four ranks of their worse lung: Dice, HD95 "
    "of border voxels, missed slices, and ml of lung predicted on slices without lung; equal "
    "values share their mean rank, equal means go by missed slices, then Dice"
)


def worse_lung(case: Case, metric: str) -> tuple[float | None, str]:
    """The worse value of the two lungs for a metric, and which lung has it; of both together where
    there are no sides.

    Args:
        case: an entry of `scores.json`.
        metric: its name. A volume or count on slices without lung is of both lungs together.

    Returns:
        The value, `None` where undefined, and `right`, `left` or `both`.
    """
    together = metric.startswith(("hallucinated", "slices_hallucinated", "slices_empty"))
    sides = ("both",) if together or not (case["right"] or case["left"]) else ("right", "left")
    known = [(case[side][metric], side) for side in sides if case[side].get(metric) is not None]
    if not known:
        return None, sides[0]
    lower_is_worse = metric in ("iou", "precision", "recall", "accuracy") or "dice" in metric
    choose = min if lower_is_worse else max
    return choose(known, key=lambda pair: pair[0])


def worst_first(cases: Sequence[Case]) -> list[Case]:
    """The cases in the order of `RULE`, the worst first."""
    if not cases:
        return []
    ranks = np.mean([_ranks(cases, metric, sign) for metric, sign in CRITERIA.items()], axis=0)

    def key(k: int) -> tuple[bool, float, float, float, str]:
        missed, dice = (worse_lung(cases[k], metric)[0] for metric in ("slices_missed", "dice"))
        is_grave = any(one["code"] in GRAVE for one in cases[k]["findings"])
        return (
            not is_grave,
            round(float(ranks[k]), 6),
            -(missed or 0),
            2.0 if dice is None else dice,
            str(cases[k]["case"]),
        )

    return [cases[k] for k in sorted(range(len(cases)), key=key)]


def _ranks(cases: Sequence[Case], metric: str, sign: int) -> np.ndarray:
    """Rank of each case, 1 for the worst; an undefined value ranks last."""
    from scipy.stats import rankdata

    values = [worse_lung(case, metric)[0] for case in cases]
    badness = [-np.inf if value is None else sign * value for value in values]
    ranks: np.ndarray = rankdata([-bad for bad in badness])
    return ranks


def explanation(case: Case) -> str:
    """Why a case has its rank, in one sentence with the numbers of its worse lung."""
    parts = []
    dice, side = worse_lung(case, "dice")
    if dice is not None:
        parts.append(f"Dice {dice:.3f} ({NAMES[side]})")
    missed, side = worse_lung(case, "slices_missed")
    if missed:
        parts.append(f"{counted(int(missed), 'slice', 'slices')} missed ({NAMES[side]})")
    hallucinated = case["both"].get("slices_hallucinated")
    if hallucinated:
        parts.append(
            f"{counted(hallucinated, 'slice', 'slices')} hallucinated "
            f"({case['both']['hallucinated_ml']:.1f} ml)"
        )
    furthest, side = worse_lung(case, "hd_mm")
    if furthest is not None:
        parts.append(f"maximum distance {furthest:.1f} mm ({NAMES[side]})")
    if any(one["code"] == "SIDES-EXCHANGED" for one in case["findings"]):
        parts.insert(0, "right and left appear swapped")
    return ", ".join(parts) or "no lung in mask or reference"


def ranking(cases: Sequence[Case]) -> dict[str, Any]:
    """The order of cases for `scores.json`: the rule, and each case explained, worst first."""
    order = [{"case": case["case"], "because": explanation(case)} for case in worst_first(cases)]
    return {"rule": RULE, "worst_first": order}
