"""Make a command's arguments and options from a verb's signature and docstring."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click

from pleura.cli.terminal import carry_out
from pleura.core.arguments import COUNTS

METAVARS = {"source": "IN"}
"""Metavariables that differ from the parameter's name (`in` is a keyword of Python)."""


IN_PYTHON_ONLY = ("names", "original", "progress")
"""Parameters that the command line does not have."""

FLAGS = {
    "json": "Print the result as JSON.",
    "quiet": "No tables or progress; refusals are still printed.",
    "debug": "Print the traceback of an internal error.",
}
"""Options of every verb, and what they do."""


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


def verb_command(name: str, verb: Callable[..., Any]) -> click.Command:
    """The command of a verb: the parameters that it has on the command line, plus
    `--json --quiet --debug`. The exit code is that of the result.
    """
    hints = get_type_hints(verb)
    helps = arguments_help(verb)
    parameters = [
        _on_command_line(parameter, hints[parameter.name], helps.get(parameter.name, ""))
        for parameter in inspect.signature(verb).parameters.values()
        if parameter.name not in IN_PYTHON_ONLY
    ]
    parameters += [click.Option([f"--{flag}"], is_flag=True, help=FLAGS[flag]) for flag in FLAGS]

    @click.pass_context
    def call(context: click.Context, /, **values: Any) -> None:
        show = {flag: values.pop(flag) for flag in FLAGS}
        context.exit(carry_out(name, verb, values, **show))

    text = inspect.cleandoc(verb.__doc__ or "").split("\nArgs:")[0]
    return click.Command(name, params=parameters, callback=call, help=text)


def _on_command_line(parameter: inspect.Parameter, hint: Any, text: str) -> click.Parameter:
    """A keyword-only parameter as an option, any other as a required argument."""
    name = parameter.name
    if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        metavar = METAVARS.get(name, name.upper())
        return click.Argument([name], type=_click_type(hint), metavar=metavar, help=text)
    if hint is bool:
        return click.Option([dashed(name)], is_flag=True, default=parameter.default, help=text)
    return click.Option(
        [dashed(name), name],
        type=click.IntRange(min=0) if name in COUNTS else _click_type(hint),
        multiple=get_origin(hint) is tuple,
        default=parameter.default,
        show_default=parameter.default not in (None, "", ()),
        help=text,
    )


def _click_type(hint: Any) -> Any:
    """The type that click converts a word to: that of `X`, of `X | None` and of each item of
    `tuple[X, ...]` is `X`.
    """
    if get_origin(hint) is Literal:
        return click.Choice(get_args(hint))
    if hint is Path:
        return click.Path(path_type=Path)
    if hint in (str, int, float):
        return hint
    [inner] = [kind for kind in get_args(hint) if kind not in (NoneType, Ellipsis)]
    return _click_type(inner)
