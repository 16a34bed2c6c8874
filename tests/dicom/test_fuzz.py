"""A few hundred hostile files, quickly; `bench/fuzz.py` runs 20,000."""

import random
from collections import Counter

from testing.mutants import mutant, seeds, tried


def test_hostile_files_are_refused_with_a_reason(tmp_path):
    good, told = seeds(), Counter()
    for number in range(200):
        tried(tmp_path, *mutant(good, random.Random(f"quick {number}")), told)
    assert {
        "UNREADABLE-FILES",
        "NO-PIXELS",
        "ARCHIVE-REFUSED",
        "volumes read",
        "refused when read",
    } <= set(told), told
