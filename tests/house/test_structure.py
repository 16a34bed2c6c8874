"""Structure that is kept: bench/house.py counts, and these counts stay zero."""

import runpy
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ZERO = (
    "import cycles",
    "finding codes written outside core.codes",
    "numeric constants outside thresholds and landmarks",
    "nested conditional expressions",
    "functions over 60 lines",
    "lines over 100 characters",
    "modules over 400 lines",
)
MOST = {"conditional expressions per 1,000 lines": 14}


@pytest.fixture(scope="module")
def figures():
    return runpy.run_path(str(ROOT / "bench" / "house.py"))["figures"](ROOT / "src" / "pleura")


@pytest.mark.parametrize("name", ZERO)
def test_is_zero(figures, name):
    assert figures[name] == 0


@pytest.mark.parametrize("name", MOST)
def test_is_not_exceeded(figures, name):
    assert figures[name] <= MOST[name]


def test_no_two_test_modules_have_one_name():
    """pytest imports a module by its name, so the second one of a name ends the whole suite."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
