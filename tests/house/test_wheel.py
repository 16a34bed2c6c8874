"""The built wheel holds all that it needs: it works with the source tree out of reach."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALONE = """
import sys
from pathlib import Path
wheel, source, out = sys.argv[1:]
sys.path[:] = [wheel] + [p for p in sys.path if Path(p or ".").resolve() != Path(source)]
from pleura.cli.app import main
import pleura
assert Path(pleura.__file__).is_relative_to(wheel), pleura.__file__
for words in (["phantom", f"{out}/chests", "--cases", "2", "--size", "48", "--slices", "12",
               "--quiet"],
              ["deidentify", f"{out}/chests", f"{out}/clean", "--quiet"],
              ["prepare", f"{out}/clean", f"{out}/run/cohort", "--masks", f"{out}/chests",
               "--quiet"],
              ["segment", f"{out}/run/cohort", f"{out}/run/masks/classical", "--quiet"],
              ["evaluate", f"{out}/run/masks/classical", f"{out}/run/cohort",
               f"{out}/run/results/classical",
               "--workers", "1",
               "--quiet"],
              ["report", f"{out}/run", "--quiet"]):
    try:
        main(words)
    except SystemExit as ended:
        assert not ended.code, (words, ended.code)
assert "torch" not in sys.modules
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as packed:
        packed.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_wheel_makes_the_journey_without_the_source_tree(wheel, tmp_path):
    command = [sys.executable, "-I", "-c", ALONE, str(wheel), str(ROOT / "src"), str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "run" / "report.html").stat().st_size > 50_000


def test_the_wheel_is_typed_and_carries_its_licence(wheel):
    assert (wheel / "pleura" / "py.typed").exists()
    (about,) = wheel.glob("*.dist-info")
    assert (about / "licenses" / "LICENSE").exists()
    assert "License-Expression: Apache-2.0" in (about / "METADATA").read_text(encoding="utf-8")


def test_two_builds_have_the_same_bytes(tmp_path):
    built = []
    for number in (1, 2):
        source, folder = tmp_path / f"source{number}", tmp_path / f"built{number}"
        shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source / name)
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
        command += ["--outdir", str(folder), str(source)]
        environment = os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}
        subprocess.run(command, check=True, capture_output=True, env=environment)
        built += [path.read_bytes() for path in folder.glob("*.whl")]
    assert len(built) == 2
    assert built[0] == built[1]
