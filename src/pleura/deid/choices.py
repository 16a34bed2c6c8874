"""The options of de-identification, as the user gives them and as workers receive them."""

from dataclasses import dataclass
from typing import Literal, get_args

ProfileName = Literal["basic", "report"]
Dates = Literal["remove", "shift", "keep"]
Retain = Literal["device", "institution", "patient", "uids", "private", "descriptors", "graphics"]
RETAINABLE: tuple[Retain, ...] = get_args(Retain)
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Choices:
    """A profile and its options (PS3.15 E.3); `blank` are boxes `x0, y0, x1, y1`, end-exclusive."""

    profile: ProfileName = "basic"
    dates: Dates = "remove"
    retain: frozenset[Retain] = frozenset()
    blank: tuple[Box, ...] = ()
