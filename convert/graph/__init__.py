"""A `Network` as a TFLite FlatBuffer with builtin operators only, and where it keeps each array.

A forward-only network becomes one step of windows in flight (`pi_runtime.backends.in_flight`):

    (token int32[B], state…) → (probabilities float32[B, V], state…)
    state: hidden and cell of each layer float32[T, B, U], then the attention average's
           maximum [T, B, 1], denominator [T, B, 1] and numerator [T, B, …], a block of F each

The caller shifts the rows: row a of the state input is row a - 1 of the last state output, and row
0 is zero (its maximum is `NO_LOGIT`). A bidirectional network becomes a whole window:

    window int32[T, B] → probabilities float32[B, V]

B, the number of streams, may be resized (for a whole window only once, before the first
computation, because some interpreters refuse the second time). The weights are constants: a
function over variables can be converted to a small file that loads, runs, and returns NaN.
"""

from __future__ import annotations

import os

from convert.constants import Constants
from convert.graph.in_flight import in_flight_step
from convert.graph.whole_window import whole_window
from convert.quiet import quiet_tensorflow
from pi_runtime.model.manifest import ArraySpec
from pi_runtime.model.network import Network


def build_flatbuffer(
    network: Network, max_length: int, quantization: str = "float32"
) -> tuple[bytes, dict[str, ArraySpec]]:
    """Return the FlatBuffer and each array's manifest entry, by name.

    `quantization` is "float32", or "int8": weights in int8 with a scale for each output of a
    product, activations quantized while computing ("dynamic range").

    Raises:
        RuntimeError: TensorFlow's converter failed, or left out a constant.
    """
    flatbuffer, constants = convert_graph(network, max_length, quantization)
    content = bytearray(flatbuffer)
    specs, appended = constants.place(content)
    return bytes(content) + appended, specs


def convert_graph(network: Network, max_length: int, quantization: str) -> tuple[bytes, Constants]:
    """Return the FlatBuffer, still with stand-ins, and the constants that belong in their place.

    Raises:
        RuntimeError: TensorFlow's converter failed.
    """
    constants = Constants(quantization)
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    with quiet_tensorflow():
        import tensorflow as tf

        if network.bidirectional:
            function, signature = whole_window(tf, network, max_length, constants)
        else:
            function, signature = in_flight_step(tf, network, max_length, constants)
        # Python's own `if` and `for` are meant as they stand, which AutoGraph would translate.
        traced = tf.function(function, input_signature=signature, autograph=False)
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [traced.get_concrete_function()]
        )
        # Two passes over the finished FlatBuffer take it apart and copy all weights, one to look
        # for equal constants, which stand-ins never are, one to add notes for TensorFlow's authors.
        converter._optimize_tflite_model = lambda flatbuffer, *_, **__: flatbuffer
        converter.exclude_conversion_metadata = True
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if quantization == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        flatbuffer: bytes = converter.convert()
    return flatbuffer, constants
