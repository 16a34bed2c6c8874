"""Rows of the page's tables, as text."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

OVERALL = {
    "dice": "Dice",
    "iou": "IoU",
    "msd_mm": "mean surface distance [mm]",
    "hd95_mm": "HD95, area-weighted [mm]",
    "hd95_mm_voxel": "HD95, border voxels [mm]",
    "hd_mm": "maximum distance [mm]",
    "surface_dice_2mm": "surface Dice at 2 mm",
    "volume_error_ml": "volume error [ml]",
    "slices_missed": "missed slices",
    "slices_hallucinated": "hallucinated slices",
    "hallucinated_ml": "volume on empty slices [ml]",
}
DIGITS = dict.fromkeys(("dice", "iou", "surface_dice_1mm", "surface_dice_2mm"), 4)
DIGITS |= {"volume_error_ml": 0, "slices_missed": 1, "slices_hallucinated": 1}
"""Decimal places, where they are not 2."""
STRUCTURES = ("right", "left", "both")


def printed(metric: str) -> Callable[[float | None], str]:
    """How a metric's numbers are printed; a dash where undefined."""
    digits = DIGITS.get(metric, 2)

    def form(value: float | None) -> str:
        if value is None:
            return "–"
        return f"{value:.{digits}f}".replace("-", "−")

    return form


def overall_rows(summary: Mapping[str, Any]) -> Iterator[list[str]]:
    """One row for each structure and metric: mean, interval, SD, median, worst patient, n."""
    for structure in STRUCTURES:
        for metric, words in OVERALL.items():
            spread = summary[structure].get(metric)
            if spread is not None:
                yield [structure, words, *_spread_cells(metric, spread)]


def _spread_cells(metric: str, spread: Mapping[str, Any]) -> list[str]:
    form = printed(metric)
    worst = spread["lowest"] if "dice" in metric or metric == "iou" else spread["highest"]
    if metric == "volume_error_ml" and spread["n"]:
        worst = max(spread["lowest"], spread["highest"], key=abs)
    between = "–" if spread["low"] is None else f"{form(spread['low'])} to {form(spread['high'])}"
    return [
        form(spread["mean"]),
        between,
        form(spread["sd"]),
        form(spread["median"]),
        form(worst),
        str(spread["n"]),
    ]


def test_row(test: Mapping[str, Any]) -> list[str]:
    """One paired test: means, median difference, effect, p values, n."""
    form = printed(test["metric"])
    p = ["–" if test[key] is None else f"{test[key]:.3g}" for key in ("p", "adjusted_p")]
    effect = printed("effect")(test["effect"])
    difference = f"{test['difference']:+.3g}".replace("-", "−")
    words = OVERALL[test["metric"]]
    return [
        test["structure"],
        words,
        form(test["first"]),
        form(test["second"]),
        difference,
        effect,
        *p,
        str(test["n"]),
    ]


def site_row(name: str, both: Mapping[str, Any]) -> list[str]:
    """Means of one site beside those of all others."""
    cells = [
        printed(metric)((both[who].get(metric) or {}).get("mean"))
        for metric in ("dice", "hd95_mm")
        for who in ("own", "others")
    ]
    return [name, str(both["own"]["dice"]["n"]), *cells]


def published_rows(
    lctsc: Mapping[str, Any], sources: Sequence[str], method: str
) -> Iterator[list[str]]:
    """Our means beside published ones; HD95 by both definitions: the published one is unknown."""
    for hd95, words in (("hd95_mm", "area-weighted"), ("hd95_mm_voxel", "border voxels")):
        own = [f"{method} (HD95: {words})"]
        for metric in ("dice", "msd_mm", hd95):
            form = printed(metric)
            sides = [lctsc["ours"][side].get(metric) for side in ("left", "right")]
            cells = [
                "–" if one is None else f"{form(one['mean'])} ± {form(one['sd'])}" for one in sides
            ]
            own.append(" / ".join(cells))
        yield [*own, "the cases of this page"]
    for row in lctsc["published"]:
        cells = [
            " / ".join(value.replace("±", " ± ") for value in row[key])
            for key in ("dice", "msd_mm", "hd95_mm")
        ]
        number = sources.index(f"{row['split']}. {row['source']}") + 1
        yield [row["method"], *cells, f"({number})"]
