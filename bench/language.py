"""Wording that this project replaced, counted: python bench/language.py [CHECKOUT] lists where it
is left.

Looked for in code, tests, docs, README and CHANGELOG. Each pattern stands for a kind of sentence or
a second name of a thing that has one already; the plain wording stands beside it.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]

WORDING = {
    r"(?<!there )\b(is|are|be|was) no (folder|file|number|CSV|CT|mask|map|volume)": "is not a",
    r"(?<!there )\b(is|are|be|was) no (case|cohort|DICOM|axial|bowel|lung\b|name)": "is not a",
    r"\bholds? no\b": "has no; contains no",
    r"\btells? no\b": "has no",
    r"\bmay not be (read|listed|opened|written)": "cannot be read; permission denied",
    r"\bgo(es)? on (where|without|from there|as|with)\b": "resumes; continues",
    r"\b(tell|tells|told) (\w+ ){0,3}apart\b": "separate; distinguish",
    r"\bwhat is (said|told|written) (of|is whole)": "name the thing",
    r"\bthe disk says\b": "disk error",
    r"\bwho is who\b": "re-identification map",
    r"\bthread that asks\b": "the calling thread",
    r"\ba bug of ours\b": "internal error",
    r"\bmade if need be\b": "created if it does not exist",
    r"\bgive yourself the right\b": "permission denied",
    r"\bran away\b": "diverged",
    r"\b(the )?stack leans\b": "gantry tilt",
    r"\blie at one (place|position)\b": "share a position",
    r"\bentwined\b": "interleaved",
    r"\bfetch (it|them|the \w+) again\b": "export again; re-export",
    r"\bmake it again\b": "regenerate; re-export",
    r"\bput right\b": "corrected",
    r"\bwhole journey\b": "full pipeline",
    r"\bsearch \S+ output for what should be gone\b": "check for remaining identifiers",
    r"\bTimes over all\b": "number of epochs",
    r"\bSlices a step\b": "batch size",
    r"\bends not included\b": "end-exclusive",
    r"\b0 takes one a core\b": "0 = one per core",
    r"\bthan anybody has\b": "implausible",
    r"\bnext to no\b": "almost no",
    r"\bbroken off\b": "interrupted",
    r"\bwhatever (it|they|the files) (is|are) called\b": "by content, not by name",
    r"\bsettled\(": "validated; corrected",
    r"\b(def|for|=) *_?told\b": "a noun of the field",
    r"\b_?(said|shown|held) = ": "a noun of the field",
}
"""Pattern (case ignored) to plain wording."""

NAMES = {
    r"\btable ?tops?\b|\btabletop": "couch",
    r"\b(patient|CT) (bed|table)s?\b": "couch",
    r"\bremarks?\b": "finding",
    r"\b(pit)?traps?\b": "check; hostile series; case",
    r"\bpitfalls?\b": "check; finding",
    r"\bjudgements?\b": "verdict; finding",
    r"\bpictures? in three planes\b": "three-plane view",
    r"\b(second|dropped) copies\b": "duplicate slices",
}
"""Second names of things that have one name."""

PLACES = ("src", "tests", "docs", "bench", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")
SUFFIXES = {".py", ".md", ".html", ".toml"}
SKIPPED = {
    "bench/language.py",
    "docs/deidentification-table.md",  # the Standard's names of attributes
    "src/pleura/audit/terms.py",  # words of structures, as planners write them
}


def main() -> None:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    found = occurrences(root)
    for path, line, text, plain in found:
        print(f"{path}:{line}: {text!r} -> {plain}")
    print(f"{len(found)} left")


def occurrences(root: Path) -> list[tuple[str, int, str, str]]:
    """File, line, the words found and the plain wording, for everything that is left."""
    patterns = [
        (re.compile(pattern, re.IGNORECASE), plain) for pattern, plain in (WORDING | NAMES).items()
    ]
    found = []
    for path in files(root):
        name = path.relative_to(root).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for pattern, plain in patterns:
                match = pattern.search(line)
                if match:
                    found.append((name, number, match[0], plain))
    return found


def files(root: Path) -> list[Path]:
    """Text files of the project in the order of their names."""
    listed = []
    for place in PLACES:
        path = root / place
        listed += sorted(path.rglob("*")) if path.is_dir() else [path]
    return [
        p
        for p in listed
        if p.suffix in SUFFIXES and p.is_file() and p.relative_to(root).as_posix() not in SKIPPED
    ]


if __name__ == "__main__":
    main()
