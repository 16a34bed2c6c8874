"""Checkpoints: weights and optimiser in safetensors, the rest in JSON beside them.

Both are written atomically, the tensors last.
"""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as packed
from torch import Tensor, nn

from pleura.core.atomic import atomic_file, write_json
from pleura.core.errors import InputRefused


def save(
    stem: Path, net: nn.Module, optimiser: torch.optim.Optimizer, about: dict[str, Any]
) -> None:
    """Write `<stem>.json`, then `<stem>.safetensors`, whose epoch counts.

    After a kill between the two the epoch is done again.
    """
    tensors = {
        f"net.{name}": value.detach().cpu().contiguous() for name, value in net.state_dict().items()
    }
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {
            f"adam.{number}.{name}": torch.as_tensor(value).detach().cpu().contiguous()
            for name, value in state.items()
        }
    write_json(stem.with_suffix(".json"), about)
    write_tensors(stem.with_suffix(".safetensors"), tensors, epoch=about["epoch"])


def write_tensors(path: Path, tensors: Mapping[str, Tensor], **about: int) -> None:
    """Write tensors with numbers about them, whole or not at all.

    Raises:
        OSError: the disk fails; the library's own function hides that.
    """
    data = packed(dict(tensors), {name: str(value) for name, value in about.items()})
    with atomic_file(path) as part:
        part.write_bytes(data)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A checkpoint, open.

    Raises:
        InputRefused: it is broken.
        OSError: the disk fails; the library reports each of its errors as a missing file.
    """
    try:
        with safe_open(path, "pt") as file:
            yield file
    except SafetensorError as error:
        raise InputRefused(
            "a checkpoint is corrupt: give --overwrite, or train into another folder"
        ) from error
    except OSError as error:
        raise OSError(error.errno or errno.EIO, "a checkpoint cannot be opened") from error


def epoch_of(stem: Path) -> int:
    """The epoch of a checkpoint; 0 where there is none."""
    path = stem.with_suffix(".safetensors")
    if not path.exists():
        return 0
    with opened(path) as file:
        return int(file.metadata()["epoch"])


def restore(stem: Path, net: nn.Module, optimiser: torch.optim.Optimizer | None = None) -> None:
    """Load weights, and the optimiser's moments.

    Raises:
        InputRefused: the checkpoint is of another network.
    """
    weights: dict[str, Tensor] = {}
    moments: dict[int, dict[str, Tensor]] = {}
    with opened(stem.with_suffix(".safetensors")) as file:
        for key in file.keys():  # noqa: SIM118 - not a mapping
            kind, name = key.split(".", 1)
            if kind == "net":
                weights[name] = file.get_tensor(key)
            else:
                number, moment = name.split(".", 1)
                moments.setdefault(int(number), {})[moment] = file.get_tensor(key)
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise InputRefused(
            "the checkpoint is of another network: train into another folder, or give --overwrite"
        ) from error
    if optimiser is not None and moments:
        optimiser.load_state_dict(
            {"state": moments, "param_groups": optimiser.state_dict()["param_groups"]}
        )
