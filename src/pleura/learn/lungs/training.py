"""Train the network in phases that resume: cosine learning rate, averaged weights, fixed seeds."""

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pleura.learn.checkpoint import opened, write_tensors
from pleura.learn.lungs.net import LungNet
from pleura.learn.lungs.pool import Pool
from pleura.learn.lungs.samples import Sample

DICE_SMOOTHING = 500.0
"""[voxels] Added to numerator and denominator, so that samples without lung have small gradients.
"""
DENSE_WEIGHT = 2.0
AVERAGING = 0.99
SCALAR_FACTOR = 3.0
"""Gains and biases learn this many times faster than weights."""
SAVE_EVERY = 50
BATCH = 2


@dataclass(frozen=True)
class Phase:
    """A phase of training: its steps, and the learning rate at both ends.

    `skip` batches of the pool are left out, because an earlier phase has used them.
    """

    steps: int
    first_rate: float
    last_rate: float
    warm_up: int = 0
    skip: int = 0

    def rate(self, step: int) -> float:
        """Learning rate of a step: a linear warm-up, then half a cosine."""
        if step < self.warm_up:
            return self.first_rate * (step + 1) / self.warm_up
        share = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return (
            self.last_rate
            + (self.first_rate - self.last_rate) * (1 + math.cos(math.pi * share)) / 2
        )


def loss_of(logits: Tensor, samples: Sequence[Sample]) -> Tensor:
    """Cross entropy plus soft Dice of the two lungs (dense lung counts with its side).

    Ignored voxels do not count. Where density is unknown, only the side counts.
    """
    label = torch.from_numpy(np.stack([sample.label for sample in samples])).long()
    counts = torch.from_numpy(np.stack([~sample.ignore for sample in samples])).float()
    unsure = torch.from_numpy(np.stack([sample.density_unknown for sample in samples]))
    logs = torch.log_softmax(logits, dim=1)
    right = torch.logaddexp(logs[:, 1], logs[:, 3])
    left = torch.logaddexp(logs[:, 2], logs[:, 4])
    exact = logs.gather(1, label[:, None])[:, 0]
    is_right = (label == 1) | (label == 3)
    is_left = (label == 2) | (label == 4)
    side = torch.where(is_right, right, left)
    likelihood = torch.where(unsure & (label > 0), side, exact)
    weight = counts * torch.where(label > 2, DENSE_WEIGHT, 1.0)
    entropy = -(likelihood * weight).sum() / weight.sum().clamp(min=1)
    dice = logits.new_zeros(())
    for log, true in ((right, is_right), (left, is_left)):
        share = log.exp() * counts
        truth = true.float() * counts
        overlap = 2 * (share * truth).sum() + DICE_SMOOTHING
        dice = dice + overlap / (share.sum() + truth.sum() + DICE_SMOOTHING)
    return entropy + (1 - dice / 2)


@dataclass
class Learner:
    """A network, its optimiser, its averaged weights, and the steps done in the phase."""

    net: LungNet
    optimiser: torch.optim.Optimizer
    average: dict[str, Tensor]
    step: int = 0

    @classmethod
    def new(cls, seed: int) -> "Learner":
        """A network with weights drawn by `seed`."""
        torch.manual_seed(seed)
        net = LungNet()
        decayed = [p for name, p in net.named_parameters() if name.endswith("weight")]
        others = [p for name, p in net.named_parameters() if not name.endswith("weight")]
        groups = [
            {"params": decayed, "weight_decay": 1e-2, "factor": 1.0},
            {"params": others, "weight_decay": 0.0, "factor": SCALAR_FACTOR},
        ]
        optimiser = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98))
        average = {name: value.detach().clone() for name, value in net.state_dict().items()}
        return cls(net, optimiser, average)

    @classmethod
    def of(cls, net: LungNet, seed: int) -> "Learner":
        """A learner that starts from the weights of a network."""
        learner = cls.new(seed)
        learner.net.load_state_dict(net.state_dict())
        learner.average = {name: value.clone() for name, value in net.state_dict().items()}
        return learner

    def averaged(self) -> LungNet:
        """A network with the averaged weights."""
        net = LungNet()
        net.load_state_dict(self.average)
        return net.eval()

    def save(self, path: Path) -> None:
        """Write everything that a resumed run needs, as safetensors."""
        tensors = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {
                f"adam.{number}.{name}": torch.as_tensor(value) for name, value in state.items()
            }
        tensors = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
        write_tensors(path, tensors, step=self.step)

    @classmethod
    def load(cls, path: Path) -> "Learner":
        """Read what `save` wrote."""
        learner = cls.new(0)
        parts: dict[str, dict[str, Tensor]] = {"net": {}, "average": {}}
        moments: dict[int, dict[str, Tensor]] = {}
        with opened(path) as file:
            learner.step = int(file.metadata()["step"])
            for key in file.keys():  # noqa: SIM118 - not a mapping
                part, name = key.split(".", 1)
                if part == "adam":
                    number, moment = name.split(".", 1)
                    moments.setdefault(int(number), {})[moment] = file.get_tensor(key)
                else:
                    parts[part][name] = file.get_tensor(key)
        learner.net.load_state_dict(parts["net"])
        learner.average = parts["average"]
        groups = learner.optimiser.state_dict()["param_groups"]
        learner.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        return learner

    def update(self, samples: Sequence[Sample], rate: float) -> float:
        """Do one step with a learning rate; return the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        pictures = torch.from_numpy(np.stack([sample.hu for sample in samples])[:, None])
        loss = loss_of(self.net(pictures), samples)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        keep = min(AVERAGING, self.step / (self.step + 10))
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        return float(loss.detach())


Report = Callable[[dict[str, Any]], None]


def run_phase(
    phase: Phase,
    pool: Pool,
    path: Path,
    *,
    start: Path | None = None,
    held_out: Collection[str] = (),
    report: Report,
    seed: int = 0,
) -> None:
    """Train one phase into `path`, from the weights of `start`; resume where `path` exists.

    `report` is called with step, loss and CPU seconds after each step.
    """
    if path.exists():
        learner = Learner.load(path)
    elif start is not None:
        learner = Learner.load(start)
        learner.step = 0
    else:
        learner = Learner.new(seed)
    batches = islice(
        pool.batches(BATCH, held_out), phase.skip + learner.step, phase.skip + phase.steps
    )
    for numbers in batches:
        began = time.process_time()
        samples = [pool.sample(number) for number in numbers]
        drawn = time.process_time() - began
        loss = learner.update(samples, phase.rate(learner.step))
        seconds = time.process_time() - began
        report({"step": learner.step, "loss": loss, "cpu_s": seconds, "drawing_s": drawn})
        if learner.step % SAVE_EVERY == 0 or learner.step == phase.steps:
            learner.save(path)
