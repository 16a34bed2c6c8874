"""What `segment` makes of exams unlike its training: `python bench/unseen.py DATA OUT`.

It writes docs/model-unseen.md, and planes.png of each scene to OUT. DATA is the laid-out real data.
Scenes are real chests with references (the network has seen these patients), changed by simple
means that keep the reference true, and phantoms of seeds that no training used. Each goes the way
that `segment` goes: the gate, the shipped network, the checks of its mask. A mask is bad where one
lung's Dice is below 0.95, doubtful voxels left out. Results are kept in OUT/unseen.jsonl; remove it
to run again. Words after OUT choose scenes; the page is written when all are there.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from exams import Exam, scenes
from numpy.typing import NDArray

from pleura.core.findings import Verdict, worst
from pleura.geometry.volume import LEFT, RIGHT, Volume
from pleura.page.overlay import overlay_png
from pleura.quality.gate import gate
from pleura.segmenters.shipped import ShippedNetwork

DOC = Path(__file__).parents[1] / "docs" / "model-unseen.md"
BAD_DICE = 0.95


def tried(exam: Exam, network: ShippedNetwork, picture: Path) -> dict[str, Any]:
    """Verdict, codes and Dice of each lung."""
    judged = gate(Volume.without_header(exam.hu, exam.grid))
    labels, findings = np.zeros(exam.hu.shape, np.uint8), judged.findings
    if judged.usable:
        found = network(judged.volume, anatomy=judged.anatomy)
        judged = judged.with_lungs(found.mask)
        findings = (*found.findings, *judged.findings)
        labels = np.array(found.mask.labels)
    verdict = worst(findings)
    overlay_png(judged.volume, labels, picture)
    scores = [dice(labels, exam, side) for side in (RIGHT, LEFT)]
    return {
        "verdict": verdict.word,
        "dice": None if verdict is Verdict.REFUSED else scores,
        "codes": sorted({one.code for one in findings}),
        "evidence": [one.as_json() for one in findings],
    }


def dice(labels: NDArray[np.uint8], exam: Exam, side: int) -> float:
    """Dice of one lung without doubtful voxels; 1 where it rightly is empty."""
    got, wanted = ((array == side) & ~exam.ignore for array in (labels, exam.labels))
    both = int(np.count_nonzero(got)) + int(np.count_nonzero(wanted))
    return 2 * int(np.count_nonzero(got & wanted)) / both if both else 1.0


def is_wrong(row: dict[str, Any]) -> bool:
    """Whether a bad mask is called ok."""
    return row["verdict"] in ("ok", "repaired") and min(row["dice"]) < BAD_DICE


def main() -> int:
    """Try every scene, and write the page."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    network = ShippedNetwork.open(threads=1)
    path, words = out / "unseen.jsonl", sys.argv[3:]
    wanted = list(scenes(data))
    for name, condition, make in wanted:
        title = f"{name} {condition}"
        if title in kept(path) or (words and not any(word in title for word in words)):
            continue
        picture = out / f"{name} {condition}.png".replace(" ", "_")
        row = {"case": name, "condition": condition} | tried(make(), network, picture)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    found = kept(path)
    rows = [
        found[title] for name, condition, _ in wanted if (title := f"{name} {condition}") in found
    ]
    if len(rows) == len(wanted):
        DOC.write_text(page(rows), encoding="utf-8")
    return int(any(map(is_wrong, rows)))


def kept(path: Path) -> dict[str, dict[str, Any]]:
    """The rows that are done, by case and condition."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {f"{row['case']} {row['condition']}": row for row in map(json.loads, lines)}


def page(rows: list[dict[str, Any]]) -> str:
    """The table."""
    lines = [
        "<!-- written by: python bench/unseen.py DATA OUT -->",
        "| input | condition | Dice right | Dice left | verdict | findings |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        right, left = ("-", "-") if row["dice"] is None else (f"{d:.3f}" for d in row["dice"])
        verdict = f"**{row['verdict']}**" if is_wrong(row) else row["verdict"]
        codes = " ".join(f"`{code}`" for code in row["codes"])
        lines.append(
            f"| {row['case']} | {row['condition']} | {right} | {left} | {verdict} | {codes} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
