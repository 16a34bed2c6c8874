"""`make demo`: the commands of the Makefile, on a smaller phantom."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def commands(target):
    """The pleura commands of a target of the Makefile."""
    rule = re.search(
        rf"^{target}: setup\n((?:\t.*\n)+)",
        (ROOT / "Makefile").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    lines = [line.strip() for line in rule[1].splitlines()]
    return [
        shlex.split(line.removeprefix("$(BIN)/pleura "))
        for line in lines
        if line.startswith("$(BIN)/pleura ")
    ]


@pytest.mark.parametrize("target", ["demo", "demo-train"])
def test_the_targets_have_commands(target):
    assert commands(target)[0][0] == "phantom"


def test_demo_makes_masks_pictures_numbers_and_scores(tmp_path):
    smaller = {"--cases": "1", "--size": "96", "--slices": "40"}
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    for words in commands("demo"):
        given = [
            smaller.get(before, word) for before, word in zip(["", *words], words, strict=False)
        ]
        command = [sys.executable, "-m", "pleura", *given, "--quiet"]
        ended = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
    lungs = tmp_path / "demo" / "lungs"
    for name in (
        "Case_000/lungs.nii.gz",
        "Case_000/planes.png",
        "index.html",
        "lungs.csv",
        "lungs.json",
    ):
        assert (lungs / name).stat().st_size > 100
    (case,) = json.loads((tmp_path / "demo" / "scores" / "scores.json").read_text())["cases"]
    assert min(case["right"]["dice"], case["left"]["dice"]) > 0.95
    assert (tmp_path / "demo" / "scores" / "report.html").stat().st_size > 20_000
