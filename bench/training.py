"""What a training step and a network's answer cost here: `python bench/training.py [threads]`.

Wall clock tells the time on an idle machine only; CPU seconds, beside it, change less where others
share the cores.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

from pleura.geometry.network_grid import NetInput
from pleura.learn.augment import augmented
from pleura.learn.export import write_onnx
from pleura.learn.losses import loss_of
from pleura.learn.recipe import DEFAULT, REPORT, STEPS, Recipe
from pleura.learn.unet import LightUNet

SLICES = 140
"""Of a chest with a usual slice spacing."""


def main() -> None:
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count() or 1
    torch.set_num_threads(threads)
    print(f"{threads} threads, torch {torch.__version__}; medians of 5 after 2 unmeasured\n")
    print(
        "| preset | picture | batch | step, s | step, CPU s | whole training of two chests of "
        "133 slices |"
    )
    print("|---|---|---|---|---|---|")
    for name, recipe, size in (
        ("default", DEFAULT, 256),
        ("report", REPORT, 256),
        ("report", REPORT, 512),
    ):
        wall, cpu = _measured(_step(recipe, size))
        steps = STEPS if name == "default" else recipe.epochs * -(-234 // recipe.batch)
        whole = f"{steps} steps: {steps * wall / 60:.1f} min, {steps * cpu / 60:.1f} CPU min"
        print(f"| {name} | {size}² | {recipe.batch} | {wall:.2f} | {cpu:.2f} | {whole} |")
    print(f"\n| network in onnxruntime | {SLICES} slices, s | CPU s |\n|---|---|---|")
    for size in (256, 512):
        wall, cpu = _measured(_answer(size))
        print(f"| {size}² | {SLICES / 4 * wall:.1f} | {SLICES / 4 * cpu:.1f} |")


def _step(recipe: Recipe, size: int) -> Callable[[], None]:
    """One step of the loop: augmentation where the preset has it, forward, loss, backward, Adam."""
    torch.manual_seed(0)
    net = LightUNet(dropout=recipe.dropout, variant=recipe.network).to(
        memory_format=torch.channels_last
    )
    optimiser = torch.optim.Adam(net.parameters(), lr=recipe.lr)
    compute = loss_of(recipe)
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(recipe.batch, 1, size, size, generator=generator)
    targets = (pictures > 0.8).float()

    def step() -> None:
        net_input = NetInput(recipe.size, scaling=recipe.scaling)
        shown, wanted = augmented(pictures, targets, generator, recipe.augment, net_input)
        optimiser.zero_grad(set_to_none=True)
        compute(net(shown.contiguous(memory_format=torch.channels_last)), wanted).backward()
        optimiser.step()

    return step


def _answer(size: int) -> Callable[[], None]:
    """The exported network on four slices, on as many threads as onnxruntime takes by itself."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        write_onnx(LightUNet().eval(), size, Path(folder) / "model.onnx")
        session = onnxruntime.InferenceSession(
            Path(folder) / "model.onnx", providers=["CPUExecutionProvider"]
        )
    pictures = np.random.default_rng(0).random((4, 1, size, size), dtype=np.float32)
    return lambda: session.run(["probability"], {"picture": pictures})


def _measured(work: Callable[[], object]) -> tuple[float, float]:
    """Median wall and CPU seconds of a call."""
    taken = []
    for turn in range(7):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        if turn >= 2:
            taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    return median(w for w, _ in taken), median(c for _, c in taken)


if __name__ == "__main__":
    main()
