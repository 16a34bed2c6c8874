"""pleura: a folder of chest CT (DICOM) to lung masks, and numbers about them, that a careful person
can trust.

Not a medical device. `import pleura` loads nothing heavy: every public name is fetched when it is
first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from pleura.core.errors import PleuraError as PleuraError
    from pleura.core.findings import Finding as Finding
    from pleura.core.findings import Verdict as Verdict
    from pleura.geometry.grid import Grid as Grid
    from pleura.geometry.volume import LungMask as LungMask
    from pleura.geometry.volume import Volume as Volume
    from pleura.labels.api import read_mask as read_mask
    from pleura.labels.api import write_mask as write_mask
    from pleura.scoring.score import Score as Score
    from pleura.scoring.score import score as score
    from pleura.segmenting.images import find_lungs as find_lungs
    from pleura.segmenting.images import measure as measure
    from pleura.segmenting.images import to_nifti as to_nifti
    from pleura.segmenting.images import to_seg as to_seg
    from pleura.segmenting.images import to_sitk as to_sitk
    from pleura.verbs.couch import couch as couch
    from pleura.verbs.deidentify import deidentify as deidentify
    from pleura.verbs.evaluate import evaluate as evaluate
    from pleura.verbs.load import load as load
    from pleura.verbs.prepare import prepare as prepare
    from pleura.verbs.report import report as report
    from pleura.verbs.run import run as run
    from pleura.verbs.scan import scan as scan
    from pleura.verbs.segment import segment as segment
    from pleura.verbs.status import status as status
    from pleura.verbs.study import study as study
    from pleura.verbs.train import train as train
    from pleura.verbs.verify import verify as verify

VERBS = tuple(
    "couch deidentify evaluate load prepare report run scan segment status study train "
    "verify".split()
)
"""Every verb but `phantom` (a room has its name) and `measure` (the function without files)."""

IMAGES = ("find_lungs", "measure", "to_nifti", "to_seg", "to_sitk")
"""The main job without files."""

_HOME = {
    "Finding": "pleura.core.findings",
    "Grid": "pleura.geometry.grid",
    "LungMask": "pleura.geometry.volume",
    "PleuraError": "pleura.core.errors",
    "Score": "pleura.scoring.score",
    "Verdict": "pleura.core.findings",
    "Volume": "pleura.geometry.volume",
    "read_mask": "pleura.labels.api",
    "score": "pleura.scoring.score",
    "write_mask": "pleura.labels.api",
}
_HOME |= {verb: f"pleura.verbs.{verb}" for verb in VERBS}
_HOME |= dict.fromkeys(IMAGES, "pleura.segmenting.images")

__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'pleura' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    if name in VERBS:
        from pleura.core.arguments import checks_arguments

        value = checks_arguments(value)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
