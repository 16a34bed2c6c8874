"""The pictures of docs/report.md, from a run on the real chests with preset report:
`python docs/make_pictures.py RUN`.

Credit for what they show: docs/evidence.md.
"""

import sys
from pathlib import Path

from PIL import Image

GOAL = Path(__file__).parent / "pictures"
PLOTS = {
    "1.1-unprocessed": "report-1.1.png",
    "2.1-network": "report-2.1.png",
    "2.2-loss": "report-2.2.png",
    "2.3-accuracy": "report-2.3.png",
    "2.6a-train-bce-dice-network": "report-2.6-bce.png",
    "2.6d-train-bce_dice-dice-network": "report-2.6-combined.png",
    "2.7a-test-bce-dice-network": "report-2.7-bce.png",
    "2.7d-test-bce_dice-dice-network": "report-2.7-combined.png",
}
SHEETS = {
    "2.8": ("report-2.8.png", ("bce-best-1", "bce_dice-best-1")),
    "2.9": (
        "report-2.9.png",
        ("bce-worst-1", "bce-worst-2", "bce_dice-worst-1", "bce_dice-worst-2"),
    ),
    "2.10": ("report-2.10.png", ("bce-median-1", "bce_dice-median-1")),
}
"""Figure of the report to our file and the slices in it, a row each: CT, outlines, errors."""
WIDE, PANEL = 900, 260
"""[pixels] Width of a plot, and of one panel of a sheet."""
PLOT_COLOURS, SHEET_COLOURS = 64, 96


def main() -> None:
    if len(sys.argv) != 2:
        print("skipped: name the folder that `pleura run DATA/chests RUN` wrote")
        return
    figures = Path(sys.argv[1]) / "figures"
    for name, short in PLOTS.items():
        image = Image.open(figures / f"fig-{name}.png").convert("RGB")
        height = round(image.height * WIDE / image.width)
        small = image.resize((WIDE, height), Image.Resampling.LANCZOS)
        save(small, GOAL / short, PLOT_COLOURS)
    for number, (short, slices) in SHEETS.items():
        rows = [panels(figures, number, name) for name in slices]
        save(stacked(rows), GOAL / short, SHEET_COLOURS)


def panels(figures: Path, number: str, name: str) -> list[Image.Image]:
    """The panels of one slice, each `PANEL` wide."""
    found = []
    for kind in ("ct", "outlines", "errors"):
        (path,) = figures.glob(f"fig-{number}*-{name}-{kind}.png")
        image = Image.open(path).convert("RGB")
        height = round(image.height * PANEL / image.width)
        found.append(image.resize((PANEL, height), Image.Resampling.LANCZOS))
    return found


def stacked(rows: list[list[Image.Image]]) -> Image.Image:
    heights = [max(image.height for image in row) for row in rows]
    sheet = Image.new("RGB", (PANEL * max(map(len, rows)), sum(heights)), "white")
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, image in enumerate(row):
            sheet.paste(image, (column * PANEL, top))
        top += height
    return sheet


def save(image: Image.Image, path: Path, colours: int) -> None:
    few = image.quantize(colours, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
