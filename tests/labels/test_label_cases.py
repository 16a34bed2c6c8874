"""Hostile structure sets and segmentations (cases 23 to 25): the true mask by prepare and
evaluate, or the refusal by name.
"""

import pytest
from testing.label_cases import LABEL_CASES
from testing.label_verdicts import judged_labels


@pytest.mark.parametrize("case", LABEL_CASES, ids=lambda case: f"{case.number} {case.name}")
def test_the_true_mask_or_the_documented_refusal(case):
    fair, words = judged_labels(case)
    assert fair, words
