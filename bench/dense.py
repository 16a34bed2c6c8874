"""How well `--dense` marks lung without air: `python bench/dense.py DATA FOLDS`.

It writes docs/model-dense.md. DATA is the laid-out real data; FOLDS has the networks that never saw
a patient (`lungs.json`, PATIENT.onnx). Consolidation is painted into real chests, so its voxels are
known; the same rule on the true mask says what the rule itself loses.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from accuracy import fold_network
from exams import CHANGES, Bools, Exam, real

from pleura.core.findings import worst
from pleura.geometry.hu import BODY
from pleura.geometry.volume import LEFT, LungMask, Volume
from pleura.quality.gate import gate
from pleura.quantify.dense import with_dense_parts
from pleura.segmenters.shipped import ShippedNetwork

DOC = Path(__file__).parents[1] / "docs" / "model-dense.md"
PATIENTS = {
    "R01-001": "R01-001",
    "LIDC-IDRI-0002": "LIDC-IDRI-0002",
    "LIDC-IDRI-0314": "LIDC-IDRI-0314",
    "C3N-00247": "C3N-00247",
    "4DLung_113": "113_HM10395",
}
PAINTED = (
    "consolidation of a tenth",
    "consolidation of a lower lobe",
    "consolidation of both backs",
    "white lung",
)
OTHERS = ("as it is", "small effusion")
CHANGED_HU = 100
HEAD = """What `segment --dense` marks, by networks that never saw the patient; `python
bench/dense.py DATA FOLDS` writes this page. Five real chests at 256 x 256, with consolidation
painted into them. *Painted* is its volume, *marked* that of the dense parts, *Dice* that of both.
*By the true mask* is the Dice of the same rule where the mask has all of the lung: what is lost
beyond that, the network left out. Rows without painted lung show what is marked all the same:
vessels at the hilum, nodules, the collapsed lobe of LIDC-IDRI-0314, and fluid that the network
takes for lung; their Dice is with what the rule marks in the reference.

| chest | condition | painted, ml | marked, ml | Dice | by the true mask | Dice of lung | verdict |
|---|---|---|---|---|---|---|---|
"""


def dice(one: Bools, other: Bools) -> float:
    """Dice of two regions; 1 where both are empty."""
    both = int(np.count_nonzero(one)) + int(np.count_nonzero(other))
    return 2 * int(np.count_nonzero(one & other)) / both if both else 1.0


def dense(volume: Volume, mask: LungMask) -> Bools:
    """What `--dense` marks."""
    found: Bools = with_dense_parts(volume, mask) > LEFT
    return found


def row(exam: Exam, before: Exam | None, network: ShippedNetwork) -> tuple[str, ...]:
    """The numbers of one condition; `before` is the exam that consolidation was painted into."""
    judged = gate(Volume.without_header(exam.hu, exam.grid))
    if not judged.usable:
        return ("", "", "", "", "", "refused")
    volume = judged.volume
    found = network(volume, anatomy=judged.anatomy)
    verdict = worst((*found.findings, *judged.with_lungs(found.mask).findings))
    counted, ml = ~exam.ignore, exam.grid.voxel_ml
    marked = dense(volume, found.mask) & counted
    ideal = dense(volume, LungMask(exam.labels, exam.grid)) & counted
    lungs = dice((found.mask.labels > 0) & counted, (exam.labels > 0) & counted)
    rest = (f"{np.count_nonzero(marked) * ml:.0f}",)
    if before is None:
        return ("", *rest, f"{dice(marked, ideal):.2f}", "", f"{lungs:.3f}", verdict.word)
    changed = np.abs(exam.hu.astype(np.int32) - before.hu) > CHANGED_HU
    painted = changed & (exam.hu > BODY) & (exam.labels > 0) & counted
    agreed = (f"{dice(marked, painted):.2f}", f"{dice(ideal, painted):.2f}")
    size = f"{np.count_nonzero(painted) * ml:.0f}"
    return (size, *rest, *agreed, f"{lungs:.3f}", verdict.word)


def rows(data: Path, folds: Path) -> Iterator[str]:
    """Lines of the table."""
    for name, patient in PATIENTS.items():
        exam, network = real(data, name), fold_network(folds, patient)
        for condition in (*OTHERS, *PAINTED):
            before = exam if condition in PAINTED else None
            cells = row(CHANGES[condition](exam), before, network)
            yield "| " + " | ".join((name, condition, *cells)) + " |"


def main() -> None:
    """Write the page."""
    lines = []
    for line in rows(Path(sys.argv[1]), Path(sys.argv[2])):
        print(line, flush=True)
        lines.append(line)
    DOC.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
