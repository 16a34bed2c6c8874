"""Private attributes that may stay under Retain Safe Private (PS3.15 Table E.3.10-1).

The rows of CT, MR and PET, as GDCM's and PixelMed's tables have them; the engine's list comes from
other sources. Any other private attribute is a find, whatever its value.
"""

from functools import lru_cache

from pleura.audit.parsing import Layout, Path_

_ROWS = """
0019 GEMS_ACQU_01              | 23 24 27 9E
0025 GEMS_SERS_01              | 07
0043 GEMS_PARM_01              | 27 39 6F
0045 GEMS_HELIOS_01            | 01 02
0903 GEIIS PACS                | 10 11 12
0019 SIEMENS MR HEADER         | 0C 0D 0E 27
00E1 ELSCINT1                  | 21 50
01E1 ELSCINT1                  | 26 50
01F1 ELSCINT1                  | 01 07 26 27
2005 Philips MR Imaging DD 001 | 0D 0E
7053 Philips PET Private Group | 00 09
2001 Philips Imaging DD 001    | 01-0C 0E-1F 21-51 53-5A 5D-6B 6D-6F 71-77 79-8C 90-94 9A 9B 9D 9F
2001 Philips Imaging DD 001    | A1-A5 C0-C3 C5-C7 CA CB D0-DF E9 F1-F7 F9 FB-FD FF
"""
"""Group, private creator, elements within the block."""
_CREATORS = range(0x10, 0x100)


@lru_cache(maxsize=1)
def _safe() -> frozenset[tuple[int, str, int]]:
    found = set()
    for line in _ROWS.strip().splitlines():
        head, _, elements = line.partition("|")
        group, creator = int(head[:4], 16), head[5:].strip()
        for part in elements.split():
            first, _, last = part.partition("-")
            for element in range(int(first, 16), int(last or first, 16) + 1):
                found.add((group, creator, element))
    return frozenset(found)


def is_safe(layout: Layout, path: Path_) -> bool:
    """Whether a private element, at a path of tags and item numbers, is one of the table.

    A creator is where its block can have such an element. Nothing within a private sequence is.
    """
    if any(tag >> 16 & 1 for tag in path[:-1:2]):
        return False
    group, element = path[-1] >> 16, path[-1] & 0xFFFF
    if element in _CREATORS:
        name = layout.text(*path).strip()
        return any((group, name) == row[:2] for row in _safe())
    creator = layout.text(*path[:-1], group << 16 | element >> 8).strip()
    return (group, creator, element & 0xFF) in _safe()
