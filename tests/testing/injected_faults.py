"""Inject one fault into a verb at the level of the C library, run it again without, compare.

    python -m testing.injected_faults FOLDER SPECS    (a JSON list; in `environment(folder)`)

`injected_faults.c` makes the n-th call of a kind (open, read, write, fsync, rename, mkdir, unlink,
listing of a folder) on paths below the test's folder fail once. Each trial runs in a child forked
from a process that has imported everything, so a trial costs little more than the verb itself.

The rule: nothing but exit codes 0 to 3 and no traceback; after exit 0 the results are those of an
undisturbed run; after any other exit the same command once more gives them.
"""

import ctypes
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

CALLS = ("open", "read", "write", "fsync", "rename", "mkdir", "unlink", "list", "map")
"""Kinds of calls, in the order of the C source."""

ASKED = CALLS[:5]
ERRORS = ("EIO", "ENOSPC", "EACCES", "EINTR")
KILL = "KILL"
"""Stands for an error: the process is killed before the call."""
CUT = "CUT"
"""Stands for an error of `map`: the file is cut to half of its length behind the mapping."""
SECONDS = 120.0
"""[seconds of processor time] A trial that takes longer hangs."""
WAITS = 20
"""So many times longer may it take on a busy machine, where it does nothing."""

SOURCE = Path(__file__).with_suffix(".c")
LIBRARY = "faults.so"
KEY = "5" * 64 + "\n"
TINY = (14, 40, 40)
QUICK = ("--epochs", "2", "--size", "32", "--loss", "bce")
"""Options of a training that takes less than a second."""
DESIGN = """
name = "tiny"
size = 16
steps = 2
folds = 2
endpoints = ["dice", "hallucinated_ml"]
[[factor]]
name = "alpha"
levels = [0.5, 1.0]
"""
PICTURE = (2, 2)
"""[pixels]"""


def can_run() -> bool:
    """Whether this machine can compile and preload the library."""
    return sys.platform == "linux" and shutil.which("cc") is not None


def environment(folder: Path) -> dict[str, str]:
    """Compile the library into `folder`; the environment of a process whose calls it sees."""
    library = folder / LIBRARY
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    own = {"LD_PRELOAD": str(library), "SOURCE_DATE_EPOCH": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    source = str(Path(__file__).parents[1])
    path = os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])
    return dict(os.environ) | threads | own | {"PYTHONPATH": path}


@dataclass(frozen=True)
class Fault:
    """The n-th call of a kind fails with an error; `number` 0 injects nothing."""

    call: str = "open"
    error: str = "EIO"
    number: int = 0


@dataclass
class Outcome:
    """What became of a trial. `problems` is empty where the rule holds."""

    verb: str
    fault: Fault
    first_exit: int
    fired: bool
    problems: list[str] = field(default_factory=list)
    says: str = ""


class Library:
    """The loaded library, by ctypes."""

    def __init__(self) -> None:
        self.loaded = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self.loaded.faults_count.restype = ctypes.c_long

    def arm(self, below: Path, fault: Fault) -> None:
        code = _number(fault.error)
        number = ctypes.c_long(fault.number or -1)
        self.loaded.faults_arm(str(below).encode(), CALLS.index(fault.call), number, code)

    def disarm(self) -> None:
        self.loaded.faults_disarm()

    def counts(self) -> dict[str, int]:
        return {call: self.loaded.faults_count(at) for at, call in enumerate(CALLS)}

    def fired(self) -> bool:
        return bool(self.loaded.faults_fired())


def _number(error: str) -> int:
    return 0 if error in (KILL, CUT) else int(getattr(errno, error))


def arm_workers(below: Path, mark: Path, fault: Fault) -> None:
    """Make the next workers of this process fail: the first one that gets to the call."""
    numbers = (CALLS.index(fault.call), fault.number or -1, _number(fault.error))
    os.environ["FAULTS_WORKERS"] = "|".join(map(str, (below, mark, *numbers)))


def load_all(source: Path) -> int:
    """`pleura.load` as a command: a digest of every volume; refusals decide the exit code."""
    import hashlib

    import pleura
    from pleura.core.errors import InputRefused, PleuraError

    try:
        volumes = pleura.load(source)
        code = 1 if volumes.refused else 0
        for name in volumes:
            try:
                print(name, hashlib.sha256(volumes[name].hu.tobytes()).hexdigest())
            except InputRefused as error:
                print(error, file=sys.stderr)
                code = 1
    except PleuraError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    except OSError as error:  # an API says a disk error as Python does
        print(f"load: {error.strerror}", file=sys.stderr)
        return 2
    return code


def blank_pictures() -> None:
    """Write the figures of pages without content.

    Drawing them takes two thirds of the time of `run` and touches no other file.
    """
    from PIL import Image

    from pleura.core.atomic import atomic_file
    from pleura.page import drawing

    whole = drawing.draw_all

    def blank(path: Path) -> None:
        with atomic_file(path) as part:
            Image.new("RGB", PICTURE).save(part, "png")

    def draw_all(
        numbered: Sequence[tuple[str, drawing.Drawing]], *rest: Any
    ) -> list[drawing.Figure]:
        drawings = []
        for number, one in numbered:
            images = tuple(replace(image, draw=blank) for image in one.images)
            drawings.append((number, replace(one, images=images)))
        return whole(drawings, *rest)

    vars(drawing)["draw_all"] = draw_all


def use_workers() -> None:
    """Let `deidentify` start workers for few files too."""
    from pleura.deid import batch

    vars(batch)["FEW"] = 1


class Stories:
    """Each verb's command on one small input, which is made once."""

    def __init__(self, folder: Path, workers: int = 1, cases: int = 2) -> None:
        self.folder = folder
        self.workers = workers
        self.cases = cases
        self.chests = folder / "chests"
        self.clean = folder / "made" / "clean"
        self.cohort = folder / "made" / "cohort"
        self.scores = folder / "made" / "scores"
        self.design = folder / "made" / "design.toml"

    def make(self) -> None:
        """Make the inputs. Raises `AssertionError` where a verb fails."""
        from pleura.labels.registry import write_mask
        from pleura.phantom.dataset import write_dataset

        write_dataset(self.chests, cases=self.cases, shape=TINY, seed=3, label=write_mask)
        labels = str(self.chests / "Labels")
        for words in (
            ["deidentify", str(self.chests / "Images"), str(self.clean)],
            ["prepare", str(self.chests), str(self.cohort)],
            ["evaluate", labels, labels, str(self.scores), "--workers", "1"],
        ):
            assert run_words([*words, "--quiet"]) == 0, words
        self.design.write_text(DESIGN, encoding="utf-8")

    def words(self, verb: str, out: Path) -> list[str]:
        """A verb's command line."""
        chests, images, labels = (
            str(path) for path in (self.chests, self.chests / "Images", self.chests / "Labels")
        )
        one = ["--workers", str(self.workers)]
        goal = str(out / "out")
        return {
            "scan": ["scan", images, "--json", *one],
            "deidentify": ["deidentify", images, goal, *one],
            "verify": ["verify", images, str(self.clean), "--json", "--certificate", goal],
            "prepare": ["prepare", chests, goal, *one],
            "segment": ["segment", images, goal, *one],
            "segment classical": ["segment", images, goal, *one, "--model", "classical"],
            "evaluate": ["evaluate", labels, labels, goal, *one],
            "measure": ["measure", images, labels, goal, *one],
            "couch": ["couch", images, goal, *one],
            "couch of a cohort": ["couch", str(self.cohort), goal, *one],
            "load": ["load", images],
            "report": ["report", str(self.scores), "--out", goal],
            "train": ["train", str(self.cohort), goal, *QUICK],
            "run": ["run", chests, goal, *one, *QUICK],
            "study": ["study", str(self.design), goal, "--data", str(self.cohort), *one],
            "phantom": ["phantom", goal, "--cases", "1", "--size", "32", "--slices", "8"],
        }[verb]


VERBS = (
    *("scan", "deidentify", "verify", "prepare", "segment", "segment classical", "evaluate"),
    *("measure", "couch", "couch of a cohort", "load", "report", "train", "run", "study"),
    "phantom",
)


def run_words(words: Sequence[str]) -> int:
    """Run a command line in this process; return its exit code."""
    from pleura.cli.app import main

    if words[0] == "load":
        return load_all(Path(words[1]))
    try:
        main(list(words))
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def in_child(work: Callable[[], int], stdout: Path, stderr: Path, seconds: float = SECONDS) -> int:
    """Do work in a forked child; return its exit code, negative for a signal, -100 for a hang."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            for path, stream in ((stdout, sys.stdout), (stderr, sys.stderr)):
                os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), stream.fileno())
            code = work()
        except Exception:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    limit = time.monotonic() + seconds * WAITS
    while time.monotonic() < limit and cpu_seconds(child) < seconds:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -100


def cpu_seconds(process: int) -> float:
    """Processor time of a process and of its children that have ended; 0 where unknown."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    times = stat.rpartition(")")[2].split()[11:15]
    return sum(map(int, times)) / float(os.sysconf("SC_CLK_TCK"))


def in_silence(work: Callable[[], object]) -> None:
    """Do work in this process, so that its imports stay, with what it prints thrown away."""
    kept = [os.dup(number) for number in (1, 2)]
    nothing = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nothing, number)
    try:
        work()
    finally:
        sys.stdout.flush()
        for number, handle in zip((1, 2), kept, strict=True):
            os.dup2(handle, number)


def results(out: Path) -> dict[str, bytes]:
    """Every file of a trial but the bookkeeping and locks, by relative name."""
    files = [path for path in out.rglob("*") if path.is_file() and ".pleura" not in path.parts]
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in files
        if not path.name.endswith((".lock", ".log"))
    }


class Trials:
    """Trials in one folder; the undisturbed result of each verb is made when it is first needed."""

    def __init__(self, stories: Stories) -> None:
        self.stories = stories
        self.loaded = Library()
        self.logs = stories.folder / "logs"
        self.logs.mkdir(exist_ok=True)
        self.known: dict[str, tuple[int, dict[str, bytes], bytes]] = {}
        self.counted: dict[str, dict[str, int]] = {}

    def run(self, verb: str, out: Path, fault: Fault) -> tuple[int, bytes, str, dict[str, int]]:
        """Run a verb into `out` with a fault: exit code, standard output and error, counts."""
        out.mkdir(exist_ok=True)
        if verb in ("deidentify", "run") and not (out / "out.key").exists():
            (out / "out.key").write_text(KEY)
        stdout, stderr, told = (self.logs / name for name in ("stdout", "stderr", "told"))
        told.unlink(missing_ok=True)
        words = self.stories.words(verb, out)

        mark = self.logs / "fired"
        mark.unlink(missing_ok=True)

        def work() -> int:
            if self.stories.workers > 1:
                arm_workers(self.stories.folder, mark, fault)
            else:
                self.loaded.arm(self.stories.folder, fault)
            try:
                return run_words(words)
            finally:
                fired = self.loaded.fired() or mark.exists()
                found = self.loaded.counts() | {"fired": fired}
                self.loaded.disarm()
                told.write_text(json.dumps(found))

        code = in_child(work, stdout, stderr)
        counts = json.loads(told.read_text()) if told.exists() else {}
        return code, stdout.read_bytes(), stderr.read_text(errors="replace"), counts

    def undisturbed(self, verb: str) -> tuple[int, dict[str, bytes], bytes]:
        """Exit code, results and standard output of a run without faults."""
        if verb not in self.known:
            out = self.stories.folder / "trial"
            shutil.rmtree(out, ignore_errors=True)
            code, shown, said, counts = self.run(verb, out, Fault())
            assert code in (0, 1), (verb, code, said)
            self.counted[verb] = counts
            self.known[verb] = (code, results(out), shown)
            shutil.rmtree(out)
        return self.known[verb]

    def tried(self, verb: str, fault: Fault) -> Outcome:
        """One trial: the verb with the fault, then without; what breaks the rule."""
        good_code, good, good_shown = self.undisturbed(verb)
        shows = verb in ("scan", "load", "verify")
        out = self.stories.folder / "trial"
        shutil.rmtree(out, ignore_errors=True)
        kept = self.logs / "cohort"
        if fault.error == CUT:  # the file is whole again for the second run
            shutil.copytree(self.stories.cohort, kept, dirs_exist_ok=True)
        code, shown, said, counts = self.run(verb, out, fault)
        if fault.error == CUT:
            shutil.copytree(kept, self.stories.cohort, dirs_exist_ok=True)
        outcome = Outcome(verb, fault, code, bool(counts.get("fired")), says=said[-600:])
        problems = outcome.problems
        by = {KILL: -signal.SIGKILL, CUT: -signal.SIGBUS}
        killed = fault.error in by and code == by[fault.error]
        outcome.fired |= killed
        if code not in (0, 1, 2, 3) and not killed:
            problems.append(f"exit {code}")
        if "Traceback" in said:
            problems.append("traceback")
        if code == good_code and good_code == 0:
            problems += [f"silent: {line}" for line in differences(good, results(out))]
            if shows and shown != good_shown:
                problems.append("silent: standard output differs")
            if not problems:
                return outcome  # nothing is left for a second run
        again, shown, said, _ = self.run(verb, out, Fault())
        if again != good_code:
            problems.append(f"rerun: exit {again}: {said[-300:]}")
        problems += [f"rerun: {line}" for line in differences(good, results(out))]
        if shows and shown != good_shown:
            problems.append("rerun: standard output differs")
        problems += [f"left over: {path.name[:6]}" for path in out.rglob(".part-*")]
        shutil.rmtree(out, ignore_errors=True)
        return outcome


def differences(good: dict[str, bytes], found: dict[str, bytes]) -> list[str]:
    """What differs between two results, at most five lines."""
    lines = [f"missing {name}" for name in sorted(good.keys() - found.keys())]
    lines += [f"more {name}" for name in sorted(found.keys() - good.keys())]
    lines += [
        f"differs {name}" for name in sorted(good.keys() & found) if good[name] != found[name]
    ]
    return lines[:5]


def chosen(
    counts: dict[str, int],
    most: int,
    seed: str,
    calls: Sequence[str] = CALLS,
    errors: Sequence[str] = ERRORS,
) -> Iterator[Fault]:
    """Faults for a verb: all n, or a sample of at most `most` numbers for each call and error."""
    for call in calls:
        for error in errors:
            numbers = range(1, counts[call] + 1)
            if most and most < len(numbers):
                numbers = random.Random(f"{seed} {call} {error}").sample(numbers, most)
            yield from (Fault(call, error, number) for number in sorted(numbers))


def main(folder: Path, specs: Sequence[dict]) -> None:
    """Print one line of JSON for each trial, with the number of its spec.

    A spec has `verbs`, each with the most numbers n for a call and an error (0: all); `calls`,
    `errors`, `seed`; or `faults` instead, a list of fields of `Fault`. With `workers` above 1 in
    the first, the fault is in a worker process, and `numbers` is the highest n; `cases` of the
    first is how many cases the input has, 2 by default.
    """
    from pleura.core.quiet import silence_libraries

    silence_libraries()
    stories = Stories(folder, specs[0].get("workers", 1), specs[0].get("cases", 2))
    blank_pictures()
    if stories.workers > 1:
        use_workers()
    in_silence(stories.make)
    trials = Trials(stories)
    warm: set[str] = set()
    for at, spec in enumerate(specs):
        for verb in spec["verbs"]:
            if verb not in warm:
                warm.add(verb)
                in_silence(partial(run_words, stories.words(verb, folder / "warm")))  # imports stay
            _tell(trials, at, verb, spec)


def _tell(trials: Trials, at: int, verb: str, spec: dict) -> None:
    """Try the faults of a spec on one verb."""
    trials.undisturbed(verb)
    if spec.get("faults"):
        faults = [Fault(**fault) for fault in spec["faults"]]
    else:
        counts = trials.counted[verb]
        if trials.stories.workers > 1:  # those of one process are not counted in the other
            counts = dict.fromkeys(counts, spec["numbers"])
        kinds = spec["calls"], spec.get("errors", ERRORS)
        faults = list(chosen(counts, spec["verbs"][verb], spec["seed"], *kinds))
    print(json.dumps({"spec": at, "counts": trials.counted[verb], "verb": verb}), flush=True)
    for fault in faults:
        begun = sum(os.times()[:4])
        outcome = {"spec": at} | asdict(trials.tried(verb, fault))
        outcome["seconds"] = round(sum(os.times()[:4]) - begun, 2)
        print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
