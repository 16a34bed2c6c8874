"""Every fault that a field trial found in version 0.1.0, tried again: its input, what happened
then, and what happens now.

docs/make_field_cases.py writes docs/field-cases.md from these; a test keeps the page equal to what
is seen.
"""

from testing.field_cases import (
    evaluation,
    identity,
    labels_in,
    labels_out,
    reading,
    siblings,
    siblings_identity,
    siblings_labels,
    siblings_reading,
    siblings_scores,
)
from testing.field_cases.case import FieldCase

FIELD_CASES: tuple[FieldCase, ...] = (
    *reading.CASES,
    *labels_in.CASES,
    *labels_out.CASES,
    *identity.CASES,
    *evaluation.CASES,
    *siblings.CASES,
    *siblings_reading.CASES,
    *siblings_labels.CASES,
    *siblings_identity.CASES,
    *siblings_scores.CASES,
)
"""In the order of the page."""

__all__ = ["FIELD_CASES", "FieldCase"]
