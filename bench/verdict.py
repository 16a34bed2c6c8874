"""What the verdict of `segment` catches: `python bench/verdict.py DATA OUT`.

It writes docs/model-verdict.md. DATA is the laid-out real data, OUT the folder of
`pleura.learn.make_model`. Every real patient is segmented by the network that never saw it, as it
is and with diseases, narrow fields, noise put into it; phantoms and bodies without lungs,
drawn from seeds that no training used, by the shipped network. A mask is bad where one lung's Dice
is below 0.95, doubtful voxels left out. All on the network's own grid of 3.5 mm: the verdict's
evidence is gathered there. Results of single masks are kept in OUT/verdict.jsonl; remove it to run
again.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.learn.lungs import scanner
from pleura.learn.lungs.bodies import synthetic_chest, without_lungs
from pleura.learn.lungs.corpus import REAL_CASES, TrainingVolume
from pleura.learn.lungs.disease import PAINTERS, one_lung
from pleura.learn.lungs.samples import NETWORK_MM, Sample, smoothed, upright
from pleura.learn.lungs.scores import dice
from pleura.segmenters.shipped import CARD, WEIGHTS, ShippedNetwork

DOC = Path(__file__).parents[1] / "docs" / "model-verdict.md"
BAD_DICE = 0.95
UNSEEN = 5000
"""Seeds from here on were in no training."""
PHANTOMS, WITHOUT_LUNGS = 12, 8
EACH = 2
"""How often each disease is painted into each chest."""
NOISE_HU = 70.0


def main() -> int:
    """Segment what was not segmented yet, and write the page."""
    out = Path(sys.argv[2])
    path = out / "verdict.jsonl"
    if not path.exists():
        with path.with_suffix(".part").open("w", encoding="utf-8") as file:
            for row in rows(out):
                file.write(json.dumps(row) + "\n")
                file.flush()
        path.with_suffix(".part").rename(path)
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    DOC.write_text(page(found), encoding="utf-8")
    return 0


def rows(out: Path) -> Iterator[dict[str, Any]]:
    """One row a mask."""
    for number, case in enumerate(REAL_CASES):
        network = opened(out, out / "folds" / f"{case.patient}.onnx")
        sample = upright(TrainingVolume.load(out / "coarse" / f"{case.name}.npz"))
        for condition, changed in conditions(sample, np.random.default_rng([UNSEEN, number])):
            yield row("real", case.name, condition, network, changed)
    network = opened(out, out / WEIGHTS)
    for number in range(PHANTOMS):
        sample = upright(smoothed(synthetic_chest(UNSEEN + number)))
        for condition, changed in conditions(sample, np.random.default_rng([UNSEEN, 100 + number])):
            yield row("phantom", f"phantom {number}", condition, network, changed)
    for number in range(WITHOUT_LUNGS):
        sample = upright(smoothed(without_lungs(UNSEEN + number)))
        yield row("no lungs", f"body {number}", "as it is", network, sample)


def opened(out: Path, weights: Path) -> ShippedNetwork:
    """A network of the folder with the shipped network's card."""
    card = json.loads((out / CARD).read_text(encoding="utf-8"))
    card["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / WEIGHTS).write_bytes(weights.read_bytes())
        (Path(folder) / CARD).write_text(json.dumps(card), encoding="utf-8")
        return ShippedNetwork.open(Path(folder), threads=1)


def conditions(sample: Sample, rng: np.random.Generator) -> Iterator[tuple[str, Sample]]:
    """The sample as it is, then with each thing put into it."""
    yield "as it is", sample
    for name, (paint, _) in PAINTERS.items():
        for _ in range(EACH):
            lung = one_lung(sample, rng)
            if lung is not None:
                yield name.replace("_", " "), paint(sample, lung, rng)
    for _ in range(EACH):
        yield "cut or narrow field", scanner.field_of_view(sample, rng)
    grain = np.float32(NOISE_HU) * rng.standard_normal(sample.hu.shape, dtype=np.float32)
    yield "noise", Sample(sample.hu + grain, sample.label, sample.ignore, sample.density_unknown)


def row(
    kind: str, name: str, condition: str, network: ShippedNetwork, sample: Sample
) -> dict[str, Any]:
    """Segment one sample on its own grid and compare it with its labels."""
    hu = np.clip(np.rint(sample.hu), -1024, 3071).astype(np.int16)
    result = network(Volume(hu, Grid.axial(hu.shape, [NETWORK_MM] * 3)))
    labels, counts = np.array(result.mask.labels), ~sample.ignore
    truth = np.where(sample.label > 2, sample.label - 2, sample.label)
    each = [dice((labels == side) & counts, (truth == side) & counts) for side in (1, 2)]
    return {
        "kind": kind,
        "case": name,
        "condition": condition,
        "dice": each,
        "codes": [one.code for one in result.findings],
        "evidence": [dict(one.evidence) for one in result.findings],
    }


def is_bad(mask: dict[str, Any]) -> bool:
    """Whether a lung of a mask is bad."""
    return bool(min(mask["dice"]) < BAD_DICE)


def page(found: Sequence[dict[str, Any]]) -> str:
    """The page: all, by kind, by condition, and what was missed."""
    lines = [
        "<!-- written by bench/verdict.py -->",
        "| input | masks | bad (a lung's Dice < 0.95) | of these sent to review | good | of these "
        "sent to review |",
        "|---|---|---|---|---|---|",
    ]
    groups = {kind: [one for one in found if one["kind"] == kind] for kind in kinds(found, "kind")}
    lines += [counted(f"**{name}**", group) for name, group in groups.items()]
    real = groups["real"]
    for condition in kinds(real, "condition"):
        group = [one for one in real if one["condition"] == condition]
        lines.append(counted(f"real, {condition}", group))
    lines += ["", "| finding | bad masks with it | good masks with it |", "|---|---|---|"]
    for code in sorted({code for one in found for code in one["codes"]}):
        having = [one for one in found if code in one["codes"]]
        bad = sum(map(is_bad, having))
        lines.append(f"| `{code}` | {bad} | {len(having) - bad} |")
    missed = [one for one in found if is_bad(one) and not one["codes"]]
    lines += ["", "Bad masks that are called ok:", ""]
    for one in missed:
        right, left = one["dice"]
        lines.append(
            f"* {one['case']}, {one['condition']}: Dice right {right:.3f}, left {left:.3f}"
        )
    return "\n".join(lines if missed else [*lines, "* none"]) + "\n"


def kinds(found: Sequence[dict[str, Any]], key: str) -> list[str]:
    """The values of a key in their order."""
    return list(dict.fromkeys(one[key] for one in found))


def counted(name: str, group: Sequence[dict[str, Any]]) -> str:
    """One line of the table."""
    bad = [one for one in group if is_bad(one)]
    good = [one for one in group if not is_bad(one)]
    caught, alarms = (sum(bool(one["codes"]) for one in part) for part in (bad, good))
    return f"| {name} | {len(group)} | {len(bad)} | {caught} | {len(good)} | {alarms} |"


if __name__ == "__main__":
    sys.exit(main())
