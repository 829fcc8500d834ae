"""The same weights for every peer: our model files, Keras 3's TFLite file, an ONNX graph, HDF5.

peers.py FOLDER stock WEIGHTS.hdf5
peers.py FOLDER random LAYERS UNITS WINDOW CLASSES KIND    forward, bidirectional or words
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from networks import letters, random_network, write_checkpoint

from convert.weights.keras_layout import network_to_keras
from pi_runtime.model.file import ModelFile
from pi_runtime.model.network import FloatArray, Lstm, Network


def build_keras(network: Network, length: int, path: Path) -> None:
    """Write what Keras 3 and its TFLite export make of textgenrnn's network."""
    import keras
    import tensorflow as tf

    class Attention(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
        """textgenrnn's AttentionWeightedAverage."""

        def build(self, shape: Any) -> None:
            self.w = self.add_weight(shape=(shape[-1], 1), name="w")

        def call(self, x: Any) -> Any:
            logits = keras.ops.matmul(x, self.w)
            a = keras.ops.exp(logits - keras.ops.max(logits, axis=1, keepdims=True))
            return keras.ops.sum(x * a / (keras.ops.sum(a, axis=1, keepdims=True) + 1e-7), axis=1)

    ids = keras.Input((length,), batch_size=1, dtype="int32")
    embedded = keras.layers.Embedding(*network.embedding.shape, name="embedding")(ids)
    outputs = [embedded]
    for number in range(1, len(network.layers) + 1):
        layer = keras.layers.LSTM(network.units, return_sequences=True)
        if network.bidirectional:
            layer = keras.layers.Bidirectional(layer)
        layer.name = f"rnn_{number}"
        outputs.append(layer(outputs[-1]))
    average = Attention(name="attention")(keras.layers.Concatenate()(outputs))
    answer = keras.layers.Dense(network.classes, activation="softmax", name="output")(average)
    model = keras.Model(ids, answer)
    for name, arrays in network_to_keras(network).items():
        model.get_layer(name).set_weights([*arrays.values()])
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def build_onnx(network: Network, length: int, path: Path) -> None:
    """Write an ONNX graph with the LSTM operator, the network's best form there."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    weights: list[Any] = []

    def constant(name: str, array: npt.NDArray[Any]) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def onnx_gates(array: FloatArray) -> FloatArray:
        i, f, o, c = np.split(array, 4, axis=-1)
        return np.concatenate([i, o, f, c], axis=-1)

    def lstm_arrays(lstms: tuple[Lstm, ...]) -> list[FloatArray]:
        return [
            np.stack([onnx_gates(lstm.kernel).T for lstm in lstms]),
            np.stack([onnx_gates(lstm.recurrent).T for lstm in lstms]),
            np.stack(
                [
                    np.concatenate([onnx_gates(lstm.bias), np.zeros(4 * lstm.units, np.float32)])
                    for lstm in lstms
                ]
            ),
        ]

    transposed = node("Transpose", ["window"], "steps", perm=[1, 0])
    sequence = node("Gather", [constant("table", network.embedding), transposed], "embedded")
    features = [sequence]
    for number, lstms in enumerate(network.layers):
        names = [
            constant(f"{part}{number}", array)
            for part, array in zip("WRB", lstm_arrays(lstms), strict=True)
        ]
        raw = node(
            "LSTM",
            [sequence, *names],
            f"lstm{number}",
            hidden_size=network.units,
            direction="bidirectional" if network.bidirectional else "forward",
        )
        swapped = node("Transpose", [raw], f"swapped{number}", perm=[0, 2, 1, 3])
        shape = constant(f"shape{number}", np.array([length, 1, -1], np.int64))
        sequence = node("Reshape", [swapped, shape], f"sequence{number}")
        features.append(sequence)
    every = node("Concat", features, "every", axis=-1)
    logits = node("MatMul", [every, constant("attention", network.attention)], "logits")
    shares = node("Softmax", [logits], "shares", axis=0)
    axis = constant("axis", np.array([0], np.int64))
    average = node(
        "ReduceSum", [node("Mul", [every, shares], "shared"), axis], "average", keepdims=0
    )
    product = node("MatMul", [average, constant("kernel", network.output_kernel)], "product")
    total = node("Add", [product, constant("bias", network.output_bias)], "total")
    node("Softmax", [total], "probabilities", axis=-1)
    graph = helper.make_graph(
        nodes,
        "textgenrnn",
        [helper.make_tensor_value_info("window", TensorProto.INT32, [1, length])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, network.classes])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def convert(weights: Path, output: Path, *options: str) -> dict[str, Any]:
    """Run rnn-convert; return its report."""
    program = Path(sys.executable).with_name("rnn-convert")
    argv = [str(program), str(weights), "-o", str(output), "--force", "--json", *options]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def main(folder: Path, kind: str, *rest: str) -> None:
    """Build every peer's files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "stock":
        weights = Path(rest[0])
    else:
        layers, units, length, classes = map(int, rest[:4])
        network = random_network(layers, units, classes, bidirectional=rest[4] == "bidirectional")
        words = rest[4] == "words"
        weights = write_checkpoint(folder, network, letters(classes), length, word_level=words)
    reports = {"float32": convert(weights, folder / "model.tflite")}
    reports["int8"] = convert(weights, folder / "model-int8.tflite", "--quantize", "int8")
    model = ModelFile(folder / "model.tflite")
    network, length = model.network(), model.config.max_length
    # For textgenrnn itself.
    word_level = model.config.word_level
    write_checkpoint(folder, network, model.vocabulary.ids, length, word_level=word_level)
    build_keras(network, length, folder / "keras.tflite")
    build_onnx(network, length, folder / "model.onnx")
    (folder / "peers.json").write_text(json.dumps({"max_length": length, "reports": reports}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
