"""`pleura doctor`: the transfer syntaxes, libraries and versions of this installation."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura import __version__
from pleura.core.atomic import sha256_file
from pleura.core.errors import InputRefused, UsageError
from pleura.core.inventory import components, version_and_licence
from pleura.core.progress import Progress, silent
from pleura.core.results import Result, Table
from pleura.store.layout import MODEL
from pleura.store.remote import on_folders

LIBRARIES = (
    *("numpy", "scipy", "pydicom", "imagecodecs", "connected-components-3d", "edt", "nibabel"),
    *("onnxruntime", "matplotlib", "torch"),
)
"""What pleura may use; those of extras may be missing."""


@dataclass(frozen=True)
class DoctorResult(Result):
    """`syntaxes`: UID, name, readable, by what; `libraries`: name, version or empty, licence."""

    python: str
    threads: int
    syntaxes: tuple[tuple[str, str, bool, str], ...]
    libraries: tuple[tuple[str, str, str], ...]
    weights: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "pleura": __version__,
            "python": self.python,
            "threads": self.threads,
            "syntaxes": [
                dict(zip(("uid", "name", "readable", "by"), one, strict=True))
                for one in self.syntaxes
            ],
            "libraries": {name: found or None for name, found, _ in self.libraries},
            "licences": {name: licence for name, found, licence in self.libraries if found},
            "components": [
                {"name": name, "version": found, "licence": licence}
                for name, found, licence in components()
            ],
            "weights": dict(self.weights),
        }

    def table(self) -> Table | None:
        """Transfer syntaxes, one a row."""
        rows = tuple(
            (name, uid, "yes" if readable else "no", by)
            for uid, name, readable, by in self.syntaxes
        )
        return Table("Transfer syntaxes", ("name", "UID", "read", "by"), rows)

    def notes(self) -> Sequence[str]:
        """Versions, threads, licences, the hash of a model's weights."""
        return [
            f"pleura {__version__}, Python {self.python}, {self.threads} threads",
            *(
                f"{name} {found} ({licence})" if found else f"{name}: not installed"
                for name, found, licence in self.libraries
            ),
            *(f"weights {name}: sha256 {digest}" for name, digest in self.weights),
        ]


@on_folders
def doctor(*, model: Path | None = None, progress: Progress = silent) -> DoctorResult:
    """List supported transfer syntaxes and library versions.

    A tiny slice is written and read back in each uncompressed transfer syntax; a tiny frame is
    decoded in each compressed one.

    Args:
        model: Run folder of a trained model; the SHA-256 of its weights is listed too.

    Returns:
        Transfer syntaxes and whether each can be decoded; versions and licences of the libraries,
        threads, the weights' hash.

    Raises:
        UsageError: `model` has no model.onnx.
    """
    import platform

    from pleura.codecs.frames import ENCODED, NATIVE, can_decode, decoder_of

    weights = []
    if model is not None:
        if not (model / MODEL).is_file():
            raise UsageError(
                "doctor: --model has no model.onnx; give the run folder that train wrote"
            )
        weights.append((MODEL, sha256_file(model / MODEL)))
    plain = [(uid, name, _reads(uid), "pleura") for uid, name in NATIVE.items()]
    packed = [(uid, name, can_decode(uid), decoder_of(uid)) for uid, (name, _) in ENCODED.items()]
    return DoctorResult(
        platform.python_version(),
        os.cpu_count() or 1,
        (*plain, *packed),
        tuple((name, *version_and_licence(name)) for name in LIBRARIES),
        tuple(weights),
    )


def _reads(syntax: str) -> bool:
    """Whether a small volume written in an uncompressed transfer syntax comes back as it was."""
    import tempfile

    import numpy as np

    from pleura.dicom.series import find_series
    from pleura.geometry.grid import Grid
    from pleura.geometry.volume import Volume
    from pleura.phantom.writer import SYNTAXES, SeriesSpec, write_series

    hu = np.arange(-1000, 1048, 16, dtype=np.int16).reshape(2, 8, 8)
    volume = Volume(hu, Grid.axial(hu.shape, (1, 1, 1)))
    names = {uid: name for name, uid in SYNTAXES.items()}
    with tempfile.TemporaryDirectory() as folder:
        write_series(Path(folder), volume, SeriesSpec(syntax=names[syntax]))
        try:
            (one,) = find_series(Path(folder))
            return bool(np.array_equal(one.read().hu, hu))
        except (InputRefused, ValueError):
            return False
