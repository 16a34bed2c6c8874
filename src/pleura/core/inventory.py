"""What pleura is made of: every distribution that it needs, with version and licence."""

import re
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, metadata, requires, version

NAME = re.compile(r"[A-Za-z0-9._-]+")


@lru_cache
def components(root: str = "pleura") -> tuple[tuple[str, str, str], ...]:
    """Name, version and licence of `root` and of all that it needs without extras, sorted by name.

    What a marker leaves out on this system is not installed, and so not listed.
    """
    found = {}
    waiting = [root]
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        found[name] = version_and_licence(name)
        waiting += _needs(name)
    return tuple((name, *facts) for name, facts in sorted(found.items()) if facts[0])


def _needs(name: str) -> list[str]:
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return []
    without_extras = (line.partition(";") for line in lines)
    names = [NAME.match(needed) for needed, _, marker in without_extras if "extra" not in marker]
    return [match.group() for match in names if match is not None]


def version_and_licence(name: str) -> tuple[str, str]:
    """Version and licence of a library as its distribution states them; empty if not installed."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return "", ""
    classifiers = [
        one.split(" :: ")[-1]
        for one in about.get_all("Classifier") or []
        if one.startswith("License ::")
    ]
    expressions, texts = (
        about.get_all(field) or [""] for field in ("License-Expression", "License")
    )
    return version(name), expressions[0] or ", ".join(classifiers) or texts[0].strip().split("\n")[
        0
    ] or "no licence stated"
