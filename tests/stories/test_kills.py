"""Killed at random moments, every verb ends with the bytes of an undisturbed run. The long form
is `bench/kills.py`.
"""

import random
import sys
from importlib import util
from pathlib import Path

import pytest

from pleura.labels.registry import write_mask
from pleura.phantom.dataset import write_dataset

SCRIPT = Path(__file__).parents[2] / "bench" / "kills.py"


@pytest.fixture(scope="module")
def kills():
    spec = util.spec_from_file_location("bench_kills", SCRIPT)
    module = util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "in"
    write_dataset(folder, cases=2, shape=(10, 40, 40), seed=6, label=write_mask)
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="a kill by signal")
@pytest.mark.parametrize(
    ("verb", "workers"), [("deidentify", 1), ("prepare", 2), ("segment", 2), ("evaluate", 1)]
)
def test_two_kills_and_the_same_bytes(kills, source, tmp_path, verb, workers):
    assert not kills.try_story(
        kills.Story(verb, workers, source), 2, tmp_path, random.Random(f"{verb} {workers}")
    )
