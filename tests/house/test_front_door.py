"""The front door is light, and what it shows is what there is."""

import subprocess
import sys

import pleura

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
