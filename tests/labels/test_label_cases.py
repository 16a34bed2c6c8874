"""Hostile structure sets and segmentations (traps 23 to 25): the true mask by prepare and evaluate, or the refusal by name."""

import pytest
from testing.label_cases import LABEL_TRAPS
from testing.label_verdicts import judged_labels


@pytest.mark.parametrize("trap", LABEL_TRAPS, ids=lambda trap: f"{trap.pitfall} {trap.name}")
def test_the_true_mask_or_the_documented_refusal(trap):
    fair, words = judged_labels(trap)
    assert fair, words
