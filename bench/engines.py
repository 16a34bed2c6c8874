"""Other ways to run the shipped network: `python bench/engines.py SERIES CALIBRATION…`.

ONNX Runtime in float32, as `segment` runs it; the same in int8 (static quantisation, weights a
channel at a time, calibrated on other series than the one that is timed); and OpenVINO in float32,
where it is installed. One thread each, CPU seconds, the fastest of `ROUNDS`, in turns. What changed
is the share of the lungs' voxels on the network's grid that get another class. Prints Markdown.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

import pleura
from pleura.segmenters import shipped

ROUNDS = 8
Floats = NDArray[np.float32]
Run = Callable[[Floats], Floats]


class Inputs(CalibrationDataReader):
    """The network's inputs of the series that calibrate."""

    def __init__(self, arrays: list[Floats]) -> None:
        self.left: Iterator[Floats] = iter(arrays)

    def get_next(self) -> dict[str, Floats] | None:
        """The next input; `None` after the last."""
        array = next(self.left, None)
        return None if array is None else {"ct": array}


class Seen(shipped.ShippedNetwork):
    """The shipped network, which keeps what it is given."""

    def logits(self, coarse_hu: Floats) -> Floats:
        """One pass, whose padded input is kept in `INPUTS`."""
        short = [(0, -n % int(self.card["multiple_of"])) for n in coarse_hu.shape]
        INPUTS.append(np.pad(coarse_hu, short, constant_values=shipped.AIR_HU)[None, None])
        return super().logits(coarse_hu)


INPUTS: list[Floats] = []


def main() -> None:
    """Print the table."""
    network = Seen.open()
    for series in sys.argv[1:]:
        for volume in pleura.load(series).values():
            network(volume)
    timed, *calibration = INPUTS
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            "ONNX Runtime, float32": onnx_runtime(network.weights),
            "ONNX Runtime, int8": onnx_runtime(in_int8(network.weights, calibration, Path(folder))),
        }
        if find_spec("openvino"):
            runs["OpenVINO, float32"] = openvino(network.weights)
        seconds = dict.fromkeys(runs, float("inf"))
        classes: dict[str, NDArray[Any]] = {}
        for _ in range(ROUNDS):
            for name, run in runs.items():
                start = time.process_time()
                logits = run(timed)
                seconds[name] = min(seconds[name], time.process_time() - start)
                classes[name] = logits.argmax(axis=1)
    usual = next(iter(classes.values()))
    print("| engine | CPU s | voxels of the lungs changed |\n|---|---|---|")
    for name, labels in classes.items():
        changed = np.count_nonzero(labels != usual) / np.count_nonzero(usual)
        print(f"| {name} | {seconds[name]:.2f} | {100 * changed:.2f} % |")


def onnx_runtime(weights: bytes) -> Run:
    """The network in ONNX Runtime with one thread."""
    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    return lambda ct: session.run(["logits"], {"ct": ct})[0]


def in_int8(weights: bytes, calibration: list[Floats], folder: Path) -> bytes:
    """The network with weights and activations of 8 bits."""
    whole, small = folder / "whole.onnx", folder / "int8.onnx"
    whole.write_bytes(weights)
    quantize_static(
        whole,
        small,
        Inputs(calibration),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    return small.read_bytes()


def openvino(weights: bytes) -> Run:
    """The network in OpenVINO with one thread; it prints what preparing it took."""
    from openvino import Core  # not a dependency

    start = time.process_time()
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    model = Core().compile_model(Core().read_model(weights), "CPU", settings)
    print(f"OpenVINO prepares the network in {time.process_time() - start:.2f} CPU s.\n")
    return lambda ct: model([ct])[model.output(0)]


if __name__ == "__main__":
    main()
