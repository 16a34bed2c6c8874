"""Profiles as data: the action for each attribute. The Basic Profile is PS3.15 Table E.1-1."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from pleura.deid.choices import Choices, Dates
from pleura.deid.tables import UNKNOWN, rows


class Action(StrEnum):
    """What is done to one attribute, by the letters of PS3.15 Table E.1-1a where it has one."""

    KEEP = "K"  # as it was read, byte for byte
    CHECK = "V"  # kept where the value is valid for its VR and names nobody; else cleaned
    CLEAN = "C"  # text: identifiers are removed
    REMOVE = "X"
    EMPTY = "Z"
    DUMMY = "D"
    UID = "U"
    SHIFT = "S"  # by the patient's days
    CASE = "case"  # replaced by the patient's case id
    LABEL = "label"  # kept where every word of it is anatomy or a number
    AGE = "age"  # kept up to 89 years, then "090Y"
    WALK = "walk"  # a sequence: its items are processed


Rule = tuple[Action, ...]
"""One action, or several from which the attribute's Type chooses (`X/Z/D` in the table)."""

ANY: Rule = (Action.REMOVE, Action.EMPTY, Action.DUMMY)
GONE: Rule = (Action.REMOVE,)


@dataclass(frozen=True)
class Profile:
    """Rules by tag, then by VR for attributes without one; `KEEP` where neither applies.

    `groups` are rules for what no tag can list: private attributes, curves, overlays and group
    lengths. `required` are attributes that a data set gets where it lacks them. `codes` declare
    what was done (PS3.16 CID 7050). `private` keeps the safe numbers of vendors (`safe_private`).
    """

    name: str
    tags: Mapping[int, Rule]
    vrs: Mapping[str, Rule] = field(default_factory=dict)
    groups: Mapping[str, Rule] = field(default_factory=dict)
    required: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()
    private: bool = False


IDENTITY: Mapping[int, Rule] = {0x00100010: (Action.CASE,), 0x00100020: (Action.CASE,)}

REPORT = Profile(
    "report",
    {**IDENTITY, 0x00100030: (Action.EMPTY,), 0x00100032: (Action.REMOVE,)},
    required=(0x00100010, 0x00100020, 0x00100030),
)
"""The report's four rules (section 1.2); dates, UIDs, institutions and staff stay as they are."""

UNLISTED: Mapping[str, Rule] = {
    "UI": (Action.UID,),
    "PN": (Action.EMPTY, Action.DUMMY),
    "AE": ANY,
    "AS": ANY,
    **dict.fromkeys(("DA", "DT", "TM"), ANY),
    **dict.fromkeys(("UR", "UN"), GONE),
    **dict.fromkeys(("SH", "LO", "ST", "LT", "UC", "UT"), (Action.CLEAN,)),
    **dict.fromkeys(
        ("CS", "DS", "IS", "AT", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD"), (Action.CHECK,)
    ),
    **dict.fromkeys(("OB", "OW", "OF", "OD", "OL", "OV"), (Action.CHECK,)),
}
"""Actions for attributes that Table E.1-1 does not list, by VR."""

OURS: Mapping[int, Rule] = {
    **IDENTITY,
    0x00280303: GONE,  # Longitudinal Temporal Information Modified, and
    0x00120062: GONE,  # Patient Identity Removed,
    0x00120063: GONE,  # Method and
    0x00120064: GONE,  # Method Code Sequence: earlier claims are replaced, not trusted
    # Text Value of content items: the table leaves it to its Content Sequence (D)
    0x0040A160: (Action.DUMMY,),
    # Person Identification Code Sequence: D in the table, and a code can be a person
    0x00401101: (Action.REMOVE, Action.EMPTY),
    # ROI Name: Z in the table; a structure without its name is of no use
    0x30060026: (Action.LABEL,),
    0x00620005: (Action.LABEL,),  # Segment Label
    0x30060085: (Action.LABEL,),  # ROI Observation Label
    0x04000500: GONE,  # Encrypted Attributes Sequence
    0x04000510: GONE,
    0x04000520: GONE,
    0xFFFCFFFC: GONE,  # Data Set Trailing Padding
}
"""Rules that go beyond the table, each with its reason."""

CODES = {
    "descriptors": "113105",
    "graphics": "113103",
    "device": "113109",
    "institution": "113112",
    "patient": "113108",
    "private": "113111",
    "uids": "113110",
}


def _table_rules(columns: set[str]) -> dict[int, Rule]:
    """The rule of each attribute of Table E.1-1 under the option columns."""
    rules = {}
    for tag, row in rows().items():
        letters = [row.options[column] for column in sorted(columns) if column in row.options]
        rules[tag] = _rule(tag, row.action, letters, columns)
    return rules


@lru_cache(maxsize=8)
def profile(choices: Choices) -> Profile:
    """The profile for a user's choices."""
    if choices.profile == "report":
        return REPORT
    columns = {str(name) for name in choices.retain} - {"private"}
    if choices.dates != "remove":
        columns.add(f"dates-{choices.dates}")
    tags = _table_rules(columns)
    vrs = dict(UNLISTED)
    if choices.dates == "keep":
        vrs |= dict.fromkeys(("DA", "DT", "TM"), (Action.CHECK,))
    if choices.dates == "shift":
        vrs |= {"DA": (Action.SHIFT,), "DT": (Action.SHIFT,), "TM": (Action.CHECK,)}
    if "uids" in choices.retain:
        vrs |= {"UI": (Action.KEEP,)}
    ours = dict(OURS)
    if "descriptors" in choices.retain or "graphics" in choices.retain:
        ours |= {0x00700006: (Action.CLEAN,)}
    if "descriptors" in choices.retain:
        ours |= {0x0040A160: (Action.CLEAN,)}
    # the table has no K for it, and a reference that changes alone is broken
    if "uids" in choices.retain:
        ours |= {0x0040A124: (Action.KEEP,)}
    if "patient" in choices.retain:
        ours |= {0x00101010: (Action.AGE,)}
    overlays: Rule = (Action.CHECK,) if "graphics" in choices.retain else GONE
    return Profile(
        choices.profile,
        {**tags, **ours},
        vrs,
        {"private": GONE, "length": GONE, "curve": GONE, "overlay": overlays},
        required=(0x00100010, 0x00100020),
        codes=(
            "113100",
            *_date_code(choices.dates),
            *sorted(CODES[name] for name in choices.retain if name in CODES),
        ),
        private="private" in choices.retain,
    )


def _rule(tag: int, action: str, options: list[str], columns: set[str]) -> Rule:
    from pydicom.datadict import dictionary_VR

    if not options:
        return tuple(Action(letter) for letter in action.split("/"))
    vr = dictionary_VR(tag)
    # a calibration on the same day would reveal the shift
    if vr in ("DA", "DT") and "dates-shift" in columns:
        return (Action.SHIFT,)
    if "K" in options:
        return (Action.CHECK,)
    if vr in ("TM", "SH") and "dates-shift" in columns:
        return (Action.CHECK,)
    return (Action.CLEAN,)


def kept_tags(profile: Profile) -> frozenset[int] | None:
    """Attributes that choices keep, so no identifiers; `None` where no text is cleaned."""
    if not profile.vrs:
        return None
    kept = frozenset(tag for tag, rule in profile.tags.items() if Action.CHECK in rule)
    if CODES["institution"] in profile.codes:
        return kept | ORGANIZATIONS
    return kept


ORGANIZATIONS = frozenset({0x0040A027, 0x00102299})
"""Verifying and responsible organisation.

They are removed; where the institution is kept, they reveal nothing more.
"""


def _date_code(dates: Dates) -> tuple[str, ...]:
    return {"remove": (), "shift": ("113107",), "keep": ("113106",)}[dates]


def resolve(rule: Rule, kind: str) -> Action:
    """Choose the one action of a rule, so that no attribute of Type 1 or 2 is lost.

    See PS3.15 E.3, note to Table E.1-1a.

    Args:
        rule: one action, or the letters of a compound.
        kind: the attribute's Type in this IOD at this place, or `UNKNOWN`.
    """
    if Action.UID in rule:
        return Action.UID
    letters = [action for action in (Action.DUMMY, Action.EMPTY, Action.REMOVE) if action in rule]
    if not letters:
        return rule[0]
    if kind == "1" or (kind == "1C" and letters != [Action.REMOVE]):
        return Action.DUMMY
    if kind in ("2", "2C"):
        if letters == [Action.DUMMY]:
            return Action.DUMMY
        return Action.EMPTY
    if kind == UNKNOWN:
        return letters[0]
    return letters[-1]
