"""Change the code in ways that would mislead a user, and show that a test fails each time:
`python bench/mutants.py [training|page]`.

Each mutant is one replacement in one file of `src/pleura`. The script works on a copy and prints a
table; it ends with 1 where a mutant survives.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TESTS = {
    "training": ("tests/learn/test_augment.py", "tests/learn/test_loop.py"),
    "page": ("tests/page/test_pictures_say_what_they_show.py",),
}


class Mutant(NamedTuple):
    """What goes wrong, the file below `src/pleura`, and the text to replace."""

    fault: str
    file: str
    before: str
    after: str


TRAINING = (
    Mutant(
        "training slices not shuffled",
        "learn/loop.py",
        "shuffle=True, generator=order",
        "shuffle=False",
    ),
    Mutant(
        "training accuracy from logits",
        "learn/loop.py",
        "probability, lung = torch.sigmoid(logits), targets >= 0.5",
        "probability, lung = logits, targets >= 0.5",
    ),
    Mutant(
        "dropout never applied",
        "learn/loop.py",
        "LightUNet(dropout=recipe.dropout,",
        "LightUNet(dropout=0.0,",
    ),
    Mutant(
        "no blur",
        "learn/augment.py",
        "values = torch.where(_column(drawn[:, 1]) < BLURRED, soft, values)",
        "values = torch.where(_column(drawn[:, 1]) < 0, soft, values)",
    ),
    Mutant(
        "no shift",
        "learn/augment.py",
        'signed[:, 4:] * SHIFT * kept["translate"]',
        'signed[:, 4:] * 0.0 * kept["translate"]',
    ),
    Mutant(
        "no noise",
        "learn/augment.py",
        "values + noise * NOISE * _column",
        "values + noise * 0.0 * _column",
    ),
    Mutant(
        "the target does not move with the slice",
        "learn/augment.py",
        "values, targets = both[:, :1], both[:, 1:].clamp(0, 1)",
        "values = both[:, :1]",
    ),
)
PAGE = (
    Mutant(
        "best and worst swapped",
        "page/gallery.py",
        'sorted(found["best"], key=_dice)[-1:]',
        'sorted(found["worst"], key=_dice)[-1:]',
    ),
    Mutant(
        "best and worst swapped in the choice",
        "store/views.py",
        '{"best": lung[-1][1]',
        '{"best": lung[0][1]',
    ),
    Mutant(
        "median is the worst",
        "store/views.py",
        "lung[len(lung) // 2][1]",
        "lung[0][1]",
    ),
    Mutant(
        "train and validation curves swapped",
        "page/curves.py",
        "entry[part][metric] if entry[part]",
        'entry["train" if part == "validation" else "validation"][metric] if entry[part]',
    ),
    Mutant(
        "accuracy drawn as loss",
        "page/curves.py",
        "entry[part][metric] if entry[part]",
        'entry[part]["loss"] if entry[part]',
    ),
    Mutant(
        "hallucinated points dropped",
        "page/slices.py",
        "CLASSES.items():\n        chosen",
        "CLASSES.items():\n        if kind == 'hallucinated':\n"
        "            continue\n        chosen",
    ),
    Mutant(
        "accuracy drawn as Dice",
        "page/slices.py",
        "getattr(s, metric)",
        "s.dice",
    ),
    Mutant(
        "classes exchanged",
        "page/slices.py",
        '"missed": (REFERENCE',
        '"missed": (PREDICTION',
    ),
    Mutant(
        "prediction drawn as the reference",
        "page/panels.py",
        "for labels in (view.reference, prediction)]",
        "for labels in (view.reference, view.reference)]",
    ),
    Mutant(
        "reference drawn as the prediction",
        "page/panels.py",
        "for labels in (view.reference, prediction)]",
        "for labels in (prediction, prediction)]",
    ),
    Mutant(
        "colours of the outlines swapped",
        "page/panels.py",
        "pixels[_outline(masks[0] > 0)] = rgb(REFERENCE)",
        "pixels[_outline(masks[0] > 0)] = rgb(PREDICTION)",
    ),
    Mutant(
        "missed and added exchanged",
        "page/panels.py",
        "((missed, REFERENCE, 1), (added, PREDICTION, -1))",
        "((added, REFERENCE, 1), (missed, PREDICTION, -1))",
    ),
    Mutant(
        "both hatched alike",
        "page/panels.py",
        "(added, PREDICTION, -1))",
        "(added, PREDICTION, 1))",
    ),
    Mutant(
        "the cleaned mask called raw",
        "page/panels.py",
        "prediction = view.raw if before_cleaning",
        "prediction = view.prediction if before_cleaning",
    ),
    Mutant(
        "hallucinations never among the worst",
        "page/gallery.py",
        "sorted(hallucinated, key=_accuracy)[:WORST] + sorted(",
        "sorted(",
    ),
    Mutant(
        "the smallest hallucination chosen",
        "store/views.py",
        "found[kind] = min(wrong)[1]",
        "found[kind] = max(wrong)[1]",
    ),
    Mutant(
        "wrong sides not marked",
        "page/panels.py",
        "(reference != prediction)",
        "(reference == prediction)",
    ),
    Mutant(
        "names read as formulas",
        "page/canvas.py",
        '"text.parse_math": False',
        '"text.parse_math": True',
    ),
)
MUTANTS = {"training": TRAINING, "page": PAGE}


def main() -> int:
    chosen = sys.argv[1:] or list(MUTANTS)
    survivors = []
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "src"
        shutil.copytree(ROOT / "src", copy)
        print("| mutant | file | result |\n|---|---|---|")
        for topic in chosen:
            for mutant in MUTANTS[topic]:
                result = outcome(mutant, copy, TESTS[topic])
                print(f"| {mutant.fault} | {mutant.file} | {result} |", flush=True)
                if result != "killed":
                    survivors.append(mutant.fault)
    print(f"survivors: {', '.join(survivors) or 'none'}")
    return int(bool(survivors))


def outcome(mutant: Mutant, copy: Path, tests: tuple[str, ...]) -> str:
    """`killed`, `SURVIVED`, or that the code to change is gone."""
    path = copy / "pleura" / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.before) == 0:
        return "the code to change is gone"
    path.write_text(text.replace(mutant.before, mutant.after, 1), encoding="utf-8")
    killed = run(copy, tests) == 1
    path.write_text(text, encoding="utf-8")
    return "killed" if killed else "SURVIVED"


def run(source: Path, tests: tuple[str, ...]) -> int:
    """Exit code of the tests over a copy of the source; 1 where a test fails."""
    environment = os.environ | {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
