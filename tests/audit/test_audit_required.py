"""`required.json` is what the installed highdicom's module tables say. Run as a script, this
file writes it anew.
"""

import json
from importlib import resources
from pathlib import Path

from pydicom.datadict import tag_for_keyword

from pleura.audit.required import required

IODS = (
    "ct-image", "enhanced-ct-image", "legacy-converted-enhanced-ct-image", "rt-structure-set",
    "rt-plan", "rt-dose",
    "segmentation", "grayscale-softcopy-presentation-state", "key-object-selection-document",
    "basic-text-sr",
    "enhanced-sr", "comprehensive-sr", "comprehensive-3d-sr", "secondary-capture-image",
    "encapsulated-pdf",
    "spatial-registration", "mr-image", "positron-emission-tomography-image",
)  # fmt: skip


def made_anew():
    folder = resources.files("highdicom._standard")
    classes, iods, modules = (
        json.loads((folder / f"{name}_map.json").read_text())
        for name in ("sop_class_iod", "iod_module", "module_attribute")
    )
    used = {iod: sorted({m["key"] for m in iods[iod] if m["usage"] in ("M", "C")}) for iod in IODS}
    table = {}
    for module in sorted({m for ms in used.values() for m in ms}):
        table[module] = {}
        for a in modules[module]:
            tags = [tag_for_keyword(word) for word in (*a["path"], a["keyword"])]
            if a["type"] in ("1", "2") and None not in tags:
                table[module][".".join(f"{tag:08x}" for tag in tags)] = int(a["type"])
    return {
        "source": "PS3.3 module tables as in highdicom (MIT)",
        "classes": {uid: used[iod] for uid, iod in sorted(classes.items()) if iod in used},
        "modules": table,
    }


def test_the_table_is_highdicoms():
    present = json.loads((resources.files("pleura.audit") / "required.json").read_text())
    assert present == made_anew()


def test_a_few_rows_by_hand():
    ct = required("1.2.840.10008.5.1.4.1.1.2")
    assert ct[(0x00100010,)] == 2
    assert ct[(0x00080018,)] == 1
    assert (0x00081030,) not in ct
    assert required("1.2.840.10008.5.1.4.1.1.481.3")[(0x30060020, 0x30060022)] == 1
    assert required("1.2.3") == {}


if __name__ == "__main__":
    goal = Path(__file__).parents[2] / "src" / "pleura" / "audit" / "required.json"
    goal.write_text(
        json.dumps(made_anew(), separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8"
    )
