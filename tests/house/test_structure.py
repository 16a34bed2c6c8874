"""Structure that is kept: bench/house.py counts, and these counts stay zero."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ZERO = (
    "import cycles",
    "finding codes written outside core.codes",
    "numeric constants outside thresholds and landmarks",
    "nested conditional expressions",
)


@pytest.fixture(scope="module")
def figures():
    return runpy.run_path(str(ROOT / "bench" / "house.py"))["figures"](ROOT / "src" / "pleura")


@pytest.mark.parametrize("name", ZERO)
def test_is_zero(figures, name):
    assert figures[name] == 0
