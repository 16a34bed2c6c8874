"""Distances between masks, slowly and plainly: every pair of surface points is looked at. No
code of pleura is used.
"""

import itertools

import numpy as np


def border_points(mask, spacing):
    """Centres in mm of the voxels that have a face neighbour outside the mask or beyond the
    array.
    """
    padded = np.pad(mask, 1)
    points = []
    for voxel in np.argwhere(mask):
        beside = [
            voxel + 1 + step * np.eye(3, dtype=int)[axis] for axis in range(3) for step in (-1, 1)
        ]
        if not all(padded[tuple(b)] for b in beside):
            points.append(voxel * np.array(spacing))
    return np.array(points)


def cell_points(mask, spacing, areas):
    """Centres in mm and weights of the cells with corners inside and outside; `areas` maps the
    eight corners to mm².
    """
    padded = np.pad(mask, 1).astype(int)
    points, weights = [], []
    for corner in itertools.product(*(range(n + 1) for n in mask.shape)):
        cell = padded[tuple(slice(c, c + 2) for c in corner)]
        if 0 < cell.sum() < 8:
            points.append((np.array(corner) - 0.5) * spacing)
            weights.append(areas[int("".join(map(str, cell.ravel())), 2)])
    return np.array(points), np.array(weights)


def nearest(first, second):
    return np.array([min(np.sqrt(((p - q) ** 2).sum()) for q in second) for p in first])


def weighted_share(values, weights, share):
    """Smallest value such that values up to it hold the share of all weight."""
    total = 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        total += weight
        if total >= share * sum(weights) * (1 - 1e-12):
            return value
    raise AssertionError


def slow_distances(prediction, reference, spacing, areas):
    """All metrics of `pleura.metrics.distance.distances`, for two masks that are not empty."""
    told = {}
    (p, pw), (r, rw) = (
        cell_points(prediction, spacing, areas),
        cell_points(reference, spacing, areas),
    )
    there, back = nearest(p, r), nearest(r, p)
    told["msd_mm"] = ((there * pw).sum() / pw.sum() + (back * rw).sum() / rw.sum()) / 2
    told["hd95_mm"] = max(weighted_share(there, pw, 0.95), weighted_share(back, rw, 0.95))
    told["hd_mm"] = max(there.max(), back.max())
    for mm in (1, 2):
        told[f"surface_dice_{mm}mm"] = (pw[there <= mm].sum() + rw[back <= mm].sum()) / (
            pw.sum() + rw.sum()
        )
    p, r = border_points(prediction, spacing), border_points(reference, spacing)
    there, back = nearest(p, r), nearest(r, p)
    both = np.concatenate([there, back])
    told["msd_mm_voxel"] = (there.mean() + back.mean()) / 2
    told["hd95_mm_voxel"] = max(np.percentile(there, 95), np.percentile(back, 95))
    told["hd_mm_voxel"] = both.max()
    for mm in (1, 2):
        told[f"surface_dice_{mm}mm_voxel"] = np.mean(both <= mm)
    told["msd_mm_pooled"], told["hd95_mm_pooled"] = both.mean(), np.percentile(both, 95)
    return told
