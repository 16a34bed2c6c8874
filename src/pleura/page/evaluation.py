"""The content of an evaluation's folder, for its page. Any tool's masks; no cohort is needed."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from pleura import __version__
from pleura.core.errors import UsageError
from pleura.core.text import counted, joined, sentence, visible
from pleura.metrics.ranking import explanation, worse_lung, worst_first
from pleura.metrics.tables import hallucinated
from pleura.page.case_figures import KEY, MOST_CASES, case_drawing, pictures_of, slice_drawings
from pleura.page.drawing import Drawing, single
from pleura.page.records import date_of, read_record
from pleura.page.story import SliceScore, read_slices
from pleura.page.tables import overall_rows, printed, published_rows, site_row, test_row
from pleura.store.layout import SCORES, SLICES_CSV

FORMAT = "pleura-scores/2"
FAR = "Where distances exceed 60 mm, as for a missed lung, the axis is logarithmic above 1 mm."
COUNTED = ("slices_missed", "slices_hallucinated")
MOST_NAMED = 40
"""Most cases that are named in a line at the top."""
HEADS = (
    *("no.", "case", "Dice right", "Dice left", "Dice both", "HD95 area", "HD95 voxel", "max."),
    *("missed R / L", "hallu\u00adcinated", "volume error [ml]"),
)


@dataclass(frozen=True)
class Evaluation:
    """A folder as `pleura evaluate` writes it."""

    folder: Path

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder holds an evaluation, and not a whole run."""
        return all((folder / name).is_file() for name in (SCORES, SLICES_CSV))

    @cached_property
    def scores(self) -> Mapping[str, Any]:
        """`scores.json`. Raises `UsageError` where it is broken or of another version."""
        scores = read_record(self.folder / SCORES)
        if scores.get("format") != FORMAT:
            raise UsageError(
                "report: scores.json is not one of this version; run pleura evaluate again"
            )
        return scores

    @cached_property
    def slices(self) -> list[SliceScore]:
        """The scores of the masks' slices, both lungs, in case and slice order."""
        return [score for score in read_slices(self.folder / SLICES_CSV) if score.source == "clean"]

    @cached_property
    def cases(self) -> Sequence[Mapping[str, Any]]:
        """The cases that were scored, the worst first."""
        return worst_first(self.scores["cases"])

    def drawings(self) -> Iterator[Drawing]:
        """The figures: cases, the worst first; best, median and worst slices; how scores spread."""
        pictures = pictures_of(self.folder / "cases", [case["case"] for case in self.cases])
        for number, case in enumerate(self.cases[:MOST_CASES], 1):
            if case["case"] in pictures:
                yield case_drawing(
                    "1", number, case["case"], pictures[case["case"]], explanation(case)
                )
        yield from slice_drawings("2", pictures)
        if self.cases:
            yield from self._spread()

    def _spread(self) -> Iterator[Drawing]:
        from pleura.page.score_distributions import distributions_png
        from pleura.page.slices import PANELS, positions_png, volume_rows, volumes_png

        alt = (
            "Dice, mean surface distance and 95th percentile Hausdorff distance of the lungs, a "
            "point for each case"
        )
        caption = (
            "Spread of scores over cases; the worst of each lung is named. HD95 is "
            f"area-weighted. {FAR}"
        )
        yield single("3", "distributions.png", partial(distributions_png, self.cases), alt, caption)
        rows = volume_rows(self.cases)
        if rows:
            caption = (
                "Lung volumes, mask against reference (Bland and Altman 1986); the largest "
                "difference is named."
            )
            yield single(
                "3",
                "volumes.png",
                partial(volumes_png, rows),
                "Bland–Altman plot of lung volumes",
                caption,
            )
        alt = (
            "Dice of each slice against its position in mm, one panel for each case, worst case "
            "first"
        )
        caption = (
            "Where in the chest masks fail: Dice of both lungs against position; worst case "
            f"first by mean Dice of its slices, at most {PANELS} cases."
        )
        yield single("3", "positions.png", partial(positions_png, self.slices), alt, caption)

    def context(self) -> dict[str, Any]:
        """The values of the template `scores.html.j2`."""
        scores = self.scores
        sources = list(
            dict.fromkeys(
                f"{row['split']}. {row['source']}" for row in scores["lctsc"]["published"]
            )
        )
        patients = {case["patient"] for case in self.cases}
        return {
            "version": __version__,
            "date": date_of(self.folder / SCORES),
            "methods": {"against": "", **scores["methods"]},
            "inputs": list(self._inputs()),
            "counts": self._counts(),
            "glance": list(self._glance()),
            "key": KEY,
            "ranking": scores["ranking"]["rule"],
            "patients": counted(len(patients), "patient", "patients"),
            "overall": list(overall_rows(scores["summary"]["all"])),
            "heads": [*HEADS[:2], *(["site"] if scores["sites"] else []), *HEADS[2:]],
            "rows": [self._row(number, case) for number, case in enumerate(self.cases, 1)],
            "pictured": min(len(self.cases), MOST_CASES),
            "findings": [
                (case["case"], [sentence(one["message"]) for one in case["findings"]])
                for case in self.cases
            ],
            "failures": list(self._failures()),
            "tests": [test_row(test) for test in (scores["against"] or {}).get("tests", ())],
            "sites": [site_row(name, values["both"]) for name, values in scores["sites"].items()],
            "published": list(published_rows(scores["lctsc"], sources, scores["methods"]["mask"])),
            "sources": sources,
            "caution": scores["lctsc"]["caution"],
            "policy": [text for key, text in sorted(scores["policy"].items()) if key != "empty"],
        }

    def _counts(self) -> str:
        left_out = [
            (self.scores["refused"], "refused"),
            (self.scores["unanswered"], "without a mask"),
        ]
        parts = [counted(len(self.cases), "case", "cases") + " scored"] + [
            f"{len(names)} {words}" for names, words in left_out if names
        ]
        return ", ".join(parts)

    def _inputs(self) -> Iterator[list[str]]:
        """What was scored: side, method, number of masks, labels, digest of all their bytes."""
        for side, words in (("mask", "masks"), ("reference", "references")):
            digests = sorted(case["inputs"][side] for case in self.cases)
            whole = hashlib.sha256("".join(digests).encode()).hexdigest()
            name = self.scores["methods"]["mask"] if side == "mask" else "–"
            labels = self.scores["labels"][side]["name"]
            yield [words, name, str(len(digests)), labels, whole[:16]]

    def _glance(self) -> Iterator[tuple[str, str]]:
        """The first lines of the page: the worst case and why, what was refused, the sides."""
        if self.cases:
            worst = self.cases[0]
            yield "Worst case", f"{worst['case']}: {explanation(worst)}"
        missed = [case["case"] for case in self.cases if worse_lung(case, "slices_missed")[0]]
        yield "Missed slices", _listed(missed, "in", "in no case")
        false = [case["case"] for case in self.cases if case["slices"]["hallucinated"]]
        yield "Hallucinated slices", _listed(false, "in", "in no case")
        yield "Right and left", self._sides()
        without = [case["case"] for case in self.cases if not case.get("has_ct")]
        if without:
            place = (
                "is looked for in REF and PRED, in Images beside a folder of masks, and in --grid"
            )
            yield (
                "No CT",
                f"{_listed(without, 'for', '')}: outlines are on a plain ground. CT {place}",
            )
        yield (
            "Not scored",
            joined(list(self._failures())[:3])
            or "nothing: every reference has a mask that could be scored",
        )

    def _sides(self) -> str:
        sided = [case for case in self.cases if case["right"]]
        swapped = [
            case["case"]
            for case in sided
            if any(one["code"] == "SIDES-EXCHANGED" for one in case["findings"])
        ]
        if swapped:
            return _listed(swapped, "appear swapped in", "")
        if not sided:
            return "not known: no case has left and right labels in both masks"
        words = f"agree with the reference in {counted(len(sided), 'case', 'cases')}"
        unsided = len(self.cases) - len(sided)
        if unsided:
            words += f"; {unsided} without sides"
        return words

    def _row(self, number: int, case: Mapping[str, Any]) -> list[str]:
        site = [case.get("site") or "–"] if self.scores["sites"] else []
        dices = [
            printed("dice")(values.get("dice"))
            for values in (case["right"], case["left"], case["both"])
        ]
        distances = [
            printed(metric)(worse_lung(case, metric)[0])
            for metric in ("hd95_mm", "hd95_mm_voxel", "hd_mm")
        ]
        sides = ("right", "left") if case["right"] else ("both",)
        missed = " / ".join(str(case[side]["slices_missed"]) for side in sides)
        error = printed("volume_error_ml")(case["both"].get("volume_error_ml"))
        return [
            str(number),
            case["case"],
            *site,
            *dices,
            *distances,
            missed,
            hallucinated(case),
            error,
        ]

    def _failures(self) -> Iterator[str]:
        yield from (
            visible(f"{entry['case']}: {entry['reason']}") for entry in self.scores["refused"]
        )
        yield from (
            visible(f"{case}: no mask for this reference") for case in self.scores["unanswered"]
        )
        yield from (
            visible(f"{case}: no reference for this mask")
            for case in self.scores["without_reference"]
        )


def _listed(names: Sequence[str], before: str, none: str) -> str:
    if not names:
        return none
    hidden = len(names) - MOST_NAMED
    more = f" and {hidden} more (the table has all)" if hidden > 0 else ""
    return f"{before} {counted(len(names), 'case', 'cases')}: {', '.join(names[:MOST_NAMED])}{more}"
