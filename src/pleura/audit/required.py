"""Attributes of Type 1 and 2 by SOP class, from the module tables of PS3.3.

`required.json` holds the tables as highdicom distributes them. A test rebuilds it from the
installed highdicom and compares.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from pleura.audit.parsing import Path_


@cache
def _table() -> Any:
    return json.loads(
        (resources.files("pleura.audit") / "required.json").read_text(encoding="utf-8")
    )


@cache
def required(sop_class: str) -> Mapping[Path_, int]:
    """The Type (1 or 2) of attributes in the mandatory and conditional modules of a SOP class.

    Keys are paths of tags without item numbers. Empty for a class that the table does not have.
    """
    table = _table()
    types: dict[Path_, int] = {}
    for module in table["classes"].get(sop_class, ()):
        for path, kind in table["modules"][module].items():
            types[tuple(int(tag, 16) for tag in path.split("."))] = kind
    return types


def is_image(sop_class: str) -> bool:
    """Whether objects of a class must have pixels: their IOD includes the Image Pixel module."""
    return "image-pixel" in _table()["classes"].get(sop_class, ())
