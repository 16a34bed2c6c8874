"""The command line is the verbs' signatures, and every end has its exit code and its one line."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from click.testing import CliRunner

from pleura import __version__
from pleura.cli import options
from pleura.cli.app import main
from pleura.cli.commands import VERBS, app
from pleura.cli.options import COUNTS, FLAGS, IN_PYTHON_ONLY, arguments_help, dashed, verb_command
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
    return CliRunner().invoke(verb_command("example", example), list(arguments))


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
    command = verb_command(name, verb)
    assert [one.name for one in command.params] == [*names, *FLAGS]
    for one in command.params:
        assert one.required or one.opts == [dashed(one.name)]


def word_and_value(hint):
    """A word of the command line for a parameter of this type, and what it must become."""
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    if get_origin(hint) is Literal:
        return kinds[-1], kinds[-1]
    if hint in (str, Path, int, float):
        return {str: ("-a b", "-a b"), Path: ("a/b", Path("a/b")), int: ("-7", -7)}.get(
            hint, ("0.25", 0.25)
        )
    return word_and_value(kinds[0])


def reprs(values):
    """Text that differs where types do: 1, 1.0 and True."""
    return {name: repr(value) for name, value in values.items()}


@pytest.fixture
def called(monkeypatch):
    """The values that verbs are called with, in place of the calls."""
    found = []

    def carry_out(name, verb, values, **show):
        found.append((name, values, show))
        return 0

    monkeypatch.setattr(options, "carry_out", carry_out)
    return found


@pytest.mark.parametrize("name", VERBS)
def test_every_option_of_every_verb_arrives_with_its_type(name, called):
    verb = getattr(import_module(f"pleura.verbs.{name}"), name)
    hints = get_type_hints(verb)
    places, defaults, words, values = [], {}, [], {}
    for one in inspect.signature(verb).parameters.values():
        if one.name in IN_PYTHON_ONLY:
            continue
        if one.kind is not inspect.Parameter.KEYWORD_ONLY:
            places.append(one.name)
            continue
        defaults[one.name] = one.default
        if hints[one.name] is bool:
            words.append(dashed(one.name))
            values[one.name] = True
        elif get_origin(hints[one.name]) is tuple:
            word, value = word_and_value(hints[one.name])
            words += [dashed(one.name), word, f"{dashed(one.name)}={word}"]
            values[one.name] = (value, value)
        else:
            word, values[one.name] = word_and_value(hints[one.name])
            if one.name in COUNTS:  # none are negative
                word, values[one.name] = "3", 3
            words += [dashed(one.name), word]
    given = {one: Path(one) for one in places}
    assert pleura(name, *places).exit_code == 0
    assert pleura(name, *words, "--json", *places, "--debug").exit_code == 0
    no_flags = {"json": False, "quiet": False, "debug": False}
    flags = {"json": True, "quiet": False, "debug": True}
    assert called == [(name, given | defaults, no_flags), (name, given | values, flags)]
    assert reprs(called[0][1]) == reprs(given | defaults)
    assert reprs(called[1][1]) == reprs(given | values)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("segment", "Missing argument 'IN'"),
        ("segment in", "Missing argument 'OUT'"),
        ("segment in out more", "unexpected extra argument"),
        ("segment in out --form seg", "--format"),
        ("segment in out --format SEG", "'nifti', 'nrrd', 'npz', 'seg', 'rtstruct'"),
        ("segment in out --format", "requires an argument"),
        ("segment in out --workers two", "--workers"),
        ("segment in out --overwrit", "--overwrite"),
        ("segment in out --no-overwrite", "--overwrite"),
        ("help segmnt", "Did you mean 'segment'?"),
        ("--completion tcsh", "'bash', 'zsh', 'fish'"),
    ],
)
def test_wrong_usage_names_what_is_wrong(line, message, called):
    ended = pleura(*line.split())
    assert ended.exit_code == 2
    assert message in ended.stderr
    assert not called


def test_the_last_of_two_options_and_words_behind_two_dashes(called):
    pleura("segment", "--workers", "1", "in", "--workers=0", "--", "-out")
    [(_, values, _)] = called
    assert values["workers"] == 0
    assert (values["source"], values["out"]) == (Path("in"), Path("-out"))


@pytest.mark.parametrize(
    "words", [("segment", "a", "b", "\x1b[2J"), ("--\x1b[2J",), ("scan", "--\x1b")]
)
def test_control_characters_of_wrong_usage_are_escaped(words):
    ended = pleura(*words)
    assert ended.exit_code == 2
    assert "\x1b" not in ended.output
    assert "\\x1b" in ended.output


@pytest.mark.parametrize("name", [verb for verb in VERBS if verb != "doctor"])
def test_a_path_that_no_file_system_has_is_wrong_usage(name, tmp_path):
    """Too long a name, or a circle of links, as IN or OUT of any verb."""
    (tmp_path / "loop").symlink_to("loop")
    verb = getattr(import_module(f"pleura.verbs.{name}"), name)
    parameters = inspect.signature(verb).parameters.values()
    count = sum(one.kind is not inspect.Parameter.KEYWORD_ONLY for one in parameters)
    for number in range(count):
        for bad in ("x" * 300, str(tmp_path / "loop" / "x")):
            words = [bad if k == number else str(tmp_path / str(k)) for k in range(count)]
            ended = pleura(name, *words)
            assert ended.exit_code == 2
            assert "a path cannot be used" in ended.stderr


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, pleura.cli.app as a\ntry: a.main(['--help'])\nexcept SystemExit: "
        "pass\nprint([m for m in ('numpy','torch','pydicom','scipy','matplotlib') if m in "
        "sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert all(name in done.stdout for name in VERBS)


def pleura(*arguments, env=None):
    return CliRunner().invoke(app, list(arguments), prog_name="pleura", env=env)


def test_a_refused_run_loads_no_rich_and_a_worker_no_click(tmp_path):
    code = (
        "import sys, pleura.cli.app as a\n"
        "print('click' in sys.modules)\n"
        f"try: a.main(['segment', {str(tmp_path / 'none')!r}, {str(tmp_path / 'out')!r}])\n"
        "except SystemExit as end: print(end.code)\n"
        "print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n2\nFalse\n"
    assert "IN does not exist" in done.stderr


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("seg", ["segment"]),
        ("--comp", ["--completion"]),
        ("--completion z", ["zsh"]),
        ("help pha", ["phantom"]),
        ("segment --form", ["--format"]),
        ("segment --format n", ["nifti", "nrrd", "npz"]),
        ("xyzzy sc", ["scan"]),
    ],
)
def test_completion(typed, expected):
    words = f"pleura {typed}"
    count = str(len(words.split()) - 1)
    asked = {"_PLEURA_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
    assert pleura(env=asked).stdout.split() == [f"plain,{word}" for word in expected]


def test_completing_a_verb_imports_none():
    code = (
        "import sys, pleura.cli.app as a\ntry: a.main([])\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if m.startswith('pleura.verbs')], file=sys.stderr)"
    )
    asked = {"_PLEURA_COMPLETE": "bash_complete", "COMP_WORDS": "pleura ", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **asked},
    )
    assert done.stdout.split() == [f"plain,{name}" for name in VERBS]
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_script_of_a_shell_asks_for_its_completions(shell):
    ended = pleura("--completion", shell)
    assert ended.exit_code == 0
    assert f"_PLEURA_COMPLETE={shell}_complete" in ended.stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_bash_completes_with_the_script(tmp_path):
    script = tmp_path / "pleura"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pleura "$@"\n')
    script.chmod(0o755)
    lines = (
        'eval "$(pleura --completion bash)"\n'
        "COMP_WORDS=(pleura segm) COMP_CWORD=1; _pleura_completion pleura\n"
        'echo "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", lines],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
    )
    assert done.stdout == "segment\n", done.stderr


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


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_neither_the_exit_code_nor_a_file(closed, tmp_path):
    from pleura.phantom.dataset import write_dataset

    write_dataset(tmp_path / "in", cases=1, shape=(16, 48, 48), seed=1)
    out = tmp_path / "out"
    for verb in ("scan in/Images", f"segment in/Images {out}"):
        command = f"{sys.executable} -m pleura {verb} {closed}"
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, check=False)
        assert done.returncode == 0
    json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert (out / "index.html").read_text(encoding="utf-8").startswith("<!")


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX pipe")
@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize(("content", "code"), [(b"", 3), (None, 0)])
def test_a_reader_that_ends_early_changes_neither_exit_code_nor_notes(
    options, content, code, tmp_path
):
    from pleura.phantom.dataset import write_dataset

    write_dataset(tmp_path, cases=1, shape=(16, 48, 48), seed=1)
    if content is not None:
        for file in (tmp_path / "Images").rglob("*.dcm"):
            file.write_bytes(content)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "pleura", "scan", str(tmp_path / "Images"), *options],
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert done.returncode == code
    assert "scan: 16 files: " in done.stderr
    assert "Traceback" not in done.stderr
