"""Mutants of pages: which slice is shown, what is drawn, and which number stands where."""

from mutant import Mutant

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
        "[entry[part][metric] if entry.get(part)",
        '[entry["train" if part == "validation" else "validation"][metric] if entry.get(part)',
    ),
    Mutant(
        "accuracy drawn as loss",
        "page/curves.py",
        "[entry[part][metric] if entry.get(part)",
        '[entry[part]["loss"] if entry.get(part)',
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
NUMBERS = (
    Mutant(
        "the report's two losses exchanged",
        "page/report_numbers.py",
        "[words, bce, combined, *",
        "[words, combined, bce, *",
    ),
    Mutant(
        "first epoch's loss called final",
        "page/report_numbers.py",
        "history[-1]['train']['loss']",
        "history[0]['train']['loss']",
    ),
    Mutant(
        "training loss called test loss",
        "page/report_numbers.py",
        'line["test"]["loss"] for line',
        'line["train"]["loss"] for line',
    ),
    Mutant(
        "the lowest test loss called the highest",
        "page/report_numbers.py",
        "watched.index(max(watched)) + 1",
        "watched.index(min(watched)) + 1",
    ),
    Mutant(
        "hallucinations counted after cleaning",
        "page/report_numbers.py",
        'story.split[part], "raw")',
        'story.split[part], "clean")',
    ),
    Mutant(
        "empty slices counted as hallucinated",
        "page/report_numbers.py",
        'sum(one.kind == "hallucinated"',
        'sum(one.kind != "hallucinated"',
    ),
    Mutant(
        "differences of a study with the sign exchanged",
        "page/study_figures.py",
        "axis.plot([value], [height], marker",
        "axis.plot([-value], [height], marker",
    ),
    Mutant(
        "arms of a study named in the wrong order",
        "page/study_figures.py",
        "[row.label for row in reversed(rows)]",
        "[row.label for row in rows]",
    ),
    Mutant(
        "interval of a study drawn around nothing",
        "page/study_figures.py",
        "axis.plot([row.low, row.high]",
        "axis.plot([row.mean, row.mean]",
    ),
    Mutant(
        "levels of a study in the order of the file",
        "page/study_figures.py",
        "levels = sorted(by_level)",
        "levels = list(by_level)",
    ),
    Mutant(
        "right and left exchanged in the table",
        "page/run_page.py",
        '(case.get(side) or {} for side in ("right", "left", "both"))',
        '(case.get(side) or {} for side in ("left", "right", "both"))',
    ),
    Mutant(
        "couch and airways exchanged in the table",
        "page/run_page.py",
        'places = ("airway", "body", "couch", "outside_body")',
        'places = ("couch", "body", "airway", "outside_body")',
    ),
    Mutant(
        "the cleaned mask's Dice in brackets too",
        "page/run_page.py",
        '_cell(case["dice"], raw.get("dice"), ".4f")',
        '_cell(case["dice"], case["dice"], ".4f")',
    ),
    Mutant(
        "the film shows the cleaned mask twice",
        "page/run_page.py",
        'panel(view, "outlines", before_cleaning=True, words',
        'panel(view, "outlines", words',
    ),
    Mutant(
        "slices of training cases shown as those of test cases",
        "page/run_page.py",
        'of_cases(scores, story.split[part], "raw") or clean',
        'of_cases(scores, story.split["train"], "raw") or clean',
    ),
    Mutant(
        "the film is of a training case",
        "page/run_page.py",
        "case = (held_out or drawable)[0]",
        "case = drawable[0]",
    ),
    Mutant(
        "volumes with the sign exchanged",
        "page/slices.py",
        "[p - r for p, r in chosen]",
        "[r - p for p, r in chosen]",
    ),
    Mutant(
        "parameters of the network wrong",
        "page/network.py",
        "f\"{stage['parameters']:,}\"",
        "f\"{stage['channels']:,}\"",
    ),
)
