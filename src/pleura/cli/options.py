"""Make a command's arguments and options from a verb's signature and docstring."""

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from pleura.cli.terminal import carry_out

METAVARS = {"source": "IN"}
"""Metavariables that differ from the parameter's name (`in` is a keyword of Python)."""


IN_PYTHON_ONLY = ("names", "sources", "progress")
"""Parameters that the command line does not have."""

COUNTS = ("workers", "tasks")
"""Parameters for which 0 means "choose", so a negative number is a mistake."""


def dashed(name: str) -> str:
    """The option of a parameter: `order_by` is `--order-by`."""
    return "--" + name.replace("_", "-")


def arguments_help(function: Callable[..., Any]) -> dict[str, str]:
    """Parameter name to text, from the `Args:` section of a Google style docstring."""
    lines = inspect.cleandoc(function.__doc__ or "").split("\n")
    helps: dict[str, str] = {}
    name = None
    if "Args:" not in lines:
        return helps
    for line in lines[lines.index("Args:") + 1 :]:
        if line and not line.startswith(" "):
            break
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            name = start[1]
            helps[name] = start[2].strip()
        elif name and line.strip():
            helps[name] += " " + line.strip()
    return helps


def command_function(name: str, verb: Callable[..., Any]) -> Callable[..., None]:
    """The function from which typer makes a command: the parameters of the verb without `progress`,
    plus `--json --quiet --debug`.
    """
    hints = get_type_hints(verb)
    helps = arguments_help(verb)
    parameters = []
    for parameter in inspect.signature(verb).parameters.values():
        if parameter.name in IN_PYTHON_ONLY:
            continue
        kind, default = _typed(hints[parameter.name], parameter.default)
        text = helps.get(parameter.name, "")
        declared: Any
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            declared = typer.Option(
                dashed(parameter.name),
                help=text,
                show_default=default not in (None, ""),
                min=0 if parameter.name in COUNTS else None,
            )
        else:
            declared = typer.Argument(
                metavar=METAVARS.get(parameter.name, parameter.name.upper()), help=text
            )
            default = inspect.Parameter.empty
        parameters.append(_parameter(parameter.name, Annotated[kind, declared], default))
    for flag, text in (
        ("json", "Print the result as JSON."),
        ("quiet", "No tables or progress; refusals are still printed."),
        ("debug", "Print the traceback of an internal error."),
    ):
        parameters.append(
            _parameter(f"{flag}_", Annotated[bool, typer.Option(f"--{flag}", help=text)], False)
        )

    def command(**given: Any) -> None:
        show = {flag: given.pop(f"{flag}_") for flag in ("json", "quiet", "debug")}
        values = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }
        raise typer.Exit(carry_out(name, verb, values, **show))

    command.__name__ = name
    command.__doc__ = inspect.cleandoc(verb.__doc__ or "").split("\n\nArgs:")[0].split("\nArgs:")[0]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _typed(hint: Any, default: Any) -> tuple[Any, Any]:
    """The type for typer, and the default: a tuple of X becomes a repeatable option."""
    if get_origin(hint) in (tuple, list):
        inner: Any = get_args(hint)[0]
        return list[inner], list(default or ())
    return hint, default
