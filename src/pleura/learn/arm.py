"""One run of a study: a network trained on ready slices, and its answer on others."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pleura.core.progress import Progress, silent
from pleura.geometry.network_grid import NetInput
from pleura.learn.dataset import ArraySlices
from pleura.learn.loop import Diverged, fit
from pleura.learn.recipe import Recipe

Arrays = NDArray[Any]
BATCH = 8
"""Slices answered at once. Not a recipe's number: in evaluation it changes nothing."""


def trained_answers(
    recipe: Recipe,
    train: Sequence[tuple[Arrays, Arrays]],
    test: Sequence[Arrays],
    folder: Path,
    progress: Progress = silent,
) -> list[NDArray[np.bool_]]:
    """Train a network, or resume its training, and answer the test slices.

    One thread, on the CPU: the number of threads changes the last bits of a convolution, and a
    study must not depend on how many workers it had.

    Args:
        recipe: every number that decides.
        train: slices and targets `(slices, size, size)` of each training case.
        test: slices of each test case.
        folder: where the checkpoints and `history.jsonl` are.
        progress: called after each step.

    Returns:
        Lung at probability 0.5, bool `(slices, size, size)`, of each test case.

    Raises:
        Diverged: the loss or an answer is not a finite number.
    """
    network_input = NetInput(recipe.size, scaling=recipe.scaling)
    thicken_seed = recipe.seed if "thicken" in recipe.augment else None
    learnt = ArraySlices(train, network_input, thicken_seed=thicken_seed)
    with _one_thread():
        net = fit(
            recipe,
            learnt,
            ArraySlices([], network_input),
            folder,
            device=torch.device("cpu"),
            progress=progress,
        )
        return [_answer(net, slices) for slices in test]


@torch.no_grad()
def _answer(net: nn.Module, slices: Arrays) -> NDArray[np.bool_]:
    net.eval()
    parts = []
    for first in range(0, len(slices), BATCH):
        batch = torch.from_numpy(np.array(slices[first : first + BATCH], np.float32))[:, None]
        logits = net(batch.contiguous(memory_format=torch.channels_last))[:, 0].numpy()
        if not np.isfinite(logits).all():
            raise Diverged("the network's answer is not a finite number; lower --lr")
        parts.append(logits >= 0)
    return np.concatenate(parts)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
