"""The command `pleura`: each verb's options come from the signature and docstring of its function.

Only the chosen verb's module is imported, so `pleura --help` loads no numpy.
"""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from pleura import __version__
from pleura.cli.options import command_function, dashed

VERBS = {
    "scan": "List every series of a folder with a verdict and a reason.",
    "doctor": "Tell what can be read here, with versions.",
    "deidentify": "Copy a tree of DICOM files without the patients' identity.",
    "verify": "Search de-identified output for what should be gone.",
    "prepare": "Make a cohort of cases: HU volumes, lung masks and a split.",
    "couch": "Take the couch out of every CT series of a folder.",
    "train": "Train the U-Net on the training cases of a cohort.",
    "segment": "Find the lungs in every CT series of a folder.",
    "evaluate": "Score lung masks against references.",
    "report": "Draw the figures and the page of a run, or of an evaluation.",
    "run": "The whole journey, from a folder of CT to a report.",
    "phantom": "Write synthetic chests in the report's layout.",
}
"""Name and first sentence of each verb; a test holds them equal to the functions' docstrings."""


class Verbs(TyperGroup):
    """A group that imports a verb's module only when that verb is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            return None
        module = import_module(f"pleura.verbs.{cmd_name}")
        single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        single.command(cmd_name)(command_function(cmd_name, getattr(module, cmd_name)))
        return get_command(single)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write_usage(ctx.command_path, "VERB [ARGUMENTS] [OPTIONS]")
        formatter.write_paragraph()
        formatter.write_text("A folder of chest CT (DICOM) to lung masks, and numbers about them. Not a medical device.")
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))
        with formatter.section("Everywhere"):
            formatter.write_dl(
                [
                    ("--json", "results as JSON on standard output"),
                    ("--quiet", "no tables, no progress; refusals are still said"),
                    ("--debug", "the traceback, should pleura itself fail"),
                ]
            )
        with formatter.section("Exit codes"):
            formatter.write_text("0 all well; 1 some inputs failed, the rest done; 2 wrong usage; 3 nothing usable")
        formatter.write_paragraph()
        formatter.write_text("pleura VERB --help tells the options of a verb; pleura --version the version.")


app = typer.Typer(cls=Verbs, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pleura {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _front(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", is_eager=True, callback=_version, help="Print the version."),
) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main(argv: list[str] | None = None) -> Any:
    """Run the command; ends the process with the exit code that docs/commands.md tells."""
    for stream in (sys.stdout, sys.stderr):  # a console that cannot print ≥ must not end a run
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app(args=argv, prog_name="pleura")


__all__ = ["VERBS", "app", "dashed", "main"]
