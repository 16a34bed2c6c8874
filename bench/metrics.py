"""All metrics of one 512 x 512 x 140 pair, side by side with MedPy, MONAI and DeepMind's
surface-distance.

Run as `python bench/metrics.py [REPEATS]` where the peers are installed (`pip install medpy monai
surface-distance`); a peer that is not there is left out and said. Each tool works in a process of
its own, on one thread, on the same pair of masks: the seconds are the least of REPEATS runs after a
small one to warm up (slow ones run fewer times), the memory is the process's peak. Prints Markdown.
"""

import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

SHAPE, SPACING = (140, 512, 512), (3.0, 0.98, 0.98)
SIDES = {"right": 1, "left": 2}


def pair():
    """Two lungs and a prediction whose surface waves around theirs by some millimetres; labels 1
    and 2, uint8.
    """
    z, y, x = (np.arange(n, dtype=np.float32) * s for n, s in zip(SHAPE, SPACING, strict=True))
    z, y, x = z[:, None, None], y[None, :, None], x[None, None, :]
    masks = []
    for waves in (0.0, 1.0):
        labels = np.zeros(SHAPE, np.uint8)
        for label, middle in ((1, 160.0), (2, 340.0)):
            size = 1 + waves * 0.03 * (
                np.sin(z / 17 + label) * np.sin(y / 11) + np.sin(x / 7 + y / 13)
            )
            rough = 1 + 0.02 * np.sin(x / 4.1) * np.sin(y / 3.7) * np.sin(z / 5.3)
            apart = ((z - 210) / 150) ** 2 + ((y - 250) / 105) ** 2 + ((x - middle) / 70) ** 2
            labels[apart <= (size * rough) ** 2] = label
        masks.append(labels)
    return masks[1], masks[0]


def ours_all(prediction, reference):
    from pleura.geometry.grid import Grid
    from pleura.geometry.volume import LungMask
    from pleura.metrics.case import score_case
    from pleura.metrics.policy import Policy

    grid = Grid.axial(SHAPE, SPACING)
    told = score_case(LungMask(prediction, grid), LungMask(reference, grid), Policy(), places={})
    return {side: told[side] for side in SIDES}


def ours_area(prediction, reference):
    from pleura.geometry.grid import Grid
    from pleura.metrics.distance import area_distances

    grid = Grid.axial(SHAPE, SPACING)
    return {
        side: area_distances(prediction == k, reference == k, grid) for side, k in SIDES.items()
    }


def medpy(prediction, reference):
    from medpy.metric import binary

    told = {}
    for side, k in SIDES.items():
        p, r = prediction == k, reference == k
        told[side] = {
            "dice": binary.dc(p, r),
            "iou": binary.jc(p, r),
            "precision": binary.precision(p, r),
            "recall": binary.recall(p, r),
            "hd95_mm_pooled": binary.hd95(p, r, voxelspacing=SPACING),
            "msd_mm_pooled": binary.assd(p, r, voxelspacing=SPACING),
            "hd_mm_voxel": binary.hd(p, r, voxelspacing=SPACING),
        }
    return told


def monai(prediction, reference):
    import torch
    from monai import metrics

    torch.set_num_threads(1)
    told = {}
    p, r = (torch.from_numpy(np.stack([m == 1, m == 2])[None]) for m in (prediction, reference))
    near = {
        mm: metrics.compute_surface_dice(p, r, [mm, mm], True, spacing=SPACING)[0]
        for mm in (1.0, 2.0)
    }
    rows = {
        "dice": metrics.compute_dice(p, r)[0],
        "iou": metrics.compute_iou(p, r)[0],
        "hd95_mm_voxel": metrics.compute_hausdorff_distance(
            p, r, True, percentile=95, spacing=SPACING
        )[0],
        "hd_mm_voxel": metrics.compute_hausdorff_distance(p, r, True, spacing=SPACING)[0],
        "msd_mm_pooled": metrics.compute_average_surface_distance(
            p, r, True, True, spacing=SPACING
        )[0],
        "surface_dice_1mm_voxel": near[1.0],
        "surface_dice_2mm_voxel": near[2.0],
    }
    for k, side in enumerate(SIDES):
        told[side] = {name: float(values[k]) for name, values in rows.items()}
    return told


def deepmind(prediction, reference):
    import surface_distance as sd

    told = {}
    for side, k in SIDES.items():
        apart = sd.compute_surface_distances(reference == k, prediction == k, SPACING)
        told[side] = {
            "msd_mm": float(np.mean(sd.compute_average_surface_distance(apart))),
            "hd95_mm": float(sd.compute_robust_hausdorff(apart, 95)),
            "hd_mm": float(sd.compute_robust_hausdorff(apart, 100)),
            "surface_dice_1mm": float(sd.compute_surface_dice_at_tolerance(apart, 1)),
            "surface_dice_2mm": float(sd.compute_surface_dice_at_tolerance(apart, 2)),
        }
    return told


TOOLS = {
    "pleura, all metrics, right, left and both": ours_all,
    "MedPy, seven metrics, right and left": medpy,
    "MONAI, seven metrics, right and left": monai,
    "pleura, area-weighted, right and left": ours_area,
    "DeepMind, area-weighted, right and left": deepmind,
}


def memory_mb(field):
    """What Linux says of this process: `VmHWM`, the most it held, or `VmRSS`, what it holds."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def work(name, folder, repeats):
    """In a process of its own: one tool on the pair; prints seconds, memory and values as JSON."""
    warnings.simplefilter("ignore")
    masks = [np.load(Path(folder) / f"{which}.npy") for which in ("prediction", "reference")]
    small = [mask[60:64, 200:260, 200:320].copy() for mask in masks]
    try:
        TOOLS[name](
            *(
                np.pad(mask, [(0, n - m) for n, m in zip(SHAPE, mask.shape, strict=True)])
                for mask in small
            )
        )
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
        return
    before, seconds = memory_mb("VmRSS"), []
    while len(seconds) < repeats and sum(seconds) < 20:
        start = time.perf_counter()
        values = TOOLS[name](*masks)
        seconds.append(time.perf_counter() - start)
    print(
        json.dumps(
            {"seconds": seconds, "peak": memory_mb("VmHWM"), "base": before, "values": values}
        )
    )


def main(repeats):
    import tempfile

    told = {}
    alone = os.environ | dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    )
    with tempfile.TemporaryDirectory() as folder:
        for which, mask in zip(("prediction", "reference"), pair(), strict=True):
            np.save(Path(folder) / f"{which}.npy", mask)
        for name in TOOLS:
            command = [sys.executable, __file__, "--work", name, folder, str(repeats)]
            done = subprocess.run(command, capture_output=True, text=True, env=alone)
            told[name] = (
                json.loads(done.stdout)
                if done.returncode == 0
                else {"missing": done.stderr.strip()[-200:]}
            )
    print("| | s (least) | runs | peak MB (with both masks, before) |\n|---|---|---|---|")
    for name, got in told.items():
        if "missing" in got:
            print(f"| {name} | not run: {got['missing']} | | |")
        else:
            print(
                f"| {name} | {min(got['seconds']):.3f} | {len(got['seconds'])} | "
                f"{got['peak']:.0f} ({got['base']:.0f}) |"
            )
    least = {TOOLS[name]: min(got["seconds"]) for name, got in told.items() if "seconds" in got}
    if medpy in least and monai in least:
        print(
            "\nMedPy + MONAI / pleura, all metrics: "
            f"{(least[medpy] + least[monai]) / least[ours_all]:.1f} x"
        )
    if deepmind in least:
        print(f"DeepMind / pleura, area-weighted: {least[deepmind] / least[ours_area]:.1f} x")
    values = {TOOLS[name]: got["values"] for name, got in told.items() if "values" in got}
    print("\n| lung | metric | pleura | MedPy | MONAI | DeepMind |\n|---|---|---|---|---|---|")
    for side in SIDES:
        for metric in values[ours_all][side]:
            others = [
                values.get(tool, {}).get(side, {}).get(metric) for tool in (medpy, monai, deepmind)
            ]
            if any(other is not None for other in others):
                cells = [
                    "" if x is None else f"{x:.7g}"
                    for x in (values[ours_all][side][metric], *others)
                ]
                print(f"| {side} | {metric} | {' | '.join(cells)} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
