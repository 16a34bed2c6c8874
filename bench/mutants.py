"""Change the code in ways that would mislead a user, and show that a test fails each time:
`python bench/mutants.py [TOPIC …]`; topics are the keys of `MUTANTS`.

Each mutant is one replacement in one file of `src/pleura`. The script works on a copy, runs a
topic's tests once as they are, then for each mutant, and prints a table; it ends with 1 where a
mutant survives. Each run is a fork of one process that has imported the libraries. Not on Windows.
"""

import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from mutant import Mutant
from mutants_of_pages import NUMBERS, PAGE
from mutants_of_training import AUGMENTATION, DATASET, LOOP, LOSSES, RUNS, STUDY

ROOT = Path(__file__).parents[1]
TESTS = {
    "augmentation": ("tests/learn/test_augment.py",),
    "dataset": ("tests/learn/test_slice_dataset.py",),
    "page": ("tests/page/test_pictures_say_what_they_show.py",),
    "losses": ("tests/learn/test_losses.py", "tests/learn/test_unet.py"),
    "loop": ("tests/learn/test_loop_steps.py", "tests/learn/test_loop.py"),
    "numbers": ("tests/page/test_report_numbers.py", "tests/page/test_page_figures.py"),
    "study": ("tests/studying",),
    "runs": ("tests/learn/test_loop_steps.py", "tests/verbs/test_study.py"),
}
MUTANTS = {
    "augmentation": AUGMENTATION,
    "dataset": DATASET,
    "page": PAGE,
    "losses": LOSSES,
    "loop": LOOP,
    "numbers": NUMBERS,
    "study": STUDY,
    "runs": RUNS,
}
LIBRARIES = ("torch", "matplotlib.figure", "scipy.stats", "sklearn.metrics", "onnx")


def main() -> int:
    chosen = sys.argv[1:] or list(MUTANTS)
    survivors = []
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "src"
        shutil.copytree(ROOT / "src", copy)
        prepare(copy)
        print("| mutant | file | result |\n|---|---|---|")
        for topic in chosen:
            if run(TESTS[topic]) != 0:
                raise SystemExit(f"{topic}: the tests fail without any mutant")
            for mutant in MUTANTS[topic]:
                result = outcome(mutant, copy, TESTS[topic])
                print(f"| {mutant.fault} | {mutant.file} | {result} |", flush=True)
                if result != "killed":
                    survivors.append(mutant.fault)
    print(f"survivors: {', '.join(survivors) or 'none'}")
    return int(bool(survivors))


def prepare(copy: Path) -> None:
    """Import what all runs need, and let them and their processes find the copy."""
    os.chdir(ROOT)
    os.environ |= {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(copy))
    for name in LIBRARIES:
        importlib.import_module(name)
    assert not any(name.split(".")[0] == "pleura" for name in sys.modules)


def outcome(mutant: Mutant, copy: Path, tests: tuple[str, ...]) -> str:
    """`killed`, `SURVIVED`, or that the code to change is gone."""
    path = copy / "pleura" / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.before) != 1:
        return "the code to change is not there once"
    path.write_text(text.replace(mutant.before, mutant.after), encoding="utf-8")
    killed = run(tests) == pytest.ExitCode.TESTS_FAILED
    path.write_text(text, encoding="utf-8")
    return "killed" if killed else "SURVIVED"


def run(tests: tuple[str, ...]) -> int:
    """Exit code of the tests in a process of their own."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silent, stream)
    os._exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests]))


if __name__ == "__main__":
    raise SystemExit(main())
