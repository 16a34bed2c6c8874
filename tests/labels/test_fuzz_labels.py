"""A few hostile masks, models and records of each format; more by `bench/fuzz_labels.py`."""

import random

import pytest
from testing.label_mutants import FORMATS, checks, tried


def test_the_good_files_can_be_read():
    checks()


KEPT = ("7 volume 191", "7 volume 263", "s2 tar in gzip 4", "s2 tar in gzip 8")
"""Seeds of mutants that once ended with an internal error, or were read with other voxels."""


@pytest.mark.parametrize("seed", KEPT)
def test_mutants_that_once_failed(seed, tmp_path):
    name = seed.partition(" ")[2].rpartition(" ")[0]
    assert tried(FORMATS[name], random.Random(seed), tmp_path / "x")


@pytest.mark.parametrize("name", list(FORMATS))
def test_mutants_are_read_or_refused(name, tmp_path):
    ends = {
        tried(FORMATS[name], random.Random(f"ci {name} {k}"), tmp_path / "x") for k in range(40)
    }
    # a checksum covers all of them
    assert "read" in ends or name in ("network", "slice in gzip", "key")
    # broken books are answered with None, and every changed network is refused
    assert len(ends) > 1 or name in ("run", "item", "plan", "network", "slice in gzip", "key")
