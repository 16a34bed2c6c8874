"""`pleura doctor`: what this installation can read, and with what."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pleura import __version__
from pleura.core.errors import Exit, UsageError
from pleura.core.files import sha256_file
from pleura.core.progress import Progress, silent
from pleura.core.results import Table

LIBRARIES = (
    *("numpy", "scipy", "pydicom", "imagecodecs", "connected-components-3d", "edt", "nibabel", "pynrrd", "highdicom"),
    *("onnxruntime", "matplotlib", "torch"),
)
"""What pleura may use; those of extras may be missing."""


@dataclass(frozen=True)
class DoctorResult:
    """`syntaxes`: UID, name, whether it can be read, by what; `libraries`: name and version (empty: not here)."""

    python: str
    threads: int
    syntaxes: tuple[tuple[str, str, bool, str], ...]
    libraries: tuple[tuple[str, str], ...]
    weights: tuple[tuple[str, str], ...]

    @property
    def exit_code(self) -> Exit:
        """0, whatever is missing: that is for the reader to judge."""
        return Exit.OK

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "pleura": __version__,
            "python": self.python,
            "threads": self.threads,
            "syntaxes": [dict(zip(("uid", "name", "readable", "by"), one, strict=True)) for one in self.syntaxes],
            "libraries": {name: found or None for name, found in self.libraries},
            "weights": dict(self.weights),
        }

    def table(self) -> Table | None:
        """Transfer syntaxes, one a row."""
        rows = tuple((name, uid, "yes" if readable else "no", by) for uid, name, readable, by in self.syntaxes)
        return Table("Transfer syntaxes", ("name", "UID", "read", "by"), rows)

    def notes(self) -> Sequence[str]:
        """Versions, threads, the hash of a model's weights."""
        libraries = ", ".join(f"{name} {found or 'not installed'}" for name, found in self.libraries)
        return [
            f"pleura {__version__}, Python {self.python}, {self.threads} threads",
            libraries,
            *(f"weights {name}: sha256 {digest}" for name, digest in self.weights),
        ]


def doctor(*, model: Path | None = None, progress: Progress = silent) -> DoctorResult:
    """Tell what can be read here, with versions.

    Args:
        model: Run folder of a trained model, whose weights' SHA-256 is to be told too.

    Returns:
        Transfer syntaxes and whether each can be decoded, versions of the libraries, threads, the hash of the weights.

    Raises:
        UsageError: `model` holds no model.onnx.
    """
    import platform

    from pleura.codecs.frames import ENCODED, NATIVE, can_decode

    weights = []
    if model is not None:
        if not (model / "model.onnx").is_file():
            raise UsageError("doctor: --model holds no model.onnx: give the run folder that train wrote")
        weights.append(("model.onnx", sha256_file(model / "model.onnx")))
    plain = [(uid, name, True, "pleura" if "Deflated" not in name else "pydicom") for uid, name in NATIVE.items()]
    packed = [(uid, name, can_decode(uid), f"imagecodecs {codec}") for uid, (name, codec) in ENCODED.items()]
    return DoctorResult(
        platform.python_version(),
        os.cpu_count() or 1,
        (*plain, *packed),
        tuple((name, _version(name)) for name in LIBRARIES),
        tuple(weights),
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
