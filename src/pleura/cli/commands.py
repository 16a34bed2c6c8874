"""The command for click: its verbs, whose options come from the signatures and docstrings of their
functions.

Only the chosen verb's module is imported, so `pleura --help` loads no numpy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from pleura import __version__
from pleura.cli.options import verb_command
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
HELP = "help"
SHELLS = ("bash", "zsh", "fish")


class Verbs(click.Group):
    """A group that imports a verb's module only when that verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == HELP:
            return show_help
        if cmd_name not in VERBS:
            return None
        module = import_module(f"pleura.verbs.{cmd_name}")
        return verb_command(cmd_name, getattr(module, cmd_name))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        verb = args[0]
        if verb not in (*VERBS, HELP) and not ctx.resilient_parsing:
            near = get_close_matches(verb, VERBS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else " 'pleura help' lists the verbs."
            ctx.fail(f"There is no verb '{verb}'.{hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete verbs without importing them, and the options before a verb."""
        verbs = [
            CompletionItem(name, help=text)
            for name, text in VERBS.items()
            if name.startswith(incomplete)
        ]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        with _visible_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with _visible_errors():
            return super().invoke(ctx)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_usage(ctx, formatter)
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
                    (
                        "--completion SHELL",
                        "print the completion script of bash, zsh or fish; use it "
                        'by eval "$(pleura --completion bash)" in ~/.bashrc',
                    ),
                ]
            )
        with formatter.section("Exit codes"):
            formatter.write_text(
                "0 all well; 1 some inputs failed, the rest done; 2 wrong usage; 3 nothing usable"
            )


@contextmanager
def _visible_errors() -> Iterator[None]:
    """Escape control characters of the command line in messages of wrong usage."""
    try:
        yield
    except click.UsageError as error:
        error.message = visible(error.message)  # type: ignore[misc]  # final to click's typing only
        raise


def _print_completion(ctx: click.Context, _: click.Parameter, shell: str | None) -> None:
    if shell is None or ctx.resilient_parsing:
        return
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(app, {}, "pleura", "_PLEURA_COMPLETE").source())
    ctx.exit()


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    options_metavar=None,
    subcommand_metavar="VERB [ARGUMENTS] [OPTIONS]",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "--version", "-V", message="pleura %(version)s")
@click.option(
    "--completion",
    type=click.Choice(SHELLS),
    is_eager=True,
    expose_value=False,
    callback=_print_completion,
)
@click.pass_context
def app(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _verbs_that_start(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in VERBS if name.startswith(incomplete)]


@click.command(HELP)
@click.argument("verb", required=False, shell_complete=_verbs_that_start)
@click.pass_context
def show_help(ctx: click.Context, verb: str | None) -> None:
    """Show the page of all verbs, or the options of a verb."""
    front = ctx.find_root()
    if not verb:
        click.echo(front.get_help())
        return
    name, command, _ = app.resolve_command(front, [verb])
    click.echo(click.Context(command, info_name=name, parent=front).get_help())
