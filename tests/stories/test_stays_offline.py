"""Nothing leaves the machine: no verb opens a network socket, and none writes outside OUT and the
temporary folder.

Where `strace` is there, the system calls are the witness (libraries open sockets in C++ too); else
Python's own sockets are, with a home folder that must stay empty either way.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from testing.networks import write_run

import pleura
from pleura.cli.app import VERBS
from pleura.labels.registry import write_mask
from pleura.phantom.dataset import write_dataset

NETWORK = re.compile(
    r"\b(?:socket\(AF_INET6?|socket\(AF_NETLINK|connect\(\d+, \{sa_family=AF_INET)"
)
CREATED = re.compile(r'\b(?:openat\([^"]*|creat\(|mkdir\(|mkdirat\([^"]*)"([^"]*)"(.*)')
NO_SOCKETS = """
import socket, sys

def forbidden(*arguments, **options):
    raise SystemExit("a socket was opened")

socket.socket.connect = socket.getaddrinfo = socket.gethostbyname = forbidden
words = sys.argv[1:]
if words[0] == "load":
    import pleura
    assert [volume.hu.mean() for volume in pleura.load(words[1]).values()]
    sys.exit()
from pleura.cli.app import main
main(words)
"""
NAMED_CACHES = ("config/matplotlib/", "cache/matplotlib/", "cache/fontconfig/")
"""What the libraries that draw keep of the machine's fonts; docs/security.md names them."""
STRACE = shutil.which("strace")


def traced_works():
    if STRACE is None:
        return False
    return (
        subprocess.run(
            [STRACE, "-f", "-o", os.devnull, sys.executable, "-c", ""], check=False
        ).returncode
        == 0
    )


DESIGN = """
name = "tiny"
size = 16
steps = 2
folds = 2
endpoints = ["dice"]
[[factor]]
name = "lr"
levels = [0.2]
"""
"""Of a study of one factor."""


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
    (folder / "design.toml").write_text(DESIGN, encoding="utf-8")
    return folder


def run_watched(words, tmp_path):
    """Run a command with an empty home; return its exit code, its network calls, and the files
    it made elsewhere.
    """
    home, temporary = tmp_path / "home", tmp_path / "tmp"
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
    command = [sys.executable, "-c", NO_SOCKETS, *words, "--quiet"]
    log = tmp_path / "trace.txt"
    traced = traced_works()
    if traced:
        calls = "trace=network,openat,creat,mkdir,mkdirat"
        command = [STRACE, "-f", "-s", "4096", "-e", calls, "-o", str(log), *command]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = log.read_text(errors="replace").splitlines() if traced else []
    network = [line for line in lines if NETWORK.search(line)]
    made = [
        found[1] for line in lines if (found := CREATED.search(line)) and is_new(line, found[2])
    ]
    allowed = (str(tmp_path / "written"), str(temporary), "/dev/", "/proc/")
    elsewhere = [path for path in made if Path(path).is_absolute() and not path.startswith(allowed)]
    elsewhere = [path for path in elsewhere if not Path(path).is_dir()]  # empty ones say nothing
    elsewhere += [str(path) for path in home.rglob("*") if path.is_file()]
    caches = tuple(str(home / name) for name in NAMED_CACHES)
    elsewhere = [path for path in elsewhere if not f"{path}/".startswith(caches)]
    return ended, network, elsewhere


def is_new(line, rest):
    succeeded = re.search(r"= (?!-1)\d+", rest) is not None
    return succeeded and ("O_CREAT" in line or "mkdir" in line or "creat(" in line)


def commands(chests, network, made, out):
    """Each verb's command; `made` has what other verbs wrote."""
    images, labels = str(chests / "Images"), str(chests / "Labels")
    cohort, one = str(made / "cohort"), ["--workers", "1"]
    quick = ["--epochs", "1", "--size", "32", "--loss", "bce"]
    return {
        "scan": ["scan", str(chests)],
        "doctor": ["doctor"],
        "phantom": ["phantom", out, "--cases", "1", "--size", "32", "--slices", "8"],
        "deidentify": ["deidentify", images, out, *one],
        "verify": ["verify", images, str(made / "clean"), "--certificate", out],
        "prepare": ["prepare", str(chests), out],
        "couch": ["couch", images, out],
        "train": ["train", cohort, out, *quick],
        "segment": ["segment", images, out],
        "segment by thresholds": ["segment", images, out, "--model", "classical"],
        "segment with a model": ["segment", images, out, "--model", str(network)],
        "measure": ["measure", images, labels, out],
        "evaluate": ["evaluate", labels, labels, out, *one],
        "report": ["report", str(made / "scores"), "--out", out],
        "run": ["run", str(chests), out, *one, *quick],
        "study": ["study", str(made / "design.toml"), out, "--data", cohort],
        "status": ["status", cohort],
        "load": ["load", images],
    }


def test_every_verb_is_watched(chests, network, made):
    assert {words[0] for words in commands(chests, network, made, "").values()} == {*VERBS, "load"}


@pytest.mark.parametrize("verb", list(commands(Path(), Path(), Path(), "")))
def test_no_socket_and_no_file_elsewhere(verb, chests, network, made, tmp_path):
    (tmp_path / "written").mkdir()  # OUT, and the files beside it
    words = commands(chests, network, made, str(tmp_path / "written" / "out"))[verb]
    ended, sockets, elsewhere = run_watched(words, tmp_path)
    assert ended.returncode in (0, 1), ended.stderr
    assert sockets == []
    assert elsewhere == []


def test_the_witness_sees_a_socket_and_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys.modules[__name__],
        "NO_SOCKETS",
        "import os, socket; socket.socket().close(); open(os.environ['HOME'] + '/left', "
        "'w').close()",
    )
    _, sockets, elsewhere = run_watched([], tmp_path)
    assert bool(sockets) == traced_works()
    assert any(path.endswith("left") for path in elsewhere)
