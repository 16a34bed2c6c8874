"""Self-contained pages. The only module that imports jinja2."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any


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
    """The page as text. `told` holds the tables and sentences that the template names."""
    import jinja2

    loader = jinja2.FunctionLoader(
        lambda name: files("pleura.page").joinpath(name).read_text(encoding="utf-8")
    )
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(pictures=pictures, **context) + "\n"
