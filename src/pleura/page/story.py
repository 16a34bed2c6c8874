"""The content of a run's folder for its figures and its page; any part of it may be absent."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pleura.core.atomic import parse_json, read_json
from pleura.core.errors import UsageError
from pleura.core.text import counted, joined
from pleura.metrics.tables import RAW
from pleura.store import layout
from pleura.store.layout import primary_model

ORDER = ("bce", "dice", "bce_dice", "lungs", "classical")
TITLES = {
    "bce": "BCE",
    "dice": "soft Dice",
    "bce_dice": "BCE + soft Dice",
    "lungs": "the network that comes with pleura",
    "classical": "thresholds and components, no network",
}


def title_of(model: str) -> str:
    """A model's name in words: its loss, and what differs from the preset."""
    loss, _, rest = model.partition("-")
    return TITLES[loss] + (f" ({rest.replace('-', ' ')})" if rest else "")


PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Story:
    """A run's folder as `pleura run` lays it out. A property is empty where its part is absent."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> "Story":
        """Open a run. Raises `UsageError` where the folder has no cohort."""
        if not (folder / layout.COHORT_STAGE / layout.COHORT).exists():
            raise UsageError(
                "report: no run there: cohort/cohort.json is missing; give the folder that "
                "pleura run or evaluate wrote"
            )
        return cls(folder)

    @cached_property
    def cohort(self) -> Mapping[str, Any]:
        """`cohort.json`."""
        about: Mapping[str, Any] = read_json(self.folder / layout.COHORT_STAGE / layout.COHORT)
        return about

    @cached_property
    def split(self) -> Mapping[str, Any]:
        """`split.json`."""
        split: Mapping[str, Any] = read_json(self.folder / layout.COHORT_STAGE / layout.SPLIT)
        return split

    @cached_property
    def histories(self) -> dict[str, list[dict[str, Any]]]:
        """Loss to its lines of `history.jsonl`."""
        found = {}
        for loss in self._models(layout.MODELS_STAGE):
            path = self.folder / layout.MODELS_STAGE / loss / layout.HISTORY
            if path.exists():
                found[loss] = [
                    parse_json(line) for line in path.read_text(encoding="utf-8").splitlines()
                ]
        return found

    @cached_property
    def cards(self) -> dict[str, Mapping[str, Any]]:
        """Loss to `model.json`."""
        return self._each(layout.MODELS_STAGE, layout.CARD)

    @cached_property
    def architecture(self) -> Mapping[str, Any] | None:
        """`architecture.json` of any loss: they share one."""
        return next(iter(self._each(layout.MODELS_STAGE, layout.ARCHITECTURE).values()), None)

    @cached_property
    def scores(self) -> dict[str, Mapping[str, Any]]:
        """Loss to `scores.json`."""
        return self._each(layout.RESULTS_STAGE, layout.SCORES)

    @cached_property
    def slices(self) -> dict[str, list["SliceScore"]]:
        """Loss to the scores of its slices, both lungs, in case and slice order."""
        return {
            loss: read_slices(self.folder / layout.RESULTS_STAGE / loss / layout.SLICES_CSV)
            for loss in self.scores
        }

    @property
    def primary(self) -> str | None:
        """The loss whose results represent the run: the report's proposal where it was trained."""
        return primary_model(self.scores)

    @property
    def model(self) -> str:
        """The model whose masks represent the run; empty where there are none."""
        return self.primary or next(iter(self._models(layout.MASKS_STAGE)), "")

    def drawable(self, loss: str) -> list[str]:
        """Scored cases whose masks are still in the folder."""
        cases = [case["case"] for case in self.scores[loss]["cases"]]
        return [case for case in cases if mask_file(self.folder / "masks" / loss, case) is not None]

    @property
    def missing(self) -> list[str]:
        """What the page should show and the folder does not have, one sentence each."""
        notes = []
        if self.architecture is not None and not self.histories:
            notes.append("No curves of training: runs/LOSS/history.jsonl is not there.")
        if self.primary is not None:
            lost = len(self.scores[self.primary]["cases"]) - len(self.drawable(self.primary))
            if lost:
                notes.append(
                    f"{counted(lost, 'scored case', 'scored cases')} without a film: the mask is "
                    f"not in masks/{self.primary}."
                )
        return notes

    @cached_property
    def answers(self) -> dict[str, Mapping[str, Any]]:
        """Case to the record of `segment` (`verdict`, `reason`), for the loss of the run."""
        runs = self._each(layout.MASKS_STAGE, layout.RUN)
        record = runs.get(self.model, {})
        return {case["id"]: case for case in record.get("cases", ())}

    def why(self, case: str) -> str:
        """Why a case is not `ok`, in the words of `prepare` and of `segment`."""
        path = self.folder / layout.COHORT_STAGE / layout.CASES / case / layout.CASE
        found = read_json(path).get("findings", ()) if path.exists() else ()
        seen = [f"{one['code']}: {one['message']}" for one in found if one["verdict"] != "ok"]
        reason = self.answers.get(case, {}).get("reason")
        return joined(list(dict.fromkeys([*seen, *([reason] if reason else [])])))

    def volume_of(self, case: str) -> tuple[str, str]:
        """Volume in ml of the right and the left lung in the mask, a dash where there is none."""
        volumes = self.answers.get(case, {}).get("volume_ml") or {}
        words = {side: "–" if ml is None else f"{ml:.0f}" for side, ml in volumes.items()}
        return words.get("right", "–"), words.get("left", "–")

    def words_of(self, case: str) -> str:
        """Volumes, verdict and reason of a case in one line."""
        right, left = self.volume_of(case)
        why = self.why(case)
        verdict = self.answers.get(case, {}).get("verdict", "–")
        return f"right {right} ml, left {left} ml, verdict {verdict}{f': {why}' if why else ''}"

    @property
    def refused(self) -> list[str]:
        """Series and masks that `prepare` refused, and references without a score, a line each."""
        path = self.folder / layout.COHORT_STAGE / layout.RUN
        lines = list(read_json(path).get("refused", ())) if path.exists() else []
        for model, scores in self.scores.items():
            head = f"not scored, {title_of(model)}"
            lines += [f"{case}: {head}: no mask" for case in scores.get("unanswered", ())]
            lines += [f"{one['case']}: {head}: {one['reason']}" for one in scores["refused"]]
        return lines

    def part_of(self, case: str) -> str:
        """`train`, `validation`, `test` or `unlabelled`."""
        return next(
            (part for part in (*PARTS, "unlabelled") if case in self.split[part]), "unlabelled"
        )

    def _models(self, room: str) -> list[str]:
        """The models of a stage, by loss in the order of `ORDER`, then by name."""
        folder = self.folder / room
        found = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        known = [name for name in found if _loss(name) in ORDER]
        return sorted(known, key=lambda name: (ORDER.index(_loss(name)), name))

    def _each(self, room: str, name: str) -> dict[str, Mapping[str, Any]]:
        paths = {loss: self.folder / room / loss / name for loss in self._models(room)}
        return {loss: read_json(path) for loss, path in paths.items() if path.exists()}


def _loss(model: str) -> str:
    return model.split("-", 1)[0]


@dataclass(frozen=True)
class SliceScore:
    """A slice of a case: `source` is `raw` (before cleaning) or `clean`; `kind` is its class."""

    case: str
    number: int
    position_mm: float
    kind: str
    source: str
    dice: float | None
    accuracy: float | None


def mask_file(masks: Path, case: str) -> Path | None:
    """Where `segment` put the mask of a case; `None` where it is not."""
    places = (masks / case / name for name in (layout.LUNGS_NIFTI, layout.BOTH_LUNGS))
    return next((path for path in places if path.exists()), None)


def read_slices(path: Path) -> list[SliceScore]:
    """The slices of `slices.csv`, both lungs, in case and slice order; none without that file."""
    if not path.exists():
        return []
    held: dict[tuple[str, int, str], dict[str, Any]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            metric = row["metric"].removeprefix(RAW)
            source = "clean" if metric == row["metric"] else "raw"
            if row["structure"] != "both" or metric not in ("dice", "accuracy"):
                continue
            key = row["case"], int(row["slice"]), source
            one = held.setdefault(
                key, {"position": float(row["position_mm"]), "class": row["class"]}
            )
            one[metric] = float(row["value"]) if row["value"] else None
    return [
        SliceScore(
            case,
            number,
            one["position"],
            one["class"],
            source,
            one.get("dice"),
            one.get("accuracy"),
        )
        for (case, number, source), one in sorted(held.items())
    ]


def of_cases(scores: Sequence[SliceScore], cases: Sequence[str], source: str) -> list[SliceScore]:
    """The slices of some cases from one source, in case and slice order."""
    return [score for score in scores if score.source == source and score.case in cases]
