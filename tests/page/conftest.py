"""Tests of pages look at rendered figures."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def rendered(figures_rendered):
    """All figures of this folder."""
