"""Every verb on the canaries of `canaries.py`, in success and in failure: what it prints and what
it writes are searched for them.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from pleura.core.atomic import BOOKKEEPING
from testing.canaries import material, one_slice_attributes
from testing.injected_faults import in_child, in_silence, run_words
from testing.networks import write_run
from testing.tiny_study import TINY_STUDY

PRIVATE = ("out.map.json", "out.key", "out.names.json")
"""Files beside OUT that docs/security.md documents as private, for their owner only."""
IMPORTED = (
    *("pleura.publishing.batch", "pleura.preparing.recipe", "pleura.segmenting.recipe"),
    *("pleura.segmenting.measuring", "pleura.scoring.batch", "pleura.page.planes", "scipy.ndimage"),
    *("pleura.segmenters.onnx", "matplotlib.figure", "matplotlib.backends.backend_agg"),
)
MADE = ("clean", "cohort", "scores", "model")
PLAN = "jobs"
"""What tasks of a job array read: paths of IN stand in it (docs/formats.md)."""


@dataclass(frozen=True)
class Story:
    """A command on the canaries; `{}` stands for their folder and `{out}` for OUT.

    Attributes:
        only_files: `--paths` was given: names are shown, and never written.
        carries: parts of places whose canaries are in OUT on purpose.
        exits: the exit codes that are right.
        like: another story whose OUT this one reads.
    """

    name: str
    words: tuple[str, ...]
    only_files: bool = False
    carries: tuple[str, ...] = ()
    exits: tuple[int, ...] = (0, 1)
    like: str = ""


ONE = ("--workers", "1")
CLASSICAL = (*ONE, "--model", "classical")
QUICK = ("--epochs", "1", "--size", "32", "--loss", "bce")
GOOD, MASKS, OUT = "{}/good/ct", "{}/good/masks", "{out}"
SHOWN_UIDS = ("chest: Study Instance UID", "chest: Series Instance UID")
WHOLE_HEADER = ("chest", "other attribute")
"""SEG and RTSTRUCT have the patient and the study of their CT: that is what they are for."""
KEPT = ("other attribute",)
"""What the Basic Profile keeps: attributes that are not in its table."""


def stories() -> Iterator[Story]:
    """Success, then failure, then what goes on from them."""
    yield Story("scan", ("scan", GOOD))
    yield Story("scan --json", ("scan", GOOD, "--json"), carries=SHOWN_UIDS)
    yield Story("deidentify", ("deidentify", GOOD, OUT, *ONE), carries=KEPT)
    verify = ("verify", GOOD, "{}/clean", "--json", "--certificate", OUT)
    yield Story("verify", verify, exits=(0,))
    yield Story("verify of the input itself", ("verify", GOOD, GOOD, "--certificate", OUT))
    yield Story("prepare", ("prepare", GOOD, OUT, "--masks", MASKS, *ONE, "--export", "nifti"))
    yield Story("couch", ("couch", GOOD, OUT, *ONE))
    yield Story("segment", ("segment", GOOD, OUT, *ONE))
    yield Story("segment by thresholds", ("segment", GOOD, OUT, *CLASSICAL, "--export-ct"))
    for form in ("seg", "rtstruct"):
        words = ("segment", GOOD, OUT, *CLASSICAL, "--format", form)
        yield Story(f"segment to {form}", words, carries=WHOLE_HEADER)
    yield Story("measure", ("measure", GOOD, "{}/good/own", OUT, *ONE))
    for form in ("nrrd", "mha", "seg", "rtstruct"):
        labels = f"{{}}/good/labels/{form}"
        yield Story(f"measure {form}", ("measure", GOOD, labels, OUT, *ONE))
        yield Story(f"evaluate {form}", ("evaluate", labels, labels, OUT, "--grid", GOOD, *ONE))
    yield Story("prepare with rtstruct", ("prepare", GOOD, OUT, "--masks", labels, *ONE))
    yield Story("evaluate", ("evaluate", MASKS, MASKS, OUT, *ONE))
    yield Story("report", ("report", "{}/scores", "--out", OUT))
    yield Story("train", ("train", "{}/cohort", OUT, *QUICK))
    yield Story("run", ("run", "{}/good", OUT, *ONE, *QUICK, "--masks", MASKS), carries=KEPT)
    yield Story("study", ("study", "{}/design.toml", OUT, "--data", "{}/cohort"))
    yield Story("status", ("status", "{}/cohort"))
    yield Story("doctor", ("doctor", "--model", "{}/model"))
    yield Story("load", ("load", GOOD))
    yield Story("phantom", ("phantom", OUT, "--cases", "1", "--size", "32", "--slices", "8"))
    yield from _failures()
    yield from _image_files()
    yield from _usage()


def _failures() -> Iterator[Story]:
    bad = "{}/bad"
    yield Story("scan of broken input", ("scan", bad))
    yield Story("scan --json of broken input", ("scan", bad, "--json"), carries=SHOWN_UIDS)
    yield Story("scan --headers of broken input", ("scan", bad, "--headers", "--gaps", "split"))
    yield Story("scan --paths", ("scan", bad, "--paths"), only_files=True)
    deidentify = ("deidentify", bad, OUT, *ONE)
    kept = (*KEPT, *KEPT_OF_BROKEN)
    yield Story("deidentify of broken input", deidentify, carries=kept)
    yield Story("deidentify --plan", (*deidentify, "--plan"))
    yield Story("deidentify --paths", (*deidentify, "--paths"), only_files=True, carries=kept)
    yield Story("verify of broken output", ("verify", GOOD, bad, "--certificate", OUT))
    prepare = ("prepare", bad, OUT, "--masks", "{}/badmasks", *ONE)
    yield Story("prepare of broken input", prepare)
    yield Story("prepare --paths", (*prepare, "--paths"), only_files=True)
    yield Story("prepare --gaps split", (*prepare, "--gaps", "split", "--json", "--debug"))
    yield Story("couch of broken input", ("couch", bad, OUT, *ONE))
    segment = ("segment", bad, OUT, *CLASSICAL)
    yield Story("segment of broken input", segment)
    yield Story("segment --paths", (*segment, "--paths"), only_files=True)
    yield Story("segment in two workers", ("segment", bad, OUT, "--workers", "2", "--debug"))
    yield Story("segment --plan", (*segment, "--plan", "--tasks", "2"))
    yield Story("status of a plan", ("status", OUT), like="segment --plan")
    yield Story("measure of broken masks", ("measure", bad, "{}/badmasks", OUT, *ONE))
    yield Story("evaluate of broken masks", ("evaluate", "{}/badmasks", MASKS, OUT, *ONE))
    yield Story("load of broken input", ("load", bad))
    words = ("run", bad, OUT, *ONE, *QUICK, "--masks", "{}/badmasks")
    yield Story("run of broken input", words, carries=kept)


KEPT_OF_BROKEN = (
    *("value of DataCollectionDiameter", "value of SoftwareVersions", "value of RescaleType"),
    *("value of ReconstructionDiameter", "value of TableHeight", "value of ExposureTime"),
    *("value of XRayTubeCurrent", "value of WindowCenter", "value of WindowWidth"),
)
"""Attributes that are not in the table of the Basic Profile."""


def _image_files() -> Iterator[Story]:
    images = "{}/images"
    yield Story("segment of image files", ("segment", images, OUT, *CLASSICAL))
    yield Story("prepare of image files", ("prepare", images, OUT, *ONE))
    yield Story("load of image files", ("load", images))
    yield Story("couch of image files", ("couch", images, OUT, *ONE), exits=(0, 1, 3))
    yield Story("scan of image files", ("scan", images), exits=(0, 1, 3))


def _usage() -> Iterator[Story]:
    """Foreign input where a verb needs something of its own."""
    bad, text = "{}/foreign", "{}/foreign/cohort.json"
    wrong: Sequence[tuple[str, ...]] = (
        *(("train", bad, OUT, *QUICK), ("report", bad, "--out", OUT), ("status", bad)),
        *(("study", text, OUT, "--data", bad), ("doctor", "--model", bad)),
        *(
            ("segment", bad, OUT, "--model", bad),
            ("verify", bad, bad, "--key", text),
        ),
        (
            "evaluate",
            MASKS,
            MASKS,
            OUT,
            "--mapping",
            "auto",
            "--patients",
            text,
        ),
    )
    for words in wrong:
        yield Story(f"{words[0]} of foreign input", (*words, "--debug"), exits=(1, 2, 3))


@dataclass(frozen=True)
class Seen:
    """A story's exit code, and the places of the canaries that leaked, each with where."""

    story: Story
    exit_code: int
    canaries: int
    leaks: dict[str, str]


class Trial:
    """The material, and what other verbs make of it for later ones."""

    def __init__(self, folder: Path, keywords: list[str]) -> None:
        self.folder = folder
        for name in IMPORTED:  # once here instead of in each child
            import_module(name)
        self.told = material(folder, keywords)
        (folder / "design.toml").write_text(TINY_STUDY, encoding="utf-8")
        shutil.copytree(folder / "bad" / "ct", folder / "foreign" / "ct")
        for name in ("cohort", "run", "scores", "jobs", "model"):
            word = self.told.word(f"value in a foreign {name}.json")
            (folder / "foreign" / f"{name}.json").write_text(f'{{"format": "{word}"}}')

    def _make(self, name: str) -> None:
        """What other verbs make of the material, where a story needs it."""
        place = self.folder / name
        masks, chests = (str(self.folder / "good" / part) for part in ("masks", "ct"))
        words = {
            "clean": ["deidentify", chests, str(place), *ONE, "--quiet"],
            "cohort": ["prepare", chests, str(place), "--masks", masks, *ONE, "--quiet"],
            "scores": ["evaluate", masks, masks, str(place), *ONE, "--quiet"],
        }
        if place.exists():
            return
        if name == "model":
            write_run(place, size=32)
        else:
            in_silence(partial(run_words, words[name]))

    def see(self, story: Story) -> Seen:
        """Run a story and search what came of it."""
        place = self.folder / "stories" / (story.like or story.name)
        if not story.like:
            shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True, exist_ok=True)
        out = place / "out"
        for made in MADE:
            if f"{{}}/{made}" in story.words:
                self._make(made)
        words = [word.replace("{out}", str(out)).format(self.folder) for word in story.words]
        printed = [self.folder / name for name in ("stdout", "stderr")]
        code = in_child(partial(run_words, words), *printed, 300.0)
        files = {} if story.only_files else {path.name: path for path in printed}
        files |= {path.relative_to(place).as_posix(): path for path in _written(place)}
        leaks = {}
        for name, path in files.items():
            for found in self._in(path, name):
                if not found.startswith(story.carries or ("-",)):
                    leaks.setdefault(found, name)
        return Seen(story, code, len(self.told.places), leaks)

    def _in(self, path: Path, name: str) -> set[str]:
        """The canaries in a file and in its name."""
        return self.told.found(path.read_bytes()) | self.told.found(name.encode())


def _written(place: Path) -> Iterator[Path]:
    for path in sorted(place.rglob("*")):
        private = path.name in PRIVATE or (BOOKKEEPING in path.parts and PLAN in path.parts)
        if path.is_file() and not private:
            yield path


def all_seen(folder: Path, names: str = "") -> Iterator[Seen]:
    """Every story in turn, or those whose names the regular expression `names` finds."""
    trial = Trial(folder, one_slice_attributes())
    for story in stories():
        if re.search(names, story.name):
            yield trial.see(story)


__all__ = ["Seen", "Story", "Trial", "all_seen", "stories"]
