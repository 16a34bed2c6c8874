"""Which names of cases may stand in results: neutral ones, because others can name a patient."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pleura.core.atomic import dump_json, read_json
from pleura.core.errors import UsageError
from pleura.deid.key_and_map import write_secret

FORMAT = "pleura-names/1"
NEUTRAL_WORDS = """
case deid pair patient subject sub scan ct lung lungs img image vol volume test train val
validation set fold series study chest thorax phantom seg mask ref pred left right lctsc lidc idri
nsclc radiomics luna rider nlst copd copdgene covid coronacases radiopaedia mosmed amos btcv msd
dlung totalsegmentator site institution hidden
"""
"""Words of collections and of numbering, which do not name a person."""
WORDS = frozenset(NEUTRAL_WORDS.split())
MOST_DIGITS = 6


def is_neutral(name: str) -> bool:
    """Whether a name is only numbering (`Case_012`, `LCTSC-Train-S1-001`): words, few digits."""
    if re.fullmatch(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*", name) is None:
        return False
    tokens = re.split(r"[-_.]", name.lower())
    digits = sum(char.isdigit() for char in name)
    letters = [token for token in tokens if len(token) == 1 and token.isalpha()]
    return digits <= MOST_DIGITS and len(letters) <= 1 and all(map(_is_numbering, tokens))


def _is_numbering(token: str) -> bool:
    """A number with or without a known word (`lung1`) or a letter (`c3n`); or a word alone."""
    if len(token) == 1 or re.sub(r"\d", "", token) in WORDS:
        return True
    return re.fullmatch(r"[a-z]?\d+[a-z]?", token) is not None


def sidecar(out: Path) -> Path:
    """Where the hidden names of an evaluation are: beside OUT, for its owner only."""
    resolved = out.resolve()
    return resolved.with_name(f"{resolved.name}.names.json")


def neutral_names(names: Iterable[str], out: Path, *, kind: str = "hidden") -> dict[str, str]:
    """Case name to the name that stands in results: unchanged where it is neutral, else
    `hidden_001` and so on.

    The numbers are kept in `sidecar(out)`, so that the next run gives the same ones.

    Raises:
        UsageError: the sidecar file is not one that pleura wrote.
        OutputFailed: it cannot be written.
    """
    path = sidecar(out)
    known = _read(path)
    displayed = {}
    added = False
    for name in sorted(set(names)):
        if is_neutral(name):
            displayed[name] = name
            continue
        alias = next(
            (
                alias
                for alias, held in known.items()
                if held == name and alias.startswith(f"{kind}_")
            ),
            None,
        )
        if alias is None:
            number = sum(1 for held in known if held.startswith(f"{kind}_")) + 1
            alias = f"{kind}_{number:03d}"
            known[alias] = name
            added = True
        displayed[name] = alias
    if added:
        write_secret(path, dump_json({"format": FORMAT, "names": known}))
    return displayed


def _read(path: Path) -> dict[str, str]:
    try:
        record: Mapping[str, Mapping[str, str]] = read_json(path)
        if record["format"] != FORMAT:
            raise ValueError
        return {str(alias): str(name) for alias, name in record["names"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(
            "the file of hidden names beside OUT is not one of pleura; move it away"
        ) from None
