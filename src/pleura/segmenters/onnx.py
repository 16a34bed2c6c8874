"""A 2-D network that `pleura train` wrote: `model.onnx` and its card `model.json`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.airways import with_wall
from pleura.anatomy.anatomy import Anatomy
from pleura.anatomy.couch import couch_mask, without_couch
from pleura.anatomy.lungs import clean_lungs
from pleura.anatomy.rim import settle_rim
from pleura.anatomy.sides import split_sides
from pleura.core.atomic import read_json
from pleura.core.codes import finding, refused
from pleura.core.errors import UsageError
from pleura.core.progress import Progress, silent
from pleura.geometry.network_grid import NetInput
from pleura.geometry.resample import Upright
from pleura.geometry.volume import AIR_HU, Volume
from pleura.segmenters.protocol import Segmentation
from pleura.segmenters.runtime import check_weights, open_network

FORMAT = "pleura-model/1"
BATCH = 4
WALL_MM = 2.0
"""[mm] Walls of trachea and main bronchi, which networks take for lung above the apex."""


CARD = "model.json"
LARGEST_INPUT = 4096
"""Rows and columns of the network's input; slices of CT have at most 2,048."""


@dataclass(frozen=True)
class OnnxSegmenter:
    """A network from slices to probabilities of lung, with threshold and cleaning."""

    folder: Path
    card: dict[str, Any]
    threshold: float
    device: str = "cpu"
    weights: bytes = field(default=b"", repr=False)

    @classmethod
    def open(
        cls, folder: Path, *, threshold: float | None = None, device: str = "cpu"
    ) -> "OnnxSegmenter":
        """Open the run folder of a trained model.

        Args:
            folder: holds `model.onnx` and `model.json`; or one folder (of one loss) that does.
            threshold: probability from which a pixel is lung; the model's own where `None`.
            device: `cpu` or `cuda`.

        Raises:
            UsageError: no model there, or a threshold outside 0 to 1.
            InputRefused: the weights are missing, changed, or reach outside their file.
        """
        inner = [path.parent for path in sorted(folder.glob("*/model.json"))]
        if not (folder / "model.json").exists():
            if not inner:
                raise UsageError("--model: no model.json there")
            if len(inner) > 1:
                names = ", ".join(path.name for path in inner)
                raise UsageError(f"--model: several models there: name one of {names}")
            folder = inner[0]
        card = _read_card(folder / CARD)
        try:
            weights = (folder / "model.onnx").read_bytes()
        except OSError as error:
            raise refused("WEIGHTS-UNREADABLE") from error
        check_weights(weights, card["sha256"])
        chosen = float(card["threshold"]) if threshold is None else threshold
        if not 0 < chosen < 1:
            raise UsageError(f"--threshold is {chosen}; give a probability between 0 and 1")
        return cls(folder, card, chosen, device, weights)

    @property
    def name(self) -> str:
        """`onnx`."""
        return "onnx"

    def describe(self) -> dict[str, Any]:
        """Name, weights' hash, input, threshold, loss, preset and couch."""
        about = {key: self.card[key] for key in ("sha256", "input", "loss", "preset")}
        about["couch"] = self.card.get("couch", "keep")
        return {"name": self.name, "threshold": self.threshold} | about

    def __call__(
        self, volume: Volume, progress: Progress = silent, *, anatomy: Anatomy | None = None
    ) -> Segmentation:
        """Segment one volume; see the protocol."""
        anatomy = anatomy or Anatomy(volume)
        body = anatomy.body
        raw = self.raw(self._shown(volume, body), progress)
        tube = with_wall(anatomy.airways, volume, WALL_MM)
        turn = Upright.of(volume.grid)
        pixel = (
            max(volume.hu.shape[axis] * volume.grid.spacing_mm[axis] for axis in turn.axes[1:])
            / self.card["input"]["size"]
        )
        lungs = clean_lungs(
            settle_rim(raw & body & ~tube, volume, pixel), volume, body=body, tube=tube
        )
        return Segmentation(
            raw,
            split_sides(lungs, volume.grid, middle_mm=anatomy.midline_mm),
            () if lungs.any() else (finding("NO-LUNGS-FOUND", ml=0),),
        )

    def _shown(self, volume: Volume, body: NDArray[np.bool_]) -> Volume:
        """The volume that the network sees: without its couch, where it was trained so."""
        if self.card.get("couch", "keep") == "keep":
            return volume
        return without_couch(volume, couch_mask(volume, body))

    def raw(self, volume: Volume, progress: Progress = silent) -> NDArray[np.bool_]:
        """The network's result after the threshold, bool on the volume's grid.

        The network gets axial slices, however the stack is stored.
        """
        network_input = NetInput.from_json(self.card["input"])
        turn = Upright.of(volume.grid)
        spacing = turn.spacing_mm[1:]
        hu = turn.turn(volume.hu)
        padding = turn.padding(volume)
        raw = np.zeros(volume.hu.shape, np.bool_)
        target = turn.turn(raw)
        predict = open_network(self.weights, ["probability"], device=self.device)
        for first in range(0, len(hu), BATCH):
            pictures = []
            for number in range(first, min(first + BATCH, len(hu))):
                one = np.array(hu[number])
                if padding is not None:
                    one[padding[number]] = AIR_HU
                pictures.append(network_input.show(one, spacing))
            for offset, probability in enumerate(
                predict({"picture": np.stack(pictures)[:, None]})[0][:, 0]
            ):
                answer = network_input.answer(probability, hu.shape[1:], spacing)
                np.greater_equal(answer, self.threshold, out=target[first + offset])
            progress("network", min(first + BATCH, len(hu)), len(hu))
        return raw


def _read_card(path: Path) -> dict[str, Any]:
    """A model card, checked: it may have come from somebody else.

    Raises:
        UsageError: it is broken, of another format, or its numbers make no sense.
    """
    try:
        card = read_json(path)
        if card["format"] != FORMAT:
            raise UsageError("--model: model.json is of a format that this version does not know")
        network_input = NetInput.from_json(card["input"])
        is_valid = (
            isinstance(card["sha256"], str)
            and 0 < float(card["threshold"]) < 1
            and 16 <= network_input.size <= LARGEST_INPUT
            and np.isfinite((network_input.low_hu, network_input.high_hu)).all()
            and network_input.scaling in ("window", "none")
            and {"loss", "preset"} <= card.keys()
        )
    except UsageError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UsageError("--model: model.json is broken; train writes it again") from error
    if not is_valid:
        raise UsageError("--model: model.json has values that no training writes")
    return dict(card)
