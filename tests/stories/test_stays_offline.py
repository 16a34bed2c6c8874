"""Nothing leaves the machine: no verb opens a network socket, and none writes outside OUT and the
temporary folder.

Where `strace` is there, the system calls are the witness (libraries open sockets in C++ too); else
Python's own sockets are, with a home folder that must stay empty either way.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from testing.networks import write_run
from testing.tiny_study import TINY_STUDY

import pleura
from pleura.cli.commands import VERBS
from pleura.labels.registry import write_mask
from pleura.phantom.dataset import write_dataset

NETWORK = re.compile(
    r"\b(?:socket\(AF_INET6?|socket\(AF_NETLINK|connect\(\d+, \{sa_family=AF_INET)"
)
CREATED = re.compile(r'\b(?:openat\([^"]*|creat\(|mkdir\(|mkdirat\([^"]*)"([^"]*)"(.*)')
NO_SOCKETS = """
import json, os, socket, sys

def forbidden(*arguments, **options):
    raise SystemExit("a socket was opened")

socket.socket.connect = socket.getaddrinfo = socket.gethostbyname = forbidden
sys.modules["requests"] = None  # pydicom imports it where it is installed, and it opens a socket

def ended(words):
    try:
        if words[0] == "load":
            import pleura
            assert [volume.hu.mean() for volume in pleura.load(words[1]).values()]
        else:
            from pleura.cli.app import main
            main([*words, "--quiet"])
    except SystemExit as end:
        return end.code or 0
    return 0

codes = []
for number, words in enumerate(json.load(open(sys.argv[1]))):
    os.mkdir(sys.argv[2] + str(number))
    codes.append(ended(words))
print(json.dumps(codes))
"""
"""Runs commands one after another, and makes a folder before each, which a trace shows."""
MARK = "command-"
NAMED_CACHES = ("config/matplotlib/", "cache/matplotlib/", "cache/fontconfig/")
"""What the libraries that draw keep of the machine's fonts; docs/security.md names them."""
STRACE = shutil.which("strace")
FILTER = ("-f", "--seccomp-bpf")
"""Follow children; stop processes at the traced calls only (strace 5.3 and later)."""


@cache
def traced_works():
    if STRACE is None:
        return False
    return (
        subprocess.run(
            [STRACE, *FILTER, "-o", os.devnull, sys.executable, "-c", ""], check=False
        ).returncode
        == 0
    )


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=2, shape=(24, 48, 48), seed=3, label=write_mask)
    return folder


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "model", size=48)


@pytest.fixture(scope="module")
def made(tmp_path_factory, chests):
    """De-identified chests, a cohort and scores."""
    folder = tmp_path_factory.mktemp("made")
    pleura.deidentify(chests / "Images", folder / "clean", workers=1)
    pleura.prepare(chests, folder / "cohort")
    pleura.evaluate(chests / "Labels", chests / "Labels", folder / "scores", workers=1)
    (folder / "design.toml").write_text(TINY_STUDY, encoding="utf-8")
    return folder


class Watched(NamedTuple):
    """What a command did: its exit code, its network calls, and the files it made elsewhere."""

    code: int | str
    network: list[str]
    elsewhere: list[str]


def run_watched(commands, folder):
    """Run commands in one process with an empty home; what each of them did, the files that are
    left in the home folder, and what was printed.
    """
    home, temporary = folder / "home", folder / "tmp"
    home.mkdir()
    temporary.mkdir()
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "SYSTEMROOT") if key in os.environ}
    source = str(Path(pleura.__file__).parents[1])
    named = {
        "HOME": home,
        "USERPROFILE": home,
        "XDG_CACHE_HOME": home / "cache",
        "XDG_CONFIG_HOME": home / "config",
    }
    environment = kept | {key: str(value) for key, value in named.items()}
    environment |= {"TMPDIR": str(temporary), "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"}
    environment["OMP_NUM_THREADS"] = "1"  # waiting threads cost more than the work
    given = folder / "commands.json"
    given.write_text(json.dumps(commands))
    command = [sys.executable, "-c", NO_SOCKETS, str(given), str(temporary / MARK)]
    log = folder / "trace.txt"
    if traced_works():
        calls = "trace=network,openat,creat,mkdir,mkdirat"
        command = [STRACE, *FILTER, "-s", "4096", "-e", calls, "-o", str(log), *command]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    lines = log.read_text(errors="replace").splitlines() if traced_works() else []
    allowed = (str(folder / "written"), str(temporary), "/dev/", "/proc/")
    caches = tuple(str(home / name) for name in NAMED_CACHES)
    watched = []
    for code, own in zip(
        json.loads(ended.stdout.splitlines()[-1]),
        by_command(lines, len(commands), temporary),
        strict=True,
    ):
        network = [line for line in own if NETWORK.search(line)]
        made = [found[1] for line in own if (found := CREATED.search(line)) and is_new(line, found)]
        elsewhere = [
            path
            for path in made
            if Path(path).is_absolute()
            and not path.startswith(allowed)
            and not Path(path).is_dir()  # an empty one says nothing
            and not f"{path}/".startswith(caches)
        ]
        watched.append(Watched(code, network, elsewhere))
    left = [str(path) for path in home.rglob("*") if path.is_file()]
    return watched, [path for path in left if not path.startswith(caches)], ended.stderr


def by_command(lines, count, temporary):
    """The lines of a trace from the folder of each command on; what was before is the first's."""
    parts = [[] for _ in range(count)]
    number = 0
    for line in lines:
        found = re.search(rf'mkdir\("{re.escape(str(temporary))}/{MARK}(\d+)"', line)
        if found:
            number = int(found[1])
        parts[number].append(line)
    return parts


def is_new(line, found):
    succeeded = re.search(r"= (?!-1)\d+", found[2]) is not None
    return succeeded and ("O_CREAT" in line or "mkdir" in line or "creat(" in line)


QUICK = ["--epochs", "1", "--size", "32", "--loss", "bce"]
VERBS_OF = {
    "scan": ["scan", "{chests}"],
    "doctor": ["doctor"],
    "phantom": ["phantom", "{out}", "--cases", "1", "--size", "32", "--slices", "8"],
    "deidentify": ["deidentify", "{images}", "{out}", "--workers", "1"],
    "verify": ["verify", "{images}", "{made}/clean", "--certificate", "{out}"],
    "prepare": ["prepare", "{chests}", "{out}"],
    "couch": ["couch", "{images}", "{out}"],
    "train": ["train", "{made}/cohort", "{out}", *QUICK],
    "segment": ["segment", "{images}", "{out}"],
    "segment by thresholds": ["segment", "{images}", "{out}", "--model", "classical"],
    "segment with a model": ["segment", "{images}", "{out}", "--model", "{network}"],
    "measure": ["measure", "{images}", "{labels}", "{out}"],
    "evaluate": ["evaluate", "{labels}", "{labels}", "{out}", "--workers", "1"],
    "report": ["report", "{made}/scores", "--out", "{out}"],
    "run": ["run", "{chests}", "{out}", "--workers", "1", *QUICK],
    "study": ["study", "{made}/design.toml", "{out}", "--data", "{made}/cohort"],
    "status": ["status", "{made}/cohort"],
    "load": ["load", "{images}"],
}
"""A command of each verb, and of each model; `made` has what other verbs wrote."""


@pytest.fixture(scope="module")
def watched(chests, network, made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    (folder / "written").mkdir()  # OUT of each command, and the files beside it
    places = {
        "chests": chests,
        "images": chests / "Images",
        "labels": chests / "Labels",
        "made": made,
        "network": network,
    }
    commands = [
        [word.format(**places, out=folder / "written" / f"out{number}") for word in words]
        for number, words in enumerate(VERBS_OF.values())
    ]
    done, left, printed = run_watched(commands, folder)
    return dict(zip(VERBS_OF, done, strict=True)), left, printed


def test_every_verb_is_watched():
    assert {words[0] for words in VERBS_OF.values()} == {*VERBS, "load"}


@pytest.mark.parametrize("verb", list(VERBS_OF))
def test_no_socket_and_no_file_elsewhere(verb, watched):
    done, left, printed = watched
    assert done[verb].code in (0, 1), printed
    assert done[verb].network == []
    assert done[verb].elsewhere == []
    assert left == []


def test_the_witness_sees_a_socket_and_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys.modules[__name__],
        "NO_SOCKETS",
        "import os, sys, socket; os.mkdir(sys.argv[2] + '0'); os.mkdir(sys.argv[2] + '1'); "
        "socket.socket().close(); open(os.environ['HOME'] + '/left', 'w').close(); print('[0, 0]')",
    )
    done, left, _ = run_watched([["first"], ["second"]], tmp_path)
    assert done[0] == (0, [], [])
    assert bool(done[1].network) == bool(done[1].elsewhere) == traced_works()
    assert [Path(path).name for path in left] == ["left"]
