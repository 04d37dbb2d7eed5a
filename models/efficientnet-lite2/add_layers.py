"""Adds the outputs `layers` and `finer` to the exported network: what the layers before the last one say of a picture.

    python add_layers.py exported.onnx layers.json model.onnx

The last layer of a network that was taught 1,000 names knows names; which cloth, cut or pattern it was it has partly forgotten. So of
each of the blocks 8 to 20 the activations after the depthwise convolution are pooled, too (root of the mean square over all
positions), brought to unit length, and projected to 192 numbers by a matrix of random signs (Achlioptas 2003), which needs no fit to
any pictures. `layers.json` has for each block the mean of the pooled numbers and a factor that brings its total variance to a quarter of that of
pooled vectors at unit length; both were measured, without labels, on the 9,982 pictures that default-head.toml names.
The sum at the end of block 14 becomes the output `finer`: a map of 17 × 17 positions, of 120 numbers each, which knows better than the last map of 9 × 9
where a thing ends. Nothing that was there is changed: `pooled` and `features` are the same to the last bit.

Needs the packages onnx and numpy. The same numpy gives the same signs; the file's checksum is in manifest.toml.
"""

import json
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BLOCKS = range(8, 21)
NUMBERS = 192
SEED = 0
FINER = "/_blocks.14/Add_output_0"


def signs(block, channels):
    random = np.random.default_rng(SEED + block)
    return random.choice([-1, 1], (channels, NUMBERS)).astype(np.int8)


def main(source, scales, target):
    model = onnx.load(source)
    graph = model.graph
    with open(scales, encoding="utf-8") as file:
        scales = json.load(file)

    def node(kind, inputs, output, **attributes):
        graph.node.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(name, array):
        graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    least = constant("layers_least", np.array([1e-6], np.float32))
    parts = []
    for block in BLOCKS:
        scale = scales[str(block)]
        name = f"layers_{block}"
        activations = f"/_blocks.{block}/_swish_1/Clip_output_0"
        squared = node("Mul", [activations, activations], f"{name}_squared")
        pooled = node("GlobalAveragePool", [squared], f"{name}_mean")
        root = node("Sqrt", [node("Flatten", [pooled], f"{name}_flat", axis=1)], f"{name}_root")
        length = node("ReduceL2", [root], f"{name}_length", axes=[1], keepdims=1)
        unit = node("Div", [root, node("Max", [length, least], f"{name}_positive")], f"{name}_unit")
        matrix = signs(block, len(scale["mean"]))
        matrix = node("Cast", [constant(f"{name}_signs", matrix)], f"{name}_matrix", to=TensorProto.FLOAT)
        centred = node("Sub", [unit, constant(f"{name}_centre", np.array(scale["mean"], np.float32))], f"{name}_centred")
        projected = node("MatMul", [centred, matrix], f"{name}_projected")
        factor = constant(f"{name}_factor", np.array([scale["factor"] / np.sqrt(NUMBERS)], np.float32))
        parts.append(node("Mul", [projected, factor], f"{name}_scaled"))
    node("Concat", parts, "layers", axis=1)
    graph.output.append(helper.make_tensor_value_info("layers", TensorProto.FLOAT, ["batch", len(parts) * NUMBERS]))
    for one in graph.node:
        one.input[:] = ["finer" if name == FINER else name for name in one.input]
        one.output[:] = ["finer" if name == FINER else name for name in one.output]
    graph.output.append(helper.make_tensor_value_info("finer", TensorProto.FLOAT, ["batch", 120, 17, 17]))
    onnx.checker.check_model(model)
    onnx.save(model, target)


if __name__ == "__main__":
    main(*sys.argv[1:4])
