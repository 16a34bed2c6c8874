"""The command `pleura`: each verb's options come from the signature and docstring of its function.

Only the chosen verb's module is imported, so `pleura --help` loads no numpy.
"""

import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from pleura import __version__
from pleura.cli.options import command_function, dashed
from pleura.core.cores import keep_blas_to_one_thread
from pleura.core.errors import Exit
from pleura.core.quiet import silence_libraries
from pleura.core.text import visible

VERBS = {
    "scan": "List every series of a folder with a verdict and a reason.",
    "doctor": "List supported transfer syntaxes and library versions.",
    "deidentify": "Copy DICOM files without the patients' identity.",
    "verify": "Check de-identified output for remaining identifiers.",
    "prepare": "Make a cohort of cases: HU volumes, lung masks and a split.",
    "couch": "Take the couch out of every CT series of a folder.",
    "train": "Train the U-Net on the training cases of a cohort.",
    "segment": "Find the lungs in every CT series of a folder.",
    "measure": "Measure lungs on CT: volume, mass, density, thirds and halves.",
    "evaluate": "Score lung masks against references.",
    "status": "Show how far a run is: done, failed, running and left.",
    "report": "Draw the figures and the page of a run, or of an evaluation.",
    "run": "Run the full pipeline, from a folder of CT to a report.",
    "study": "Compare recipes of training by a design that is declared before.",
    "phantom": "Write synthetic chest CTs in the report's folder layout.",
}
"""Name and first sentence of each verb; a test keeps them equal to the functions' docstrings."""

EMPTY_ARGUMENT = (
    "pleura: an argument is empty, as an unset variable of the shell is; give a path or a value"
)

HELP = "help"
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class Verbs(TyperGroup):
    """A group that imports a verb's module only when that verb is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name == HELP:
            return _help_command()
        if cmd_name not in VERBS:
            return None
        module = import_module(f"pleura.verbs.{cmd_name}")
        single = typer.Typer(
            add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
        )
        single.command(cmd_name, context_settings=HELP_OPTIONS)(
            command_function(cmd_name, getattr(module, cmd_name))
        )
        return get_command(single)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        verb = args[0] if args else ""
        if verb and not verb.startswith("-") and verb not in (*VERBS, HELP):
            near = get_close_matches(verb, VERBS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else " 'pleura help' lists the verbs."
            ctx.fail(f"There is no verb '{visible(verb)}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write_usage(ctx.command_path, "VERB [ARGUMENTS] [OPTIONS]")
        formatter.write_paragraph()
        formatter.write_text(
            "Left and right lung masks, and measurements, from a folder of chest CT. Not a "
            "medical device."
        )
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))
        with formatter.section("Everywhere"):
            formatter.write_dl(
                [
                    ("--json", "results as JSON on standard output"),
                    ("--quiet", "no tables or progress; refusals are still printed"),
                    ("--debug", "print the traceback of an internal error"),
                    ("-h, --help", "this page, or the options of a verb"),
                    ("-V, --version", "the version"),
                    ("--install-completion", "complete verbs and options in this shell"),
                ]
            )
        with formatter.section("Exit codes"):
            formatter.write_text(
                "0 all well; 1 some inputs failed, the rest done; 2 wrong usage; 3 nothing usable"
            )


def _help_command() -> Any:
    """`pleura help [VERB]`, which people type before they try `--help`."""
    single = typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )

    @single.command(HELP)
    def show_help(verb: Annotated[str, typer.Argument(metavar="VERB")] = "") -> None:
        """Show this page, or the options of a verb."""
        app(args=[verb, "--help"] if verb else ["--help"], prog_name="pleura")

    return get_command(single)


app = typer.Typer(
    cls=Verbs,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pleura {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _front(
    ctx: typer.Context,
    version: bool = typer.Option(
        False, "--version", "-V", is_eager=True, callback=_version, help="Print the version."
    ),
) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main(argv: list[str] | None = None) -> Any:
    """Run the command; the process ends with one of the exit codes of docs/commands.md."""
    keep_blas_to_one_thread()
    silence_libraries()
    for stream in (sys.stdout, sys.stderr):  # a console that cannot print ≥ must not end a run
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    words = sys.argv[1:] if argv is None else argv
    if "" in words:  # as a path it would mean the current folder
        print(EMPTY_ARGUMENT, file=sys.stderr)
        sys.exit(int(Exit.USAGE))
    app(args=words, prog_name="pleura")


__all__ = ["VERBS", "app", "dashed", "main"]
