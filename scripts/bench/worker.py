"""One peer of the benchmark. For each line `COUNT` on stdin it generates so many tokens, and
prints the seconds per token.

    worker.py PEER MODEL_FOLDER

A peer generates from the same weights in its own way, sampling included, one text after another.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # textgenrnn's Python 3.7 cannot evaluate these
    Run = Callable[[int], int]
    """Generates so many tokens; returns how many it has made in the end."""
    Make = Callable[[Path], Run]
    """Gets a peer ready, from a folder of model files."""

PEERS: dict[str, Make] = {}


def peer(name: str) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        PEERS[name] = make
        return make

    return register


def _ours(
    backend: str,
    streams: int = 1,
    file: str = "model.tflite",
    threads: int = 1,
    settled: bool = False,
) -> None:
    label = f"{backend}{'' if streams == 1 else f' ×{streams}'}"
    label += " settled" if settled else ""
    label += " int8" if "int8" in file else ""
    label += "" if threads == 1 else f" {threads} threads"

    @peer(label)
    def make(folder: Path) -> Run:
        from pi_runtime.backends.tflite import whole_window
        from pi_runtime.generation import generator
        from pi_runtime.generation.generator import TextGenerator

        # A text alone ends before its windows would be compiled; a service's texts go on.
        alone = streams == 1 and not settled
        whole_window.SETTLED["float32"] = sys.maxsize if alone else 0
        generator.MAX_BATCH = streams
        texts = TextGenerator.load(folder / file, backend=backend, threads=threads)

        def one_by_one(tokens: int) -> int:
            made = 0
            while made < tokens:
                for _ in texts.stream(seed=made, max_gen_length=tokens - made + 1):
                    made += 1
                made += 1
            return tokens

        def at_once(tokens: int) -> int:
            # Twice as many texts as there is room for, so that slots are taken again.
            found = texts.generate(2 * streams, seed=tokens, max_gen_length=26)
            return sum(min(len(text) + 1, 25) for text in found)

        return one_by_one if streams == 1 else at_once


for _backend in ("numpy", "tflite", "onnx"):
    for _streams in (1, 4, 16, 64):
        for _threads in (1, 2):
            _ours(_backend, _streams, threads=_threads)
_ours("tflite", settled=True)
_ours("tflite", file="model-int8.tflite")
_ours("tflite", streams=64, file="model-int8.tflite")


class _Sampler:
    """textgenrnn's loop around a function from a window [1, T] to probabilities [1, V]."""

    def __init__(self, folder: Path, probabilities: Callable[[Any], Any]) -> None:
        import numpy as np

        self.np, self.probabilities = np, probabilities
        self.length = json.loads((folder / "peers.json").read_text())["max_length"]
        self.random = np.random.RandomState(0)

    def __call__(self, tokens: int) -> int:
        np = self.np
        window = np.zeros((1, self.length), np.int32)
        for number in range(tokens):
            probabilities = np.asarray(self.probabilities(window)[0], np.float64)
            logits = np.log(probabilities + 1e-7) / (1.0, 0.5, 0.2, 0.2)[number % 4]
            weights = np.exp(logits)
            token_id = int(np.argmax(self.random.multinomial(1, weights / weights.sum())))
            window[0, :-1] = window[0, 1:]
            window[0, -1] = token_id or 1
        return tokens


@peer("Keras TFLite, whole window")
def _keras_tflite(folder: Path) -> Run:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tflite_runtime.interpreter import Interpreter
    interpreter = Interpreter(str(folder / "keras.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    (given,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()

    def probabilities(window: Any) -> Any:
        interpreter.set_tensor(given["index"], window.astype(given["dtype"]))
        interpreter.invoke()
        return interpreter.get_tensor(wanted["index"])

    return _Sampler(folder, probabilities)


@peer("ONNX Runtime, whole window")
def _onnx(folder: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
    return _Sampler(folder, lambda window: session.run(None, {"window": window})[0])


@peer("NumPy, whole window")
def _numpy_window(folder: Path) -> Run:
    from pi_runtime.backends.reference import window_probabilities
    from pi_runtime.model.file import ModelFile

    network = ModelFile(folder / "model.tflite").network()
    return _Sampler(folder, lambda window: window_probabilities(network, window))


@peer("textgenrnn 1.4.1, TF 1.15")
def _textgenrnn(folder: Path) -> Run:
    import numpy as np
    from textgenrnn import textgenrnn

    model = textgenrnn(
        *(str(folder / f"model_{part}") for part in ("weights.hdf5", "vocab.json", "config.json"))
    )

    def run(tokens: int) -> int:
        np.random.seed(0)
        made = 0
        while made < tokens:
            (text,) = model.generate(return_as_list=True, max_gen_length=tokens - made + 1)
            made += len(text) + 1
        return tokens

    return run


@peer("sgemm")
def _sgemm(folder: Path) -> Run:
    """The machine's peak: a product of 1024 × 1024 matrices counts as a token."""
    import numpy as np

    a = np.random.rand(1024, 1024).astype(np.float32)
    out = np.empty_like(a)

    def run(tokens: int) -> int:
        for _ in range(tokens):
            np.dot(a, a, out=out)
        return tokens

    return run


def main() -> None:
    run = PEERS[sys.argv[1]](Path(sys.argv[2]))
    run(20)
    print("ready", flush=True)
    for line in sys.stdin:
        tokens = int(line)
        begun = time.perf_counter()
        made = run(tokens)
        seconds = time.perf_counter() - begun
        print(seconds / made, flush=True)


if __name__ == "__main__":
    main()
