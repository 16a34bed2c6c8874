"""Loss and accuracy per epoch (Figs 2.2 to 2.5)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pleura.page.canvas import figure
from pleura.page.palette import BLACK, GREY, RED
from pleura.page.story import title_of

STYLES = {"train": (BLACK, "-", "o"), "validation": (GREY, "--", "s"), "test": (RED, ":", "^")}

LABELS = {"test": "test (watched, decides nothing)"}


def curves_png(
    histories: Mapping[str, Sequence[Mapping[str, Any]]], metric: str, path: Path
) -> None:
    """Draw `loss` or `accuracy` of training, validation and test slices, a panel for each loss."""
    with figure(path, (6.2 * len(histories), 4.4)) as drawn:
        panels = drawn.subplots(1, len(histories), squeeze=False, sharey=metric == "accuracy")[0]
        for axis, (loss, history) in zip(panels, histories.items(), strict=True):
            epochs = [line["epoch"] for line in history]
            for part, (colour, line, marker) in STYLES.items():
                values = [entry[part][metric] if entry.get(part) else None for entry in history]
                if any(value is not None for value in values):
                    axis.plot(
                        epochs,
                        values,
                        line,
                        color=colour,
                        marker=marker,
                        markersize=5,
                        linewidth=2,
                        label=LABELS.get(part, part),
                    )
            axis.set_title(f"trained with {title_of(loss)}")
            axis.set_xlabel("epoch")
            axis.set_ylabel("mean loss" if metric == "loss" else "binary accuracy of pixels")
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.grid(alpha=0.3)
            axis.legend()
