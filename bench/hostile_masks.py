"""What `pleura segment` makes of all hostile series: `python bench/hostile_masks.py OUT`.

It writes docs/model-hostile.md, and the pictures of the cases to OUT. Each series is a small
synthetic chest with one flaw, whose lungs are known: Dice is measured where the flaw left the chest
what it is. A mask is wrong where a lung's Dice is below 0.9 (the voxels are 9 mm thick), or its
voxels are rather those of the other lung. Results are kept in OUT/hostile.jsonl; remove it to run
again.
"""

import json
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from testing.hostile_series import HOSTILE_SERIES, Hostile
from testing.series_changes import SHAPE, SPACING, good

from pleura.core.errors import NothingUsable
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import read_mask
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import series
from pleura.verbs.segment import segment

DOC = Path(__file__).parents[1] / "docs" / "model-hostile.md"
LEAST_DICE = 0.9
LUNGS = chest(SHAPE, spacing_mm=SPACING, seed=5)[1]


def main() -> int:
    """Segment what was not segmented yet, and write the page."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    path = out / "hostile.jsonl"
    done = [] if not path.exists() else [json.loads(line) for line in path.open(encoding="utf-8")]
    names = {row["name"] for row in done}
    for case in HOSTILE_SERIES:
        if case.name in names:
            continue
        rows = list(segmented(case, out))
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        done += rows
    DOC.write_text(page(done), encoding="utf-8")
    return int(any(map(is_wrong, done)))


def segmented(case: Hostile, out: Path) -> Iterator[dict[str, Any]]:
    """A row for each case that `segment` makes of a hostile series."""
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case.write(Path(place) / "in")
        target = out / case.name.replace(" ", "_").replace("/", "_")
        try:
            result = segment(Path(place) / "in", target, overwrite=True)
        except NothingUsable:
            yield {"name": case.name, "verdict": "nothing", "codes": [], "dice": None}
            return
        lungs = true_lungs(case)
        for record in result.cases:
            mask = record["mask"]
            found = None if mask is None else read_mask(target / mask)
            yield {
                "name": case.name,
                "verdict": record["verdict"],
                "codes": sorted({one["code"] for one in record["findings"]}),
                "dice": None if found is None else dice(found, lungs),
            }


def true_lungs(case: Hostile) -> Volume:
    """The lungs of a hostile series (1 right, 2 left), where its slices truly lie."""
    slices = case.make(series(case.volume(good()), case.spec))
    labels = Volume(LUNGS.labels.astype(np.int16), LUNGS.grid)
    return case.truth(case.volume(labels), slices)


def dice(found: LungMask, lungs: Volume) -> list[float]:
    """Dice of each lung, and of each with the other one's place, on the truth's own voxels."""
    index = np.stack(np.indices(lungs.hu.shape), axis=-1)
    place = np.rint(found.grid.to_index(lungs.grid.to_world(index))).astype(int)
    inside = ((place >= 0) & (place < found.labels.shape)).all(axis=-1)
    place = np.clip(place, 0, np.array(found.labels.shape) - 1)
    labels = np.where(inside, found.labels[tuple(np.moveaxis(place, -1, 0))], 0)
    scores = []
    for got, wanted in ((1, 1), (2, 2), (1, 2), (2, 1)):
        one, two = labels == got, (lungs.hu == wanted) & inside
        total = np.count_nonzero(one) + np.count_nonzero(two)
        scores.append(2 * np.count_nonzero(one & two) / total if total else 1.0)
    return scores


def is_wrong(row: Mapping[str, Any]) -> bool:
    """Whether a mask that is called ok is bad, or its sides are exchanged."""
    if row["dice"] is None or row["verdict"] not in ("ok", "repaired"):
        return False
    right, left, *exchanged = row["dice"]
    return min(right, left) < LEAST_DICE or max(exchanged) > min(right, left)


def page(rows: list[dict[str, Any]]) -> str:
    """The table."""
    lines = [
        "<!-- written by: python bench/hostile_masks.py OUT -->",
        "| case | verdict | Dice right | Dice left | findings |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        right, left = ("-", "-") if row["dice"] is None else (f"{d:.3f}" for d in row["dice"][:2])
        verdict = f"**{row['verdict']}**" if is_wrong(row) else row["verdict"]
        codes = " ".join(f"`{code}`" for code in row["codes"])
        lines.append(f"| {row['name']} | {verdict} | {right} | {left} | {codes} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
