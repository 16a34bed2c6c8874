"""What an evaluation's folder tells, for its page: tables as people read them. Any tool's masks; no cohort is needed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pleura import __version__
from pleura.core.atomic import read_json
from pleura.metrics.ranking import worst_first
from pleura.page.story import SliceScore, read_slices

OVERALL = {
    "dice": "Dice",
    "iou": "IoU",
    "msd_mm": "mean surface distance [mm]",
    "hd95_mm": "HD95 [mm]",
    "hd_mm": "maximum distance [mm]",
    "surface_dice_2mm": "surface Dice at 2 mm",
    "volume_error_ml": "volume error [ml]",
}
DIGITS = {"dice": 4, "iou": 4, "surface_dice_1mm": 4, "surface_dice_2mm": 4, "volume_error_ml": 0}
"""Digits after the point, where they are not 2."""
STRUCTURES = ("right", "left", "both")


@dataclass(frozen=True)
class Evaluation:
    """A folder as `pleura evaluate` lays it."""

    folder: Path

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether an evaluation lies in a folder, and no whole run."""
        return all((folder / name).is_file() for name in ("scores.json", "slices.csv"))

    @cached_property
    def scores(self) -> Mapping[str, Any]:
        """`scores.json`."""
        scores: Mapping[str, Any] = read_json(self.folder / "scores.json")
        return scores

    @cached_property
    def slices(self) -> list[SliceScore]:
        """The scores of the masks' slices, both lungs, in case and slice order."""
        return [score for score in read_slices(self.folder / "slices.csv") if score.source == "clean"]

    @property
    def cases(self) -> Sequence[Mapping[str, Any]]:
        """The cases that were scored."""
        cases: Sequence[Mapping[str, Any]] = self.scores["cases"]
        return cases

    def told(self) -> dict[str, Any]:
        """What the template `scores.html.j2` names."""
        scores = self.scores
        patients = len({case["patient"] for case in self.cases})
        left_out = [(scores["refused"], "refused"), (scores["unanswered"], "without a mask")]
        parts = [f"{len(self.cases)} case(s) scored"] + [f"{len(names)} {words}" for names, words in left_out if names]
        sources = list(dict.fromkeys(f"{row['split']}. {row['source']}" for row in scores["lctsc"]["published"]))
        return {
            "version": __version__,
            "summary": f"{', '.join(parts)}. Labels of the masks read as {scores['labels']['mask']['name']!r}.",
            "patients": patients,
            "overall": list(self._overall()),
            "rows": [self._row(case) for case in worst_first(self.cases)],
            "failures": list(self._failures()),
            "tests": [_test(test) for test in (scores["against"] or {}).get("tests", ())],
            "sites": [_site(name, told["both"]) for name, told in scores["sites"].items()],
            "published": list(_published(scores["lctsc"], sources)),
            "sources": sources,
            "caution": scores["lctsc"]["caution"],
            "policy": [text for key, text in sorted(scores["policy"].items()) if key != "empty"],
        }

    def _overall(self) -> Iterator[list[str]]:
        for structure in STRUCTURES:
            for metric, words in OVERALL.items():
                spread = self.scores["summary"]["all"][structure].get(metric)
                if spread is None:
                    continue
                form = printed(metric)
                worst = spread["lowest"] if "dice" in metric or metric == "iou" else spread["highest"]
                if metric == "volume_error_ml" and spread["n"]:
                    worst = max(spread["lowest"], spread["highest"], key=abs)
                between = "–" if spread["low"] is None else f"{form(spread['low'])} to {form(spread['high'])}"
                numbers = [form(spread["mean"]), between, form(spread["sd"]), form(spread["median"]), form(worst)]
                yield [structure, words, *numbers, str(spread["n"])]

    def _row(self, case: Mapping[str, Any]) -> list[str]:
        both, kinds = case["both"], case["slices"]
        site = [case.get("site") or "–"] if self.scores["sites"] else []
        dices = [printed("dice")(told.get("dice")) for told in (both, case["right"], case["left"])]
        metrics = ("msd_mm", "hd95_mm", "surface_dice_2mm", "volume_error_ml")
        numbers = [printed(metric)(both.get(metric)) for metric in metrics]
        counts = [str(kinds[kind]) for kind in ("hallucinated", "missed")]
        return [case["case"], *site, *dices, *numbers, *counts, "; ".join(one["message"] for one in case["findings"])]

    def _failures(self) -> Iterator[str]:
        yield from (f"{entry['case']}: {entry['reason']}" for entry in self.scores["refused"])
        yield from (f"{case}: no mask for this reference" for case in self.scores["unanswered"])
        yield from (f"{case}: no reference for this mask" for case in self.scores["without_reference"])


def printed(metric: str) -> Any:
    """How a metric's numbers are printed; a dash where undefined."""
    digits = DIGITS.get(metric, 2)

    def form(value: float | None) -> str:
        return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")

    return form


def _test(test: Mapping[str, Any]) -> list[str]:
    form = printed(test["metric"])
    p = ["–" if test[key] is None else f"{test[key]:.3g}" for key in ("p", "adjusted_p")]
    effect = printed("effect")(test["effect"])
    difference = f"{test['difference']:+.3g}".replace("-", "−")
    words = OVERALL[test["metric"]]
    return [test["structure"], words, form(test["first"]), form(test["second"]), difference, effect, *p, str(test["n"])]


def _site(name: str, told: Mapping[str, Any]) -> list[str]:
    cells = [
        printed(metric)((told[who].get(metric) or {}).get("mean"))
        for metric in ("dice", "hd95_mm")
        for who in ("own", "others")
    ]
    return [name, str(told["own"]["dice"]["n"]), *cells]


def _published(lctsc: Mapping[str, Any], sources: Sequence[str]) -> Iterator[list[str]]:
    own = ["these masks"]
    for metric in ("dice", "msd_mm", "hd95_mm"):
        form = printed(metric)
        sides = [lctsc["ours"][side].get(metric) for side in ("left", "right")]
        cells = ["–" if one is None else f"{form(one['mean'])} ± {form(one['sd'])}" for one in sides]
        own.append(" / ".join(cells))
    yield [*own, "the cases of this page"]
    for row in lctsc["published"]:
        cells = [" / ".join(value.replace("±", " ± ") for value in row[key]) for key in ("dice", "msd_mm", "hd95_mm")]
        number = sources.index(f"{row['split']}. {row['source']}") + 1
        yield [row["method"], *cells, f"({number})"]
