"""One change of the code that would mislead a user."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """What goes wrong, the file below `src/pleura`, and the text to replace."""

    fault: str
    file: str
    before: str
    after: str
