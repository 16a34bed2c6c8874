"""Control characters become escapes; everything printable stays."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleura.core.text import joined, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CT\x1b[31mred", "CT\\x1b[31mred"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("abc\u202edef", "abc\\u202edef"),
        ("\x9b2J", "\\x9b2J"),
        ("\udce9", "\\udce9"),
        ("Müller 山田 × ≥", "Müller 山田 × ≥"),
    ],
)
def test_examples(text, shown):
    assert visible(text) == shown


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(text):
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in visible(text))
    visible(text).encode("utf-8")


def test_joined_messages_have_no_full_stop_before_a_semicolon():
    assert joined(["A is wrong. Export again.", "B is small", "C."]) == (
        "A is wrong. Export again; B is small; C."
    )
    assert joined([]) == ""
