"""Write docs/findings.md from the table of codes and docs/options.md from the verbs' signatures.

    python docs/make_reference.py

A test keeps both pages equal to what this script writes.
"""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pleura.cli.commands import VERBS
from pleura.cli.options import METAVARS, arguments_help, dashed
from pleura.core.codes import TOPICS
from pleura.core.codes.code import Code

HERE = Path(__file__).parent
FIELD = re.compile(r"\{(\w+)(?:![rsa])?(?::([^}]*))?\}")
FINDINGS_HEAD = """# Findings

<!-- Written by docs/make_reference.py from pleura.core.codes: change the table there. -->

Every check of an input gives findings, each with a stable code. The worst verdict of its findings
is the verdict of a series, case or mask:

| verdict | meaning |
|---|---|
| `ok` | used; the finding informs |
| `repaired` | used after a safe correction, which the finding names |
| `review` | used; a person should look at what the finding names |
| `refused` | not used by any command; the finding says why and what to do |

Words in *italics* stand for values of the input.
"""
OPTIONS_HEAD = """# Options of every command

<!-- Written by docs/make_reference.py from the verbs' docstrings: change them there. -->

`--json`, `--quiet` and `--debug` work with every command. Exit codes:
[commands](commands.md#exit-codes).
"""


def main() -> None:
    for name, text in (("findings.md", findings_page()), ("options.md", options_page())):
        (HERE / name).write_text(text, encoding="utf-8", newline="\n")


def findings_page() -> str:
    """The page of every code, by topic."""
    parts = [FINDINGS_HEAD]
    for topic, codes in TOPICS.items():
        if not codes:
            continue
        parts.append(
            f"\n## {topic}\n\n| code | verdict | what was found | what to do |\n|---|---|---|---|\n"
        )
        parts += [_code_row(code, entry) for code, entry in sorted(codes.items())]
    return "".join(parts)


def _code_row(code: str, entry: Code) -> str:
    verdicts = " or ".join(f"`{verdict.word}`" for verdict in entry.verdicts)
    return f"| `{code}` | {verdicts} | {_cell(entry.sentence)} | {_cell(entry.remedy)} |\n"


def _cell(template: str) -> str:
    """A sentence template as text of a table: fields in italics, bars escaped."""
    text = FIELD.sub(_field, template)
    return text.replace("{{", "{").replace("}}", "}").replace("|", "\\|")


def _field(match: re.Match[str]) -> str:
    """A field by its name, and the words of more than one after it."""
    name = f"*{match[1].replace('_', ' ')}*"
    if "|" not in (match[2] or ""):
        return name
    *is_word, _, more = match[2].split("|")
    return more if is_word else f"{name} {more}"


def options_page() -> str:
    """The page of every verb's arguments and options."""
    parts = [OPTIONS_HEAD]
    for name in VERBS:
        verb = getattr(import_module(f"pleura.verbs.{name}"), name)
        parts.append(f"\n## {name}\n\n{VERBS[name]}\n\n{_usage(name, verb)}\n")
        parts.append("| option | values | default | meaning |\n|---|---|---|---|\n")
        parts += _option_rows(verb)
    return "".join(parts)


def _usage(name: str, verb: Any) -> str:
    parameters = inspect.signature(verb).parameters.values()
    places = [
        _place(p.name) for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    return f"```text\npleura {' '.join([name, *places])} [OPTIONS]\n```\n"


def _place(name: str) -> str:
    return METAVARS.get(name, name.upper())


def _option_rows(verb: Any) -> list[str]:
    hints, helps = get_type_hints(verb), arguments_help(verb)
    rows = []
    for parameter in inspect.signature(verb).parameters.values():
        if parameter.name == "progress":
            continue
        keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        text = f"`{dashed(parameter.name)}`" if keyword else f"`{_place(parameter.name)}`"
        default = _default(parameter.default) if keyword else "required"
        rows.append(
            f"| {text} | {_values(hints[parameter.name])} | {default} | "
            f"{_escaped(helps[parameter.name])} |\n"
        )
    return rows


def _values(hint: Any) -> str:
    """What an option takes, in words."""
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    if get_origin(hint) in (tuple, list):
        return _values(get_args(hint)[0]) + "; repeatable"
    inner = [one for one in get_args(hint) if one is not type(None)]
    if inner:
        return _values(inner[0])
    return {bool: "flag", int: "integer", float: "number", str: "text"}.get(hint, "path")


def _default(value: Any) -> str:
    if value is None or value == "" or value == ():
        return "–"
    return "off" if value is False else f"`{value}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
