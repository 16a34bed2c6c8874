"""The command line is the verbs' signatures, and every end has its exit code and its one line."""

import inspect
import json
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Literal

import pytest
import typer
from typer.testing import CliRunner

from pleura import __version__
from pleura.cli.app import VERBS, app, main
from pleura.cli.options import IN_PYTHON_ONLY, arguments_help, command_function, dashed
from pleura.core.errors import Exit, InputRefused, NothingUsable
from pleura.core.results import Table


@dataclass(frozen=True)
class Said:
    given: dict
    exit_code: Exit = Exit.OK

    def as_json(self):
        return self.given

    def table(self):
        return Table(
            "What was given", ("name", "value"), tuple((k, str(v)) for k, v in self.given.items())
        )

    def notes(self):
        return ["a note"]


def example(
    source: Path,
    out: Path,
    *,
    kind: Literal["a", "b"] = "a",
    keep: tuple[str, ...] = (),
    size: int | None = None,
    order_by: str = "",
    overwrite: bool = False,
    progress=None,
) -> Said:
    """Say what was given.

    More words.

    Args:
        source: Where it
            comes from.
        out: Where it goes.
        kind: Which.
        keep: What to keep; repeat it.
        size: How large.
        order_by: An order.
        overwrite: Replace.
    """
    if order_by == "refuse":
        raise InputRefused("case 7: no slices; give some")
    if order_by == "nothing":
        raise NothingUsable("no DICOM files here")
    if order_by == "interrupt":
        raise KeyboardInterrupt
    if order_by == "bug":
        raise RuntimeError("Doe^Jane")
    if order_by == "full":
        raise OSError(28, "No space left on device")
    return Said(
        {
            "source": source.name,
            "kind": kind,
            "keep": list(keep),
            "size": size,
            "overwrite": overwrite,
        }
    )


def run(*arguments):
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command("example")(command_function("example", example))
    return CliRunner().invoke(app, list(arguments))


def test_options_reach_the_verb_with_their_types():
    told = run(
        "x",
        "y",
        "--kind",
        "b",
        "--keep",
        "one",
        "--keep",
        "two",
        "--size",
        "3",
        "--overwrite",
        "--json",
    )
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout) == {
        "source": "x",
        "kind": "b",
        "keep": ["one", "two"],
        "size": 3,
        "overwrite": True,
    }


def test_defaults_are_the_verbs_own():
    assert json.loads(run("x", "y", "--json").stdout) == {
        "source": "x",
        "kind": "a",
        "keep": [],
        "size": None,
        "overwrite": False,
    }


def test_results_on_stdout_talk_on_stderr():
    told = run("x", "y")
    assert "What was given" in told.stdout
    assert "a note" in told.stderr
    quiet = run("x", "y", "--quiet")
    assert quiet.stdout == quiet.stderr == ""


@pytest.mark.parametrize(
    ("order", "code", "line"),
    [
        ("refuse", 1, "pleura example: case 7: no slices; give some"),
        ("nothing", 3, "pleura example: no DICOM files here"),
        ("interrupt", 130, "interrupted"),
        ("bug", 70, "internal error (RuntimeError)"),
        ("full", 2, "No space left on device"),
    ],
)
def test_every_end_is_one_line_and_a_code(order, code, line):
    told = run("x", "y", "--order-by", order)
    assert told.exit_code == code
    assert line in told.stderr
    assert told.stderr.count("\n") == 1
    assert "Doe" not in told.stderr


@pytest.mark.parametrize(
    "arguments",
    [("x",), ("x", "y", "--kind", "c"), ("x", "y", "--nope"), ("x", "y", "--size", "big")],
)
def test_wrong_usage_is_two(arguments):
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_negative_number_of_workers_or_tasks_is_wrong_usage(verb):
    command = inspect.getsource(import_module(f"pleura.verbs.{verb}"))
    for option in ("workers", "tasks"):
        if f"{option}: int" in command:
            told = CliRunner().invoke(app, [verb, "x", "y", "z", f"--{option}", "-1"])
            assert told.exit_code == 2
            assert f"'--{option}'" in told.stderr


@pytest.mark.parametrize("arguments", [("scan", ""), ("deidentify", "x", ""), ("segment", "", "o")])
def test_an_empty_argument_is_not_the_current_folder(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    assert end.value.code == 2
    assert "an argument is empty" in capsys.readouterr().err


def test_help_is_the_docstring():
    text = " ".join(run("--help").stdout.split())
    for words in (
        "Say what was given.",
        "Where it comes from.",
        "What to keep; repeat it.",
        "IN",
        "--order-by",
    ):
        assert words in text


@pytest.mark.parametrize(
    "name", [name for name in VERBS if find_spec(f"pleura.verbs.{name}") and name != "run"]
)
def test_verbs_and_commands_are_one_thing(name):
    verb = getattr(import_module(f"pleura.verbs.{name}"), name)
    assert inspect.cleandoc(verb.__doc__).split("\n")[0] == VERBS[name]
    names = [
        p.name for p in inspect.signature(verb).parameters.values() if p.name not in IN_PYTHON_ONLY
    ]
    helps = arguments_help(verb)
    assert [name for name in helps if name not in IN_PYTHON_ONLY] == names, (
        "every parameter is told in Args, in order"
    )
    command = inspect.signature(command_function(name, verb))
    assert list(command.parameters) == [*names, "json_", "quiet_", "debug_"]
    for parameter in command.parameters.values():
        declared = parameter.annotation.__metadata__[0]
        if declared.param_decls:
            assert declared.param_decls[0] == dashed(parameter.name).removesuffix("-")


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, pleura.cli.app as a\ntry: a.main(['--help'])\nexcept SystemExit: "
        "pass\nprint([m for m in ('numpy','torch','pydicom','scipy','matplotlib') if m in "
        "sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert all(name in done.stdout for name in VERBS)


def pleura(*arguments):
    return CliRunner().invoke(app, list(arguments), prog_name="pleura")


@pytest.mark.parametrize("asked", [("help",), ("-h",), ("--help",), ()])
def test_every_way_to_ask_for_help_works(asked):
    ended = pleura(*asked)
    assert ended.exit_code == 0
    assert "segment" in ended.stdout


@pytest.mark.parametrize("asked", [("help", "doctor"), ("doctor", "-h"), ("doctor", "--help")])
def test_every_way_to_ask_for_a_verbs_help_works(asked):
    ended = pleura(*asked)
    assert ended.exit_code == 0
    assert "--model" in ended.stdout


@pytest.mark.parametrize("asked", ["-V", "--version"])
def test_the_version(asked):
    assert pleura(asked).stdout == f"pleura {__version__}\n"


@pytest.mark.parametrize(
    ("typed", "meant"), [("segmnt", "segment"), ("Scan", "scan"), ("deidentfy", "deidentify")]
)
def test_a_mistyped_verb_is_answered_with_the_nearest(typed, meant):
    ended = pleura(typed)
    assert ended.exit_code == 2
    assert f"Did you mean '{meant}'?" in ended.stderr


def test_a_word_that_is_near_no_verb_is_answered_with_where_to_look():
    ended = pleura("xyzzy\x1b[31m")
    assert ended.exit_code == 2
    assert "pleura help" in ended.stderr
    assert "\x1b" not in ended.stderr


def test_control_characters_of_a_result_are_escaped():
    ended = run("x\x1b[2J", "y")
    assert "\x1b" not in ended.stdout
    assert "\\x1b[2J" in ended.stdout


def test_progress_lines_fit_80_columns_and_end_with_their_stage(monkeypatch, capsys):
    from rich.console import Console

    from pleura.cli import progress_bars

    made = []

    def console(**_):
        made.append(Console(file=StringIO(), width=80, force_terminal=True, color_system=None))
        return made[-1]

    monkeypatch.setattr("rich.console.Console", console)
    with progress_bars.progress_bars() as progress:
        for done in range(1, 1001):
            progress("a stage with a very long name", done, 1000)
    lines = made[0].file.getvalue().splitlines()
    assert lines
    assert all(len(line.replace("\x1b[2K", "").strip()) <= 80 for line in lines)
