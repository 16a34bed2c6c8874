"""The student report's published numbers beside those of a run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pleura.page.story import SliceScore, Story, of_cases

FIGURES = {"best": "2.8", "worst": "2.9", "median": "2.10"}
"""What the report's figures of single slices show."""
PUBLISHED = {
    "train_slices": ("training slices", "1,151", "1,151"),
    "test_slices": ("test slices", "534", "534"),
    "train_loss": ("final training loss", "0.011", "0.236"),
    "test_loss": ("final test loss", "0.036", "0.279"),
    "test_peaks": ("epoch with the highest test loss", "4", "2 and 6 (peaks)"),
    "train_accuracy": ("accuracy of training slices", "0.9668 to 0.9999*", "0.9668 to 0.9999*"),
    "train_dice": ("Dice of training slices", "0 to 1*", "0 to 1*"),
    "hallucinated": ("test slices hallucinated", "seen, not counted", "seen, not counted"),
}
"""Row to its words, and to the report's value for BCE and for the combined loss."""
NOTE = "* The report does not say of which loss."


def published_rows(story: Story) -> list[list[str]]:
    """One row a quantity: words, the report with BCE and with the combined loss, our models."""
    ours = {loss: _ours(story, loss) for loss in story.cards}
    return [
        [words, bce, combined, *(own[name] for own in ours.values())]
        for name, (words, bce, combined) in PUBLISHED.items()
    ]


def _ours(story: Story, loss: str) -> dict[str, str]:
    """Our values by row; a dash where this run does not have one."""
    history = story.histories.get(loss, [])
    slices = story.slices.get(loss, [])
    parts = {part: of_cases(slices, story.split[part], "raw") for part in ("train", "test")}
    values = dict.fromkeys(PUBLISHED, "–")
    values |= {f"{part}_slices": f"{len(own):,}" for part, own in parts.items() if own}
    values |= dict(_losses(history))
    for metric in ("accuracy", "dice"):
        values[f"train_{metric}"] = _range(parts["train"], metric)
    empty = [one for one in parts["test"] if one.kind in ("empty", "hallucinated")]
    if empty:
        wrong = sum(one.kind == "hallucinated" for one in empty)
        values["hallucinated"] = f"{wrong} of {len(empty)} empty ones"
    return values


def _losses(history: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Final losses, and where the test loss is highest."""
    if not history:
        return
    yield "train_loss", f"{history[-1]['train']['loss']:.3f}"
    watched = [line["test"]["loss"] for line in history if line.get("test")]
    if len(watched) == len(history):
        yield "test_loss", f"{watched[-1]:.3f}"
        yield "test_peaks", str(watched.index(max(watched)) + 1)


def _range(scores: Sequence[SliceScore], metric: str) -> str:
    values = [getattr(one, metric) for one in scores if getattr(one, metric) is not None]
    return f"{min(values):.4f} to {max(values):.4f}" if values else "–"
