"""What a de-identified file declares: its profile, and options of PS3.15 Annex E (CID 7050)."""

from dataclasses import dataclass

from pleura.audit.parsing import Layout

METHOD, METHOD_CODES, REMOVED, TEMPORAL = 0x00120063, 0x00120064, 0x00120062, 0x00280303
CODE_VALUE, CODE_SCHEME, CODE_MEANING = 0x00080100, 0x00080102, 0x00080104
REPORT = "report"
BASIC = "basic"

CLEAN_PIXELS, CLEAN_GRAPHICS, CLEAN_DESCRIPTORS = "113101", "113103", "113105"
FULL_DATES, MODIFIED_DATES, CHARACTERISTICS = "113106", "113107", "113108"
DEVICE, UIDS, SAFE_PRIVATE, INSTITUTION = "113109", "113110", "113111", "113112"
BASIC_PROFILE = "113100"


@dataclass(frozen=True)
class Declared:
    """The declaration of a file.

    `profile` is `report` or `basic`; `codes` are those of (0012,0064); `dates` is `removed`,
    `shifted` or `kept`.
    """

    profile: str
    codes: frozenset[str]

    @property
    def dates(self) -> str:
        """How dates were treated, according to the codes."""
        if self.profile == REPORT or FULL_DATES in self.codes:
            return "kept"
        if MODIFIED_DATES in self.codes:
            return "shifted"
        return "removed"

    def has(self, code: str) -> bool:
        """Whether an option is declared."""
        return code in self.codes

    def sought(self, kind: str) -> bool:
        """Whether identifiers of this kind must not be in the file, given the declared options."""
        if kind == "device":
            return DEVICE not in self.codes
        if kind == "place":
            return INSTITUTION not in self.codes
        if kind == "uid":
            return UIDS not in self.codes
        return not (kind == "date" and self.dates == "kept")


def declared(layout: Layout, profile: str | None = None) -> Declared:
    """Read the declaration of a written file; `profile`, where given, takes precedence.

    A file declares `report` where its DeidentificationMethod (0012,0063) names the report's profile
    and it has no code 113100. Every other file is checked as Basic, whatever else it declares.
    """
    codes = set()
    for piece in layout.pieces:
        if len(piece.path) == 3 and piece.path[0] == METHOD_CODES and piece.path[2] == CODE_VALUE:
            codes.add(layout.text(*piece.path).strip())
    if profile is None:
        method = layout.text(METHOD).casefold()
        profile = BASIC
        if "report" in method and "pleura" in method and BASIC_PROFILE not in codes:
            profile = REPORT
    return Declared(profile, frozenset(codes))
