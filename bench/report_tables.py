"""The tables of docs/report.md from a run: `python bench/report_tables.py RUN`.

Scores of each case, the empty slices with hallucinated lung by place (of the network alone, on the
volume as it was acquired), and the student report's published numbers beside the run's.
"""

import json
import sys
from pathlib import Path

import numpy as np

from pleura.labels.registry import read_mask
from pleura.metrics.case import PLACES
from pleura.page.report_numbers import NOTE, published_rows
from pleura.page.story import Story, title_of
from pleura.scoring.ct import CohortCt, places_of
from pleura.store.case import Case
from pleura.store.cohort import Cohort
from pleura.store.layout import RAW, SCORES

WORDS = ("airways", "elsewhere in the body", "couch", "outside")


def main() -> None:
    run = Path(sys.argv[1])
    story = Story.open(run)
    scores = {
        path.name: json.loads((path / SCORES).read_text())
        for path in (run / "results").glob("bce*")
    }
    cohort = Cohort.open(run / "cohort")
    for model in sorted(scores):
        print(f"\n{title_of(model)}:\n")
        print_scores(scores[model])
    print()
    print_places(run, cohort, scores)
    print()
    print_published(story)


def print_scores(scores: dict) -> None:
    columns = ("case", "part", "Dice", "right", "left", "accuracy", "MSD mm", "HD95 mm", "missed")
    print_head(columns)
    for case in scores["cases"]:
        raw, both = case["raw"], case["both"]
        print_row(
            case["case"],
            case["split"],
            f"{case['dice']:.4f} ({raw['dice']:.4f})",
            *(f"{case[side]['dice']:.4f}" for side in ("right", "left")),
            f"{case['accuracy']:.4f} ({raw['accuracy']:.4f})",
            f"{both['msd_mm']:.2f}",
            f"{both['hd95_mm']:.1f}",
            f"{case['slices']['missed']} ({raw['slices']['missed']})",
        )


def print_places(run: Path, cohort: Cohort, scores: dict[str, dict]) -> None:
    """Empty slices with lung, and of them those with lung in each place; ml on them."""
    print_head(("loss", "case", "part", "hallucinated", *WORDS, "ml", "after cleaning"))
    for model in sorted(scores):
        for case in scores[model]["cases"]:
            counts, slices = by_place(run, cohort.case(case["case"]), model)
            raw, cleaned = case["raw"], case["slices"]
            assert slices == raw["slices"]["hallucinated"]
            empty = slices + raw["slices"]["empty"]
            ml = (raw["both"][f"hallucinated_{place}_ml"] for place in PLACES)
            print_row(
                title_of(model),
                case["case"],
                case["split"],
                f"{slices} of {empty}",
                *(f"{n} ({volume:.1f})" for n, volume in zip(counts, ml, strict=True)),
                f"{raw['both']['hallucinated_ml']:.1f}",
                str(cleaned["hallucinated"]),
            )


def by_place(run: Path, case: Case, model: str) -> tuple[list[int], int]:
    """Number of empty slices with lung in each place, and anywhere."""
    raw = read_mask(run / "masks" / model / case.id / RAW, case.grid).lungs
    empty = ~case.mask().lungs.any(axis=(1, 2))
    places = places_of(CohortCt(case.folder), case.volume())
    wrong = raw[empty]
    counts = [int((wrong & places[place][empty]).any(axis=(1, 2)).sum()) for place in PLACES]
    return counts, int(np.count_nonzero(wrong.any(axis=(1, 2))))


def print_published(story: Story) -> None:
    print_head(
        ("", "report, BCE", "report, combined", *(f"here, {title_of(m)}" for m in story.cards))
    )
    for row in published_rows(story):
        print_row(*row)
    print(f"\n{NOTE}")


def print_head(columns: tuple[str, ...]) -> None:
    print_row(*columns)
    print("|---" * len(columns) + "|")


def print_row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
