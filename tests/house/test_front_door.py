"""The front door is light, and what it shows is what there is."""

import re
import subprocess
import sys
from pathlib import Path

import pleura

ROOT = Path(__file__).parents[2]

HEAVY = ["torch", "pydicom", "scipy", "matplotlib", "nibabel", "onnxruntime", "numpy", "highdicom"]


def test_import_loads_nothing_heavy():
    code = f"import sys, pleura; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )


def test_public_names_exist_and_are_sorted():
    assert list(pleura.__all__) == sorted(pleura.__all__)
    for name in pleura.__all__:
        assert getattr(pleura, name) is not None


def test_a_release_has_one_version_and_date():
    heading = re.search(r"^## (\S+), (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    citation = (ROOT / "CITATION.cff").read_text()
    assert heading[1] == pleura.__version__
    assert f"version: {heading[1]}\n" in citation
    assert f'date-released: "{heading[2]}"' in citation
