"""The result of `pleura train`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.results import Result, Table
from pleura.store.layout import FINE_TUNED, MODEL


@dataclass(frozen=True)
class TrainResult(Result):
    """The models: name (loss, and what differs from the preset) to the content of `model.json`."""

    out: Path
    models: Mapping[str, Mapping[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """`models`: name to model card."""
        return {"models": {name: dict(card) for name, card in self.models.items()}}

    def table(self) -> Table | None:
        """One row for each loss: epochs, and loss and accuracy of the epoch that was kept."""
        rows = []
        for name, card in self.models.items():
            kept = card["kept"]
            judged = kept["validation"] or kept["train"]
            part = "validation" if kept["validation"] else "train"
            numbers = (
                f"{kept['epoch']} of {card['recipe']['epochs']}",
                f"{judged['loss']:.4f}",
                f"{judged['accuracy']:.4f}",
            )
            rows.append((name, *numbers, part))
        return Table(
            "Trained", ("loss", "kept epoch", "loss value", "accuracy", "judged on"), tuple(rows)
        )

    def notes(self) -> Sequence[str]:
        """The path of each model."""
        return [f"train: {name}: {self.out / name / MODEL}" for name in self.models]


@dataclass(frozen=True)
class FineTuneResult(Result):
    """The model that `train --preset fine-tune` made; `card` is the content of `lungs.json`."""

    out: Path
    card: Mapping[str, Any]

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]:
        """The name of its folder to the card."""
        return {FINE_TUNED: self.card}

    def as_json(self) -> dict[str, Any]:
        """`models`: the name of its folder to the card."""
        return {"models": {FINE_TUNED: dict(self.card)}}

    def table(self) -> Table | None:
        """One row: steps and training cases."""
        tuned = self.card["fine_tuned"]
        row = (FINE_TUNED, str(tuned["steps"]), str(len(tuned["trained_on"])))
        return Table("Trained further", ("model", "steps", "training cases"), (row,))

    def notes(self) -> Sequence[str]:
        """How the model is used, and compared with the shipped one."""
        return [
            f"segment takes it with --model {self.out / FINE_TUNED}",
            "segment the cohort with both models, and compare them on held-out cases: pleura "
            "evaluate AFTER COHORT SCORES --split test --against BEFORE",
        ]
