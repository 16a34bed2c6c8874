"""The page's colours, each with one meaning: Okabe and Ito's palette for colour-blind readers."""

BLUE, SKY, ORANGE, RED = "#0072B2", "#56B4E9", "#E69F00", "#D55E00"
GREEN, PURPLE, GREY = "#009E73", "#CC79A7", "#6b6b6b"
BLACK = "#222222"

RIGHT_LUNG, LEFT_LUNG, BOTH_LUNGS = ORANGE, SKY, BLUE
REFERENCE, PREDICTION, WRONG_SIDE = GREEN, PURPLE, RED
"""Voxels of one mask only have its colour; those of the reference only are missed."""


def rgb(colour: str) -> tuple[int, int, int]:
    """`#rrggbb` as three numbers from 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
