"""Which labels of structures stay: those made of anatomy, planning terms and small numbers alone (TG-263 and common organs)."""

import re

from pleura.deid.tables import words

WORDS = words("labels")
"""Words that name no person."""


def clean_label(label: str, fallback: str) -> str:
    """`label` where every word of it is in the vocabulary or a number under 1000, or a vertebra; else `fallback`."""
    found = re.findall(r"[^\W\d_]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label))
    known = all((word.isdigit() and len(word) < 4) or word.casefold() in WORDS for word in found)
    return label if found and known else fallback
