"""The result of `pleura train`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.errors import Exit
from pleura.core.results import Table
from pleura.store.layout import MODEL


@dataclass(frozen=True)
class TrainResult:
    """The models: name (loss, and what differs from the preset) to the content of `model.json`."""

    out: Path
    models: Mapping[str, Mapping[str, Any]]

    @property
    def exit_code(self) -> Exit:
        return Exit.OK

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
