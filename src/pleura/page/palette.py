"""The page's colours, each with one meaning, from the palette of Okabe and Ito for colour-blind
readers.
"""

BLUE, ORANGE, GREEN, PURPLE, GREY, SKY, RED = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#6b6b6b",
    "#56B4E9",
    "#D55E00",
)
BLACK, LIGHT = "#222222", "#b0b0b0"

RIGHT_LUNG, LEFT_LUNG, BOTH_LUNGS = ORANGE, SKY, BLUE
REFERENCE, PREDICTION, WRONG_SIDE = GREEN, PURPLE, RED
"""Voxels of the reference only (missed) have the reference's colour, voxels of the mask only the
prediction's.
"""


def rgb(colour: str) -> tuple[int, int, int]:
    """`#rrggbb` as three numbers from 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
