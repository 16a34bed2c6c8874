"""De-identification of the hostile corpus, ours and the peers': `python bench/deidentify_peers.py
[PYTHON_OF_PEERS]`.

The peers (`pip install dicognito dicom-anonymizer deid dcm-anonymizer`) run with the defaults of
their documentation, file by file, under names that tell nothing; one that is not installed is left
out. All are judged alike. Columns: files that came out of those that must; files with anything left
of anybody (the corpus's own judge: plain searches for what was planted); objects with broken
references; technical values and standard codes lost; MIDI-B's ten actions; files with errors of
dciodvfy that the source had not; files that `pleura verify` finds something in. The actions one by
one go to stderr.
"""

import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.remove(str(Path(__file__).parent))  # its hostile.py is another thing
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hostile.corpus import Truth, build
from hostile.judge import judge
from hostile.midi import iod_errors, score, shown

from pleura.audit.tree import verify_tree
from pleura.verbs.deidentify import deidentify

PEER = """
import logging, sys, warnings
from pathlib import Path
logging.disable(50); warnings.simplefilter("ignore")
import pydicom
pydicom.config.settings.reading_validation_mode = 0
pydicom.config.settings.writing_validation_mode = 0
which, source, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
if which == "dicognito":
    from dicognito.anonymizer import Anonymizer
    person = Anonymizer(seed="a project's seed")
elif which == "dicom-anonymizer":
    from dicomanonymizer import anonymize_dicom_file
elif which == "deid":
    from deid.dicom import replace_identifiers
files = [p for p in sorted(source.rglob("*")) if p.is_file() and p.read_bytes()[128:132] == b"DICM"]
for number, path in enumerate(files):
    goal = out / f"{number}.dcm"
    try:
        if which == "dicognito":
            dataset = pydicom.dcmread(path)
            person.anonymize(dataset)
            dataset.save_as(goal)
        elif which == "dicom-anonymizer":
            anonymize_dicom_file(str(path), str(goal))
        elif which == "deid":
            files = [str(path)]
            replace_identifiers(dicom_files=files, save=False, remove_private=True)[0].save_as(goal)
    except ImportError:
        raise
    except Exception:
        goal.unlink(missing_ok=True)
"""


def peer(which: str, python: str, source: Path, out: Path) -> bool:
    """Run a peer into `out`; whether it is there to be run."""
    out.mkdir()
    done = subprocess.run(
        [python, "-c", PEER, which, str(source), str(out)], capture_output=True, check=False
    )
    return done.returncode == 0


def dcm_anonymizer(python: str, source: Path, out: Path) -> bool:
    program = Path(python).with_name("dcm-anon")
    if not program.exists():
        return False
    subprocess.run(
        [
            program,
            str(source),
            str(out),
            "--continue-on-error",
            "--quiet",
            "--salt",
            "a project's salt",
        ],
        capture_output=True,
        check=False,
    )
    for log in out.glob("*.json"):  # its log is for its user, not for publishing
        log.unlink()
    return True


def row(name: str, truth: Truth, out: Path, dates: str) -> str:
    found = judge(truth, out, dates)
    total = score(truth, found)
    program = shutil.which("dciodvfy") or shutil.which(
        "dciodvfy", path=str(Path(sys.executable).parent)
    )
    errors = "-"
    if program:
        pairs = [
            (truth.made[k], path)
            for k, path in found.pairs.items()
            if "deflated" not in truth.made[k].what
        ]
        errors = str(
            sum(
                bool(iod_errors(path, program) - iod_errors(made.path, program))
                for made, path in pairs
            )
        )
    leaking = {line.split(": ")[0] for line in found.leaks}
    came = sum(truth.made[k].required for k in found.pairs)
    dirty = sum(bool(one.findings) for one in verify_tree(truth.folder, out).judged)
    cells = (
        name, f"{came} of {len(truth.required)}", len(leaking), len(found.references),
        len(found.values),
        f"{total.percent:.2f} %", errors, dirty,
    )  # fmt: skip
    for action, text in shown(total):
        print(f"{name}: {action}: {text}", file=sys.stderr)
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    python = sys.argv[1] if len(sys.argv) > 1 else sys.executable
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        truth = build(place / "in")
        print(
            "| | came out | files with a leak | broken references | values lost | MIDI-B | new "
            "IOD errors | found by verify |"
        )
        print("|---|---|---|---|---|---|---|---|")
        for dates, after in (("remove", "removed"), ("shift", "shifted")):
            out = place / dates
            deidentify(truth.folder, out, dates=dates, workers=1)  # type: ignore[arg-type]
            print(row(f"pleura, dates {after}", truth, out, after), flush=True)
        for which in ("dicom-anonymizer", "dicognito", "deid"):
            if peer(which, python, truth.folder, place / which):
                print(row(which, truth, place / which, "removed"), flush=True)
        if dcm_anonymizer(python, truth.folder, place / "dcm-anonymizer"):
            print(row("dcm-anonymizer", truth, place / "dcm-anonymizer", "removed"), flush=True)


if __name__ == "__main__":
    main()
