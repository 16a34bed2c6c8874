"""Attributes of Type 1 and 2 by SOP class, from PS3.3's module tables as highdicom carries them
(`required.json`).

The table is data: tests/audit/test_audit_required.py makes it anew from the installed highdicom and
compares.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from pleura.audit.pieces import Path_


@cache
def _table() -> Any:
    return json.loads(
        (resources.files("pleura.audit") / "required.json").read_text(encoding="utf-8")
    )


@cache
def required(sop_class: str) -> Mapping[Path_, int]:
    """Type (1 or 2) by path of tags, without item numbers, for the mandatory and conditional
    modules of a SOP class.

    Empty for a class that the table does not have.
    """
    table = _table()
    return {
        tuple(int(tag, 16) for tag in path.split(".")): kind
        for module in table["classes"].get(sop_class, ())
        for path, kind in table["modules"][module].items()
    }


def is_image(sop_class: str) -> bool:
    """Whether objects of a class must hold pixels (their IOD has the Image Pixel module)."""
    return "image-pixel" in _table()["classes"].get(sop_class, ())
