"""Table E.1-1 beside the one that dicom-anonymizer carries, which others typed from a later
edition of the Standard.
"""

import runpy
from pathlib import Path
from types import ModuleType

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2024b, dicomfields_2026c

from pleura.deid.tables import rows

ROOT = Path(__file__).parents[2]


def basic(edition: ModuleType) -> dict[int, str]:
    """Tag to action of the Basic Profile; tags with masks (curves, overlays) are left to rules
    by group.
    """
    found = {}
    for name in dir(edition):
        if name.endswith("_TAGS") and name != "ALL_TAGS":
            action = name.removesuffix("_TAGS").replace("_STAR", "").replace("_", "/")
            found |= {
                tag[0] << 16 | tag[1]: action for tag in getattr(edition, name) if len(tag) == 2
            }
    return found


def test_the_basic_profile_is_that_of_2026c():
    ours = {tag: row.action for tag, row in rows().items()}
    assert len(ours) == 652
    assert ours == basic(dicomfields_2026c)


def test_what_later_editions_added_is_listed_one_by_one():
    later = runpy.run_path(str(ROOT / "docs" / "make_deid_data.py"))["LATER"]
    added = {int(tag, 16): action for action, tags in later.items() for tag in tags.split()}
    assert added.items() <= basic(dicomfields_2026c).items()
    assert not added.keys() & basic(dicomfields_2024b).keys()
    assert {tag for tag, row in rows().items() if not row.options} >= added.keys()


def test_every_option_column_is_there():
    options = {option for row in rows().values() for option in row.options}
    assert options == {
        "descriptors", "structured", "graphics", "dates-keep", "dates-shift", "uids", "device",
        "patient", "institution",
    }  # fmt: skip
    assert {action for row in rows().values() for action in row.options.values()} == {"K", "C"}
