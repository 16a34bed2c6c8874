"""De-identify a corpus of names in 20 scripts and spellings in every mode: `python bench/names.py`.

python bench/names.py 3          every third person only
python bench/names.py hostile    the hostile corpus instead

Each mode is judged by the corpus's own truth (a plain search for what was planted), by a stranger's
search that compares letters after a transliteration of its own (`pip install anyascii`; left out
and said where it is not here), by `verify`, and by MIDI-B's ten actions.
"""

import re
import sys
import tempfile
import time
import unicodedata
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hostile import corpus, spelt
from hostile.corpus import Truth
from hostile.judge import judge
from hostile.midi import Score, score
from pydicom import config, dcmread

from pleura.deid.choices import RETAINABLE
from pleura.verbs.deidentify import deidentify
from pleura.verbs.verify import verify

try:
    from anyascii import anyascii
except ImportError:
    anyascii = None

MODES = [
    (dates, retain)
    for dates in ("remove", "shift", "keep")
    for retain in ((), ("descriptors",), RETAINABLE)
]
AFTER = {"remove": "removed", "shift": "shifted", "keep": "kept"}
KEPT = {
    "device": ("StationName",),
    "institution": ("InstitutionName", "InstitutionAddress"),
}
"""Attributes whose text a mode keeps, so that MIDI-B's removal of it is not asked for."""
SHORTEST = 5  # letters of a name that the stranger looks for


def folded(text: str) -> str:
    """Letters and digits alone, transliterated to ASCII."""
    letters = unicodedata.normalize("NFKC", text)
    return re.sub("[^a-z0-9]", "", (anyascii(letters) if anyascii else letters).lower())


def strangers(truth: Truth, out: Path) -> list[str]:
    """Names of the corpus in the decoded text of the output, in the stranger's letters."""
    wanted = set()
    for person in truth.people:
        wanted |= {folded(part) for part in person.identity.name.split("^")}
    wanted = {word for word in wanted if len(word) >= SHORTEST}
    found = []
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        for path in sorted(out.rglob("*.dcm")):
            for element in dcmread(path).iterall():
                if element.VR != "SQ" and not isinstance(element.value, bytes):
                    text = folded(f"{element.value}")
                    found += [f"{path.name} {element.tag}" for word in wanted if word in text]
    return found


def shares(total: Score, dates: str, retain: tuple[str, ...]) -> tuple[int, int]:
    """Right and required actions, without those that the mode does not ask for."""
    unasked = {"date_shifted"} if dates == "keep" else set()
    unasked |= {"uid_changed"} if "uids" in retain else set()
    total.wrong = [line for line in total.wrong if line.split(":")[0] not in unasked]
    asked = [action for action in total.required if action not in unasked]
    kept = tuple(name for option in retain for name in KEPT.get(option, ()))
    stays = [
        line for line in total.wrong if line.startswith("text_removed") and line.endswith(kept)
    ]
    total.wrong = [line for line in total.wrong if line not in stays]
    required = sum(total.required[a] for a in asked)
    return sum(total.right[a] for a in asked), required - len(stays)


def _asked_for(leak: str, truth: Truth, retain: tuple[str, ...]) -> bool:
    """Whether a find is a UID, institution or station that the mode keeps."""
    if "uids" in retain and ": UID " in leak:
        return True
    kept = set()
    for person in truth.people:
        one = person.identity
        kept |= {one.institution, one.address} if "institution" in retain else set()
        kept |= {one.station} if "device" in retain else set()
    return any(f": {value} (" in leak for value in kept)


def main() -> None:
    choice = sys.argv[1] if len(sys.argv) > 1 else "1"
    print("| dates | retain | came out | leaks | stranger | verify | MIDI-B | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "in")
        old = choice == "hostile"
        truth = corpus.build(place) if old else spelt.build(place, int(choice))
        for number, (dates, retain) in enumerate(MODES):
            out = Path(folder, f"out{number}")
            begun = time.process_time()
            done = deidentify(truth.folder, out, dates=dates, retain=retain, workers=1)
            taken = time.process_time() - begun
            found = judge(truth, out, AFTER[dates])
            leaks = [leak for leak in found.leaks if not _asked_for(leak, truth, retain)]
            counts = verify(truth.folder, out, key=Path(f"{out}.key")).report.counts()
            other = strangers(truth, out) if anyascii else "not installed"
            total = score(truth, found)
            right, required = shares(total, dates, retain)
            print(
                f"| {dates} | {' '.join(retain) or '-'} | {len(found.pairs)} of "
                f"{len(truth.required)} | {len(leaks)} | {other if not anyascii else len(other)} | "
                f"{sum(counts.values())} | {right} of {required} | {taken:.1f} |"
            )
            refused = [note for note in done.notes() if " refused: " in note]
            for line in (
                *refused,
                *leaks[:20],
                *list(other)[:20],
                *total.wrong[:20],
                *counts.items(),
            ):
                print("   ", line, file=sys.stderr)


if __name__ == "__main__":
    main()
