"""Numbers of figures: by section of the page; or the student report's, and letters for ours."""

from collections import Counter
from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase

from pleura.page.drawing import Drawing


def by_section(plan: Sequence[Drawing]) -> list[tuple[str, Drawing]]:
    """Figures in the order of the page, as 1.1, 1.2, 2.1."""
    counts: Counter[str] = Counter()
    numbered = []
    for drawing in in_order(plan):
        counts[drawing.section] += 1
        numbered.append((f"{drawing.section}.{counts[drawing.section]}", drawing))
    return numbered


def by_report(plan: Sequence[Drawing]) -> list[tuple[str, Drawing]]:
    """Figures in the order of the page: 2.6 where the report has that figure, 2.6a, 2.6b where we
    have several of it, and A, B for those that the report does not have.
    """
    ordered = in_order(plan)
    several = {number for number, n in Counter(one.number for one in ordered).items() if n > 1}
    counts: Counter[str] = Counter()
    numbered = []
    for drawing in ordered:
        number, place = drawing.number, counts[drawing.number]
        counts[number] += 1
        if not number:
            number = _letters(place, ascii_uppercase)
        elif number in several:
            number += _letters(place, ascii_lowercase)
        numbered.append((number, drawing))
    return numbered


def in_order(plan: Sequence[Drawing]) -> list[Drawing]:
    """By section."""
    return sorted(plan, key=lambda drawing: drawing.section)


def _letters(place: int, alphabet: str) -> str:
    """a to z, then aa, ab: the columns of a spreadsheet."""
    text = ""
    place += 1
    while place:
        place, last = divmod(place - 1, len(alphabet))
        text = alphabet[last] + text
    return text
