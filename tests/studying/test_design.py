"""A design says every arm beforehand, and refuses what it does not know."""

from pathlib import Path

import pytest

from pleura.core.errors import UsageError
from pleura.learn.recipe import REPORT
from pleura.studying.design import read_design

DOCS = Path(__file__).parents[2] / "docs" / "study"
BASE = """
name = "one"
size = 32
steps = 5
folds = 2
seeds = [0, 4]
endpoints = ["dice", "hallucinated_ml"]
"""
ALPHA = """
[[factor]]
name = "alpha"
levels = [0, 0.5, 1]
trend = true
"""


def design_of(tmp_path, text):
    file = tmp_path / "design.toml"
    file.write_text(text, encoding="utf-8")
    return read_design(file)


def test_every_level_but_the_baselines_is_an_arm(tmp_path):
    design = design_of(tmp_path, BASE + ALPHA)
    arms = {arm.key: arm for arm in design.arms()}
    assert list(arms) == ["baseline", "alpha-0", "alpha-1"]
    assert [arm.recipe.alpha for arm in arms.values()] == [0.5, 0.0, 1.0]
    assert {arm.against for arm in arms.values()} == {None, "baseline"}
    for arm in arms.values():
        assert (arm.recipe.keep, arm.recipe.validation, arm.recipe.watch_test) == (
            "last",
            "none",
            False,
        )
        assert (arm.recipe.steps, arm.recipe.size) == (5, 32)
        assert (arm.recipe.lr, arm.recipe.batch) == (REPORT.lr, REPORT.batch)


def test_only_one_thing_differs_from_the_reference(tmp_path):
    text = BASE + ALPHA
    text += '[[factor]]\nname = "augment"\nlevels = ["none", "flip,rotate"]\n'
    text += '[[factor]]\nname = "couch"\nlevels = ["remove"]\n'
    text += '[[factor]]\nname = "lr"\nlevels = [0.1, 0.01]\nsteps = 9\n'
    design = design_of(tmp_path, text)
    arms = {arm.key: arm for arm in design.arms()}
    for arm in arms.values():
        if arm.against is None:
            continue
        own = arm.recipe.as_json() | {"couch": arm.couch}
        other = arms[arm.against]
        theirs = other.recipe.as_json() | {"couch": other.couch}
        assert [name for name in own if own[name] != theirs[name]] == [
            design.factors[arm.factor].name
        ]
    assert arms["augment-flip-rotate"].recipe.augment == ("rotate", "flip")
    assert arms["lr-0.01-9-steps"].against == "baseline-9-steps"
    assert arms["baseline-9-steps"].recipe.steps == 9


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("size = ", "not TOML"),
        (BASE, r"\[\[factor\]\]"),
        (BASE + ALPHA + "colour = 1\n", "colour"),
        ("colour = 1\n" + BASE + ALPHA, "colour"),
        (BASE.replace("folds = 2", "folds = 1") + ALPHA, "folds"),
        (BASE.replace("size = 32", "size = 20") + ALPHA, "divisible by 8"),
        (BASE.replace("steps = 5", 'steps = "5"') + ALPHA, "steps"),
        (BASE.replace("[0, 4]", "[0, 0]") + ALPHA, "seeds"),
        (BASE.replace('"dice", ', '"luck", ') + ALPHA, "endpoints"),
        (BASE + ALPHA.replace("0.5, 1]", "0.5, 1.5]"), "--alpha"),
        (BASE + ALPHA.replace("[0, 0.5, 1]", '["x"]'), "trend"),
        (BASE + ALPHA + ALPHA, "join their levels"),
        (BASE + '[baseline]\nlr = "fast"\n' + ALPHA, "lr is a number"),
        (BASE + '[baseline]\ncouch = "burn"\n' + ALPHA, "couch"),
        (BASE + '[baseline]\naugment = "smear"\n' + ALPHA, "smear"),
        (BASE + "[baseline]\nepochs = 3\n" + ALPHA, "epochs"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, named):
    with pytest.raises(UsageError, match=named):
        design_of(tmp_path, text)


def test_a_design_that_an_editor_of_windows_saved(tmp_path):
    plain, windows = tmp_path / "plain.toml", tmp_path / "windows.toml"
    plain.write_bytes((BASE + ALPHA).encode())
    windows.write_bytes(b"\xef\xbb\xbf" + (BASE + ALPHA).replace("\n", "\r\n").encode())
    assert read_design(windows) == read_design(plain)


def test_a_design_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_design(tmp_path / "none.toml")


def test_the_designs_of_the_docs():
    assert len(read_design(DOCS / "screen.toml").arms()) == 18
    assert len(read_design(DOCS / "quick.toml").arms()) == 16
