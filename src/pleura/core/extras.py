"""Optional libraries, imported where used; the error of a missing one says what to install."""

from importlib import import_module
from types import ModuleType

from pleura.core.errors import MissingExtra


def need(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import `module`, or raise `MissingExtra` with the extra that installs it and its purpose."""
    try:
        return import_module(module)
    except ImportError as error:
        if error.name and error.name.split(".")[0] != module.split(".")[0]:
            raise  # the library is here but broken: its own message is the better one
        raise MissingExtra(
            f"{purpose} needs {module}, which is not installed: pip install 'pleura[{extra}]'"
        ) from error
