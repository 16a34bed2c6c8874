"""What MedPy, MONAI and DeepMind's surface-distance say of small pairs of masks, kept in
peers.json.

`python tests/oracles/peers.py` makes it anew where the three are installed; tests only read it. No
code of pleura is used.
"""

import json
import warnings
from pathlib import Path

import numpy as np

KEPT = Path(__file__).with_name("peers.json")
SPACINGS = {
    "cubes": (1.0, 1.0, 1.0),
    "thick": (5.0, 0.75, 0.75),
    "thin": (0.6, 1.5, 1.1),
    "edge": (2.5, 0.7, 0.9),
}


def pair(name):
    """Two bodies of some ellipsoids each, much alike; those of `edge` reach over the array's
    edge.
    """
    spacing = SPACINGS[name]
    random = np.random.default_rng(list(name.encode()))
    shape = tuple(round(44 / s) for s in spacing)
    axes = np.meshgrid(
        *[(np.arange(n) + 0.5) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij"
    )
    masks = [np.zeros(shape, bool), np.zeros(shape, bool)]
    for _ in range(5):
        centre = random.uniform(0, 44, 3) if name == "edge" else random.uniform(16, 28, 3)
        radii = random.uniform(5, 13, 3)
        for mask in masks:
            moved, scaled = centre + random.normal(0, 0.8, 3), radii * random.uniform(0.9, 1.1)
            mask |= (
                sum(((a - c) / r) ** 2 for a, c, r in zip(axes, moved, scaled, strict=True)) <= 1
            )
    return masks[0], masks[1], spacing


def said(prediction, reference, spacing):
    """Each metric under our name for its definition, by whom it is told."""
    import surface_distance as sd
    import torch
    from medpy.metric import binary
    from monai import metrics

    p, r = (torch.from_numpy(mask[None, None]) for mask in (prediction, reference))
    apart = sd.compute_surface_distances(reference, prediction, spacing)
    return {
        "MedPy": {
            "dice": binary.dc(prediction, reference),
            "iou": binary.jc(prediction, reference),
            "hd_mm_voxel": binary.hd(prediction, reference, voxelspacing=spacing),
            "hd95_mm_pooled": binary.hd95(prediction, reference, voxelspacing=spacing),
            "msd_mm_pooled": binary.assd(prediction, reference, voxelspacing=spacing),
        },
        "MONAI": {
            "hd_mm_voxel": metrics.compute_hausdorff_distance(p, r, True, spacing=spacing),
            "hd95_mm_voxel": metrics.compute_hausdorff_distance(
                p, r, True, percentile=95, spacing=spacing
            ),
            "msd_mm_pooled": metrics.compute_average_surface_distance(
                p, r, True, True, spacing=spacing
            ),
            "surface_dice_1mm_voxel": metrics.compute_surface_dice(
                p, r, [1.0], True, spacing=spacing
            ),
            "surface_dice_2mm_voxel": metrics.compute_surface_dice(
                p, r, [2.0], True, spacing=spacing
            ),
            "surface_dice_1mm": metrics.compute_surface_dice(
                p, r, [1.0], True, spacing=spacing, use_subvoxels=True
            ),
        },
        "DeepMind": {
            "msd_mm": np.mean(sd.compute_average_surface_distance(apart)),
            "hd95_mm": sd.compute_robust_hausdorff(apart, 95),
            "hd_mm": sd.compute_robust_hausdorff(apart, 100),
            "surface_dice_1mm": sd.compute_surface_dice_at_tolerance(apart, 1),
            "surface_dice_2mm": sd.compute_surface_dice_at_tolerance(apart, 2),
        },
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    told = {}
    for name in SPACINGS:
        told[name] = {
            peer: {m: float(v) for m, v in values.items()}
            for peer, values in said(*pair(name)).items()
        }
    KEPT.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
