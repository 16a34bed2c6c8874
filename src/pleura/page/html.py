"""Self-contained pages. The only module that imports jinja2."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2


@dataclass(frozen=True)
class Picture:
    """A figure on the page: its number, file, description (for screen readers) and caption."""

    number: str
    path: Path
    alt: str
    caption: str

    @property
    def uri(self) -> str:
        """The picture as a data URI, so that the page needs no other file."""
        kind = "gif" if self.path.suffix == ".gif" else "png"
        return (
            f"data:image/{kind};base64,{base64.b64encode(self.path.read_bytes()).decode('ascii')}"
        )


def page_html(template: str, pictures: Sequence[object], context: Mapping[str, Any]) -> str:
    """The page as text; `context` holds the tables and sentences that the template names."""
    filled = environment(text_of).get_template(template)
    return filled.render(pictures=pictures, **context) + "\n"


def text_of(name: str) -> str:
    """A file of this room: a template or a style."""
    return files("pleura.page").joinpath(name).read_text(encoding="utf-8")


def environment(texts: Callable[[str], str]) -> "jinja2.Environment":
    """How templates are filled in: values are escaped, and a missing one is an error.

    Args:
        texts: name of a template to its text.
    """
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(texts),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
