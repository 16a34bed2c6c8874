"""Contours to masks and back, beside rt-utils and platipy: how far each mask's area is from the
area of the polygon itself.

Run as `python bench/rtstruct.py` where the peers are installed (`pip install rt-utils platipy`); a
peer that is not there is left out and said. Every tool's own function fills the same seeded
contours: lung-shaped sections with 5-mm waves, turned and shifted at random, on pixels of 0.98 mm.
Prints Markdown.
"""

import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
warnings.simplefilter("ignore")

SIZE, SPACING = 256, 0.98
SECTIONS = {"apex": (7, 14), "mid": (30, 55), "large": (60, 100)}
"""Half-axes of the sections, mm."""
EACH = 200


def contour(rng, smallest, largest):
    """A closed curve in mm, `(n, 2)` as x, y: an ellipse with waves, a vertex every millimetre
    or so.
    """
    a, b = np.sort(rng.uniform(smallest, largest, 2))
    angle = np.linspace(0, 2 * np.pi, int(6 * b), endpoint=False)
    wave = 1 + 0.05 * np.sin(rng.integers(2, 6) * angle + rng.uniform(0, 6))
    turn = rng.uniform(0, 2 * np.pi)
    ring = np.stack([a * np.cos(angle), b * np.sin(angle)], axis=1) * wave[:, None]
    ring = ring @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    return ring + SIZE / 2 * SPACING + rng.uniform(-1, 1, 2)


def exact_mm2(ring):
    x, y = ring.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def ours():
    from pleura.labels.rasterisation import fill

    return lambda ring: fill([ring[:, ::-1] / SPACING], (SIZE, SIZE))


def rt_utils():
    from pydicom import Dataset
    from rt_utils import image_helper

    plane = Dataset()
    plane.Rows = plane.Columns = SIZE
    to_pixel = np.diag([1 / SPACING, 1 / SPACING, 1, 1])

    def filled(ring):
        points = np.column_stack([ring, np.zeros(len(ring))]).ravel().tolist()
        return image_helper.get_slice_mask_from_slice_contour_data(plane, [points], to_pixel)

    return filled


def platipy():
    import SimpleITK as sitk
    from platipy.dicom.io.rtstruct_to_nifti import transform_point_set_from_dicom_struct
    from pydicom import Dataset

    image = sitk.Image(SIZE, SIZE, 1, sitk.sitkUInt8)
    image.SetSpacing((SPACING, SPACING, 1))

    def filled(ring):
        drawn, roi, dataset, line = Dataset(), Dataset(), Dataset(), Dataset()
        line.ContourGeometricType = "CLOSED_PLANAR"
        line.ContourData = np.column_stack([ring, np.zeros(len(ring))]).round(6).ravel().tolist()
        drawn.ReferencedROINumber, drawn.ContourSequence = 1, [line]
        roi.ROINumber, roi.ROIName = 1, "Lung_L"
        dataset.ROIContourSequence, dataset.StructureSetROISequence = [drawn], [roi]
        return (
            sitk.GetArrayFromImage(transform_point_set_from_dicom_struct(image, dataset)[0][0])[0]
            > 0
        )

    return filled


def traced_by_ours(mask):
    from pleura.labels.rasterisation import trace

    return [points[:, ::-1] * SPACING for points in trace(mask)]


def traced_by_rt_utils(mask):
    from rt_utils import image_helper

    return [
        np.array(points, float).reshape(-1, 2) * SPACING
        for points in image_helper.find_mask_contours(mask, True)[0]
    ]


def opened(make):
    try:
        return make()
    except ImportError:
        return None


def main():
    tools = {"pleura": opened(ours), "rt-utils": opened(rt_utils), "platipy": opened(platipy)}
    missing = [name for name, tool in tools.items() if tool is None]
    print(
        "Contours to a mask: its area against the polygon's, in per cent: signed mean (mean of "
        "absolute errors; worst).\n"
    )
    names = [name for name in tools if name not in missing]
    print(f"| section | half-axes, mm | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}")
    masks = []
    for section, (smallest, largest) in SECTIONS.items():
        rng = np.random.default_rng(7)
        rings = [contour(rng, smallest, largest) for _ in range(EACH)]
        cells = []
        for name in names:
            filled = [tools[name](ring) for ring in rings]
            areas = np.array([np.count_nonzero(mask) * SPACING**2 for mask in filled])
            errors = 100 * (areas / [exact_mm2(ring) for ring in rings] - 1)
            cells.append(
                f"{errors.mean():+.3f} ({np.abs(errors).mean():.3f}; "
                f"{errors[np.abs(errors).argmax()]:+.2f})"
            )
            masks += filled if name == "pleura" else []
        print(f"| {section} | {smallest} to {largest} | {' | '.join(cells)} |")
    print(
        "\nA mask to contours: the polygons' area against the mask's, signed mean in per cent, "
        "all sections.\n"
    )
    ways = {"pleura": traced_by_ours} | (
        {} if "rt-utils" in missing else {"rt-utils": traced_by_rt_utils}
    )
    print(f"| {' | '.join(ways)} |\n|{'---|' * len(ways)}")
    errors = [
        [
            sum(map(exact_mm2, trace(mask))) / (np.count_nonzero(mask) * SPACING**2) - 1
            for mask in masks
        ]
        for trace in ways.values()
    ]
    print(f"| {' | '.join(f'{100 * np.mean(error):+.3f}' for error in errors)} |")
    if missing:
        print(f"\nNot installed here: {', '.join(missing)}.")


if __name__ == "__main__":
    main()
