"""Private attributes that `--retain private` keeps: numbers of PS3.15 Table E.3.10-1, as data.

A row is here where two public sources agree on creator and element: the table as the CATI
de-identification tool carries it (479 rows), and pydicom's private dictionary, which also has the
VR. Only numbers are kept: a private text cannot be checked against a vocabulary. A value of another
VR than the row's, or of another form, is removed.
"""

import re
from typing import TYPE_CHECKING, Any

from pleura.deid.values import VALID, WIDTHS, stored_bytes

if TYPE_CHECKING:
    from pydicom import Dataset

ROWS = """
7053 DS 00 09                             Philips PET Private Group
2005 FL 0D 0E                             Philips MR Imaging DD 001
2001 FL 01 03 09 11 1A 1B 22 32 39        Philips Imaging DD 001
2001 IS 02 08 0A 1D 7B 81 82 86           Philips Imaging DD 001
2001 SL 13 14 17 18                       Philips Imaging DD 001
2001 SS 15 16 2D 35                       Philips Imaging DD 001
2001 DS 23 83 84 85 88 89 8A              Philips Imaging DD 001
00E1 DS 21 50                             ELSCINT1
01F1 DS 07 27                             ELSCINT1
0019 DS 23 24 27                          GEMS_ACQU_01
0045 SS 01                                GEMS_HELIOS_01
0045 FL 02                                GEMS_HELIOS_01
0043 IS 39                                GEMS_PARM_01
0043 DS 6F                                GEMS_PARM_01
0025 SL 07                                GEMS_SERS_01
0019 IS 0C                                SIEMENS MR HEADER
0019 FD 0E 27                             SIEMENS MR HEADER
"""
"""Group, VR, elements within the block, private creator: SUV and activity factors (Philips PET),
scale slope and intercept (Philips MR), diffusion, table speed, rotation and timing.
"""
_ROW = re.compile(r"(\w{4}) (\w\w) ((?:[0-9A-F]{2} )+) *(.+)")


def _rows() -> dict[tuple[int, str, int], str]:
    found = {}
    for line in ROWS.strip().splitlines():
        match = _ROW.fullmatch(line)
        assert match, line
        group, vr, elements, creator = match.groups()
        for element in elements.split():
            found[int(group, 16), creator, int(element, 16)] = vr
    return found


SAFE = _rows()
"""Group, creator and element within the block to VR."""


CREATOR_VR = "LO"


def safe_vr(dataset: "Dataset", tag: Any) -> str:
    """The VR of a private element that may stay, empty for any other.

    It may stay where it is a number of the table in its VR's form, or the creator of a block that
    has one.
    """
    number = int(tag)
    group, element = number >> 16, number & 0xFFFF
    if not group & 1:
        return ""
    if 0x10 <= element <= 0xFF:
        creator = _creator(dataset, group, element)
        wanted = group << 8 | element
        block = (tag for tag in dataset.keys() if int(tag) >> 8 == wanted)  # noqa: SIM118
        return CREATOR_VR if any(_number_vr(dataset, other, creator) for other in block) else ""
    return (
        _number_vr(dataset, tag, _creator(dataset, group, element >> 8)) if element > 0xFF else ""
    )


def _creator(dataset: "Dataset", group: int, block: int) -> str:
    try:
        return str(dataset[group, block].value or "").strip()
    except (KeyError, ValueError):
        return ""


def _number_vr(dataset: "Dataset", tag: Any, creator: str) -> str:
    vr = SAFE.get((int(tag) >> 16, creator, int(tag) & 0xFF), "")
    if not vr:
        return ""
    stored = dataset.get_item(tag)
    without_vr = stored.is_raw and stored.VR in (None, "UN")
    try:
        element = _decoded(stored, vr) if without_vr else dataset[tag]
    except Exception:  # its bytes do not have the form of its VR
        return ""
    return vr if vr == element.VR and _is_number(element, vr) else ""


def _decoded(stored: Any, vr: str) -> Any:
    """An element that was read without a VR, as of the row's VR; what is stored stays as it is."""
    from pydicom.dataelem import convert_raw_data_element

    return convert_raw_data_element(stored._replace(VR=vr))


def _is_number(element: Any, vr: str) -> bool:
    if vr in WIDTHS:
        parts = element.value if element.VM > 1 else [element.value]
        return all(isinstance(part, (int, float)) for part in parts)
    text = stored_bytes(element, vr)
    return text is not None and all(
        VALID[vr].fullmatch(part.strip()) for part in text.decode().split("\\")
    )
