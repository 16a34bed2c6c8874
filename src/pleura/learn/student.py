"""The report's classes, for people who write their own experiment: plain arrays, any network, any
loss, any optimiser, any data set of (slice, mask).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from pleura.core.errors import UsageError
from pleura.geometry.network_grid import NetInput
from pleura.learn.loop import RunningScore
from pleura.learn.losses import loss_of
from pleura.learn.recipe import DiceForm, Recipe
from pleura.learn.unet import LightUNet
from pleura.metrics.overlap import slice_overlap
from pleura.metrics.slices import slice_classes

Sample = tuple[Tensor, Tensor]


class DICOMSliceDataset(Dataset[Sample]):
    """Axial slices of cases, as (slice, mask), float32 `(1, rows, columns)` each; HU as they are.

    Args:
        volumes: case to HU `(slices, rows, columns)`.
        masks: case to mask of the same shape; above 0 is lung.
        cases: which cases, in this order; by default all of `masks`.
        size: rows and columns to resample to, as `pleura train` does; by default none.

    Raises:
        UsageError: a case is missing, or its shapes differ.
    """

    def __init__(
        self,
        volumes: Mapping[str, NDArray[Any]],
        masks: Mapping[str, NDArray[Any]],
        cases: Sequence[str] | None = None,
        size: int | None = None,
    ) -> None:
        chosen = list(masks) if cases is None else list(cases)
        missing = [case for case in chosen if case not in volumes or case not in masks]
        if missing:
            raise UsageError(f"{missing[0]}: no volume or no mask of this case")
        self.volumes = {case: volumes[case] for case in chosen}
        self.masks = {case: masks[case] for case in chosen}
        for case in chosen:
            if self.volumes[case].shape != self.masks[case].shape:
                raise UsageError(f"{case}: volume and mask have different shapes")
        self.size = size
        self.places = [(case, k) for case in chosen for k in range(len(self.volumes[case]))]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Sample:
        case, k = self.places[index]
        hu = np.array(self.volumes[case][k], np.float32)
        lung = np.array(self.masks[case][k] > 0)
        if self.size is None:
            return torch.from_numpy(hu)[None], torch.from_numpy(lung.astype(np.float32))[None]
        net = NetInput(self.size, scaling="none")
        pair = net.show(hu.astype(np.int16), (1.0, 1.0)), net.show_mask(lung, (1.0, 1.0))
        return torch.from_numpy(pair[0])[None], torch.from_numpy(pair[1])[None]


class UNet(LightUNet):
    """The report's light U-Net: 16-32-64, bottleneck 128, `Dropout2d` in the max-pool block, 3 × 3
    transposed convolutions; 536,913 parameters. Sides of its input are divisible by 8.
    """

    def __init__(self, dropout: float = 0.5) -> None:
        super().__init__(dropout=dropout, variant="report")


class CombinedLoss(nn.Module):
    """α·BCE + (1 − α)·SoftDice on logits (Eq. 2.5); `dice` as `pleura train --dice`."""

    def __init__(self, alpha: float = 0.5, dice: DiceForm = "sum") -> None:
        super().__init__()
        recipe = Recipe(alpha=alpha, dice=dice)
        recipe.check()
        self._loss = loss_of(recipe)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch."""
        return self._loss(logits, target)


class ModelTrainer:
    """Trains any network that gives one logit a pixel.

    Args:
        model: the network.
        loss: of (logits, targets).
        optimiser: over the model's parameters; by default Adam with learning rate 0.1, as in the
            report.
        batch: batch size.
        seed: of the order of slices and of dropout; the model was initialised before.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module | None = None,
        optimiser: torch.optim.Optimizer | None = None,
        batch: int = 3,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.loss = CombinedLoss() if loss is None else loss
        self.optimiser = optimiser or torch.optim.Adam(model.parameters(), lr=0.1)
        self.batch, self.seed = batch, seed
        self.history: list[dict[str, Any]] = []

    def fit(
        self, train: Dataset[Sample], test: Dataset[Sample] | None = None, epochs: int = 10
    ) -> list[dict[str, Any]]:
        """Train for some epochs more.

        Returns:
            The history so far: a dictionary an epoch, with `epoch`, and `train` and `test` with
            mean `loss`, `accuracy` and `dice` at probability 0.5.
        """
        for _ in range(epochs):
            number = len(self.history) + 1
            line: dict[str, Any] = {"epoch": number, "train": self._epoch(train, number)}
            if test is not None:
                line["test"] = self.score(test)
            self.history.append(line)
        return self.history

    def _epoch(self, train: Dataset[Sample], number: int) -> dict[str, float]:
        torch.manual_seed(self.seed * 1_000 + number)
        order = torch.Generator().manual_seed(self.seed * 1_000 + number)
        score = RunningScore()
        self.model.train()
        loader = DataLoader(train, batch_size=self.batch, shuffle=True, generator=order)
        for slices, targets in self._batches(loader):
            logits = self.model(slices)
            loss = self.loss(logits, targets)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            score.add(logits.detach(), targets, loss.item())
        return score.mean()

    @torch.no_grad()
    def score(self, data: Dataset[Sample]) -> dict[str, float]:
        """Mean loss, accuracy and Dice over slices in order; nothing is trained."""
        score = RunningScore()
        self.model.eval()
        for slices, targets in self._batches(DataLoader(data, batch_size=self.batch)):
            logits = self.model(slices)
            score.add(logits, targets, float(self.loss(logits, targets)))
        return score.mean()

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _batches(self, loader: DataLoader[Sample]) -> Iterator[Sample]:
        for slices, targets in loader:
            yield slices.to(self._device), targets.to(self._device)


@dataclass(frozen=True)
class SliceScore:
    """The score of one slice. `dice` is `None` where neither has lung; `kind` is lung, empty,
    hallucinated or missed.
    """

    number: int
    accuracy: float
    dice: float | None
    kind: str
    predicted_pixels: int


@torch.no_grad()
def evaluate_slices(model: nn.Module, data: Dataset[Sample], batch: int = 3) -> list[SliceScore]:
    """Accuracy and Dice of every slice, in the data set's order, at probability 0.5."""
    device = next(model.parameters()).device
    model.eval()
    answers, lungs = [], []
    for slices, targets in DataLoader(data, batch_size=batch):
        answers.append((model(slices.to(device))[:, 0] >= 0).cpu().numpy())
        lungs.append((targets[:, 0] >= 0.5).numpy())
    answer, lung = np.concatenate(answers), np.concatenate(lungs)
    overlap = slice_overlap(answer, lung)
    kinds = slice_classes(overlap)
    scores = []
    for k, (predicted, true) in enumerate(zip(overlap.predicted, overlap.true, strict=True)):
        area = int(predicted) + int(true)
        dice = 2 * int((answer[k] & lung[k]).sum()) / area if area else None
        accuracy = float((answer[k] == lung[k]).mean())
        scores.append(SliceScore(k, accuracy, dice, str(kinds[k]), int(predicted)))
    return scores
