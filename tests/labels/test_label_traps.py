"""Hostile structure sets and segmentations (traps 23 to 25): the true mask by prepare and evaluate, or the refusal by name."""

import pytest
from label_verdicts import judged_labels

from pleura.phantom.label_traps import LABEL_TRAPS


@pytest.mark.parametrize("trap", LABEL_TRAPS, ids=lambda trap: f"{trap.pitfall} {trap.name}")
def test_the_true_mask_or_the_documented_refusal(trap):
    fair, words = judged_labels(trap)
    assert fair, words
