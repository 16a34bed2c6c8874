"""Couch removal: harm to lung and benefit, on synthetic and on real chests: `python bench/couch.py
[DATA]`. Prints Markdown.

Harm is every voxel of the true lungs that was altered. Benefit is the share of couch voxels (HU
above -900, where the truth is known) that were removed. Beside it what scripts usually do: keep the
largest component above -500 HU and what it encloses in each slice. On real chests the lungs are the
references, or, where there is none, what the classical segmenter finds.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from pleura.anatomy.couch import body_mask, couch_mask
from pleura.dicom.series import find_series
from pleura.geometry.volume import Volume
from pleura.labels.registry import read_mask
from pleura.phantom.anatomy import chest
from pleura.phantom.anatomy import couch as phantom_couch
from pleura.segmenters.classical import Classical

SHAPE = (40, 160, 160)
SEEDS = range(6)


def ours(volume: Volume) -> np.ndarray:
    return couch_mask(volume, body_mask(volume))


def usual(volume: Volume) -> np.ndarray:
    """Everything above -900 HU outside the largest component above -500 HU, whose holes are
    filled slice by slice.
    """
    hu = volume.filled()
    labels, _ = ndimage.label(hu > -500)
    body = labels == np.argmax(np.bincount(labels.ravel())[1:]) + 1
    body = np.stack([ndimage.binary_fill_holes(one) for one in body])
    return (hu > -900) & ~body


def narrowed(volume: Volume, radius_mm: float, aside_mm: float) -> Volume:
    """The volume with everything beyond a circle padded, as a targeted reconstruction has it."""
    slices, rows, columns = volume.grid.shape
    index = np.stack(np.meshgrid([0], np.arange(rows), np.arange(columns), indexing="ij"), axis=-1)
    x, y, _ = np.moveaxis(volume.grid.to_world(index), -1, 0)
    outside = np.repeat((x - aside_mm) ** 2 + y**2 > radius_mm**2, slices, axis=0)
    return Volume(np.where(outside, -2000, volume.hu).astype(np.int16), volume.grid, outside)


def draped(volume: Volume) -> Volume:
    """The volume with a blanket of 6 mm (-150 HU) on the patient's front, following it 9 mm
    above the skin, with a fold.
    """
    hu, spacing = volume.hu.copy(), volume.grid.spacing_mm[1]
    body = body_mask(volume)
    top = np.where(body.any(axis=1), body.argmax(axis=1), -1)
    for k, column in zip(*np.nonzero(top > 0), strict=True):
        first = max(0, top[k, column] - int(np.ceil((15 + 6 * (column % 24 < 3)) / spacing)))
        last = max(first, top[k, column] - int(np.ceil(9 / spacing)))
        hu[k, first:last, column] = -150
    return Volume(hu, volume.grid, volume.padding)


def prone(volume: Volume) -> Volume:
    """The patient turned over, the couch left where it was: rows of the body alone flipped onto
    the cradle.
    """
    body = body_mask(volume)
    hu = np.where(body, -1000, volume.hu).astype(np.int16)
    rows = np.flatnonzero(body.any(axis=(0, 2)))
    first, last = rows[0], rows[-1]
    turned, where = volume.hu[:, first : last + 1][:, ::-1], body[:, first : last + 1][:, ::-1]
    part = hu[:, first : last + 1]
    part[where] = turned[where]
    return Volume(hu, volume.grid, volume.padding)


SCENES: dict[str, tuple[dict, Callable[[Volume], Volume]]] = {
    "arms up": ({"arms": "up"}, lambda v: v),
    "arms down": ({"arms": "down"}, lambda v: v),
    "thick couch, lung-like core": (
        {"couch_thickness": 60.0, "couch_hollow_hu": -860.0},
        lambda v: v,
    ),
    "reconstruction circle": ({"padding_hu": -2000}, lambda v: v),
    "stout, fat 28 mm": ({"fat": 28.0, "muscle": 20.0}, lambda v: v),
    "blanket with folds": ({}, draped),
    "prone": ({}, prone),
    "narrow field, right lung": ({}, lambda v: narrowed(v, 95.0, -55.0)),
    "narrow field, left lung": ({}, lambda v: narrowed(v, 95.0, 55.0)),
    "narrow field, middle": ({}, lambda v: narrowed(v, 95.0, 0.0)),
    "field within one lung": ({}, lambda v: narrowed(v, 60.0, -70.0)),
    "no couch": ({"couch": False}, lambda v: v),
}


def synthetic(name: str) -> tuple[int, int, int, int, int]:
    """Lung voxels altered by ours and by the usual way; couch voxels, and how many of them each
    removed.
    """
    variation, change = SCENES[name]
    told = np.zeros(5, np.int64)
    for seed in SEEDS:
        plain, lungs = chest(SHAPE, seed=seed, **variation)
        volume = change(plain)
        body = lungs.lungs if name != "prone" else turned_lungs(plain, lungs.lungs)
        truth = body & (~volume.padding if volume.padding is not None else True)
        couch = phantom_couch(SHAPE, seed=seed, **variation) & (volume.hu > -900)
        first, second = ours(volume), usual(volume)
        told += [
            np.count_nonzero(m)
            for m in (first & truth, second & truth, couch, first & couch, second & couch)
        ]
    return tuple(int(n) for n in told)  # type: ignore[return-value]


def turned_lungs(volume: Volume, lungs: np.ndarray) -> np.ndarray:
    """The lungs of `prone`."""
    rows = np.flatnonzero(body_mask(volume).any(axis=(0, 2)))
    turned = np.zeros_like(lungs)
    turned[:, rows[0] : rows[-1] + 1] = lungs[:, rows[0] : rows[-1] + 1][:, ::-1]
    return turned


def real(data: Path) -> Iterator[tuple[str, int, int, float, float, float]]:
    """Case, lung voxels altered by ours and the usual way, ml that each removes, seconds of
    ours.
    """
    for series in find_series(data):
        if not series.usable or series.slices < 25:
            continue
        volume = series.read()
        reference = data / "chests" / "Labels" / f"{series.id}.nii.gz"
        lungs = read_mask(reference).lungs if reference.exists() else Classical()(volume).mask.lungs
        if not lungs.any():
            continue
        start = time.process_time()
        mask = ours(volume)
        seconds = time.process_time() - start
        other, ml = usual(volume), volume.grid.voxel_ml
        harms = (int(np.count_nonzero(m & lungs)) for m in (mask, other))
        yield (series.id, *harms, mask.sum() * ml, other.sum() * ml, seconds)


def main() -> None:
    print(f"Synthetic, {len(SEEDS)} bodies a row, {SHAPE[0]} × {SHAPE[1]} × {SHAPE[2]}\n")
    print(
        "| scene | lung voxels altered | couch removed | usual way: lung voxels altered | usual "
        "way: couch removed |"
    )
    print("|---|---|---|---|---|")
    for name in SCENES:
        harm, other, couch, first, second = synthetic(name)
        shares = [f"{100 * n / couch:.1f} %" if couch else "–" for n in (first, second)]
        print(f"| {name} | {harm} | {shares[0]} | {other} | {shares[1]} |", flush=True)
    data = Path(sys.argv[1] if len(sys.argv) > 1 else "data")
    if not data.is_dir():
        print("\nskipped real chests: name the folder with the data")
        return
    print(
        "\n| real chest | lung voxels altered | removed, ml | usual way: lung voxels altered | "
        "usual way: removed, ml | CPU s |"
    )
    print("|---|---|---|---|---|---|")
    for name, harm, other, ml, other_ml, seconds in real(data):
        print(
            f"| {name} | {harm} | {ml:.0f} | {other} | {other_ml:.0f} | {seconds:.1f} |", flush=True
        )


if __name__ == "__main__":
    main()
