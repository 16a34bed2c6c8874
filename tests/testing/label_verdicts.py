"""What `prepare` and `evaluate` make of hostile label objects; for the tests and for
`bench/hostile_series.py`.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

from pleura.core.errors import NothingUsable
from pleura.store.cohort import Cohort
from pleura.verbs.evaluate import evaluate
from pleura.verbs.prepare import prepare
from testing.label_cases import LabelCase


def judged_labels(case: LabelCase) -> tuple[bool, str]:
    """Whether labels end as they were declared to, and what was said."""
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place) / "in", Path(place) / "cohort"
        truth = case.write(folder)
        try:
            made = prepare(folder, out)
        except NothingUsable as error:
            codes = [f"`{code}`" for code in case.codes if code in str(error)]
            return truth is None and len(codes) == len(case.codes), " ".join(["refused", *codes])
        (made_case,) = Cohort.open(out).cases if made.about["cases"] else (None,)
        told = " ".join(
            [
                *made.failures,
                *(f["code"] for f in (made_case.about["findings"] if made_case else ())),
            ]
        )
        codes = " ".join(f"`{code}`" for code in case.codes if code in told)
        fair = all(code in told for code in case.codes)
        if made_case is None or not made_case.has_mask:
            return fair and truth is None, f"no mask {codes}".strip()
        if truth is None or not np.array_equal(made_case.mask().labels, truth):
            return False, f"ANOTHER mask {codes}".strip()
        evaluate(folder / "labels", out, Path(place) / "scores")
        (scored,) = json.loads(
            (Path(place) / "scores" / "scores.json").read_text(encoding="utf-8")
        )["cases"]
        return fair and scored[
            "dice"
        ] == 1.0, f"same mask, Dice {scored['dice']:.4f} {codes}".strip()
