"""Profiles: what becomes of which attribute, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What becomes of an attribute (letters of PS3.15 Table E.1-1a where it has one)."""

    KEEP = "K"
    REMOVE = "X"
    EMPTY = "Z"
    CASE = "case"  # replaced by the patient's case id


@dataclass(frozen=True)
class Profile:
    """Actions by tag, and for every attribute not listed.

    `rules` hold at every level of nesting; `required` are attributes that the data set itself gets, where it lacks them.
    """

    name: str
    rules: Mapping[int, Action]
    required: tuple[int, ...] = ()
    unlisted: Action = Action.KEEP


REPORT = Profile(
    "report",
    {0x00100010: Action.CASE, 0x00100020: Action.CASE, 0x00100030: Action.EMPTY, 0x00100032: Action.REMOVE},
    required=(0x00100010, 0x00100020, 0x00100030),
)
"""The report's four rules (its section 1.2) and nothing else. It leaves dates, UIDs, institutions and staff as they are."""

PROFILES = {profile.name: profile for profile in (REPORT,)}
