"""Change the page in ways that would mislead a reader, and show that a test fails each time:
`python bench/page_mutants.py`.

Each mutant is one replacement in one file of `src/pleura`. The script works on a copy and prints a
table; it ends with 1 where a mutant survives.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ("tests/page/test_pictures_say_what_they_show.py",)

MUTANTS = (
    (
        "best and worst swapped",
        "page/gallery.py",
        'sorted(found["best"], key=_dice)[-1:]',
        'sorted(found["worst"], key=_dice)[-1:]',
    ),
    (
        "best and worst swapped in the choice",
        "store/views.py",
        '{"best": lung[-1][1]',
        '{"best": lung[0][1]',
    ),
    ("median is the worst", "store/views.py", "lung[len(lung) // 2][1]", "lung[0][1]"),
    (
        "train and validation curves swapped",
        "page/curves.py",
        "entry[part][metric] if entry[part]",
        'entry["train" if part == "validation" else "validation"][metric] if entry[part]',
    ),
    (
        "accuracy drawn as loss",
        "page/curves.py",
        "entry[part][metric] if entry[part]",
        'entry[part]["loss"] if entry[part]',
    ),
    (
        "hallucinated points dropped",
        "page/slices.py",
        "CLASSES.items():\n        chosen",
        'CLASSES.items():\n        if kind == "hallucinated":\n            continue\n        '
        "chosen",
    ),
    ("accuracy drawn as Dice", "page/slices.py", "getattr(s, metric)", "s.dice"),
    ("classes exchanged", "page/slices.py", '"missed": (REFERENCE', '"missed": (PREDICTION'),
    (
        "prediction drawn as the reference",
        "page/panels.py",
        "for labels in (view.reference, prediction)]",
        "for labels in (view.reference, view.reference)]",
    ),
    (
        "reference drawn as the prediction",
        "page/panels.py",
        "for labels in (view.reference, prediction)]",
        "for labels in (prediction, prediction)]",
    ),
    (
        "colours of the outlines swapped",
        "page/panels.py",
        "pixels[_outline(masks[0] > 0)] = rgb(REFERENCE)",
        "pixels[_outline(masks[0] > 0)] = rgb(PREDICTION)",
    ),
    (
        "missed and added exchanged",
        "page/panels.py",
        "((missed, REFERENCE, 1), (added, PREDICTION, -1))",
        "((added, REFERENCE, 1), (missed, PREDICTION, -1))",
    ),
    ("both hatched alike", "page/panels.py", "(added, PREDICTION, -1))", "(added, PREDICTION, 1))"),
    (
        "the cleaned mask called raw",
        "page/panels.py",
        "prediction = view.raw if before_cleaning",
        "prediction = view.prediction if before_cleaning",
    ),
    (
        "hallucinations never among the worst",
        "page/gallery.py",
        "wrong = sorted(hallucinated, key=_accuracy)[:WORST] + ",
        "wrong = ",
    ),
    (
        "the smallest hallucination chosen",
        "store/views.py",
        "found[kind] = min(wrong)[1]",
        "found[kind] = max(wrong)[1]",
    ),
    (
        "wrong sides not marked",
        "page/panels.py",
        "(reference != prediction)",
        "(reference == prediction)",
    ),
    (
        "names read as formulas",
        "page/canvas.py",
        '"text.parse_math": False',
        '"text.parse_math": True',
    ),
)


def main() -> int:
    survivors = 0
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "src"
        shutil.copytree(ROOT / "src", copy)
        print("| mutant | file | killed |\n|---|---|---|")
        for words, name, before, after in MUTANTS:
            path = copy / "pleura" / name
            text = path.read_text(encoding="utf-8")
            if before not in text:
                print(f"| {words} | {name} | the code to change is gone |")
                survivors += 1
                continue
            path.write_text(text.replace(before, after, 1), encoding="utf-8")
            killed = run(copy) != 0
            path.write_text(text, encoding="utf-8")
            survivors += not killed
            print(f"| {words} | {name} | {'yes' if killed else 'NO'} |", flush=True)
    return int(survivors > 0)


def run(source: Path) -> int:
    """Exit code of the tests over a copy of the source."""
    environment = os.environ | {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *TESTS]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, check=False
    ).returncode


if __name__ == "__main__":
    raise SystemExit(main())
