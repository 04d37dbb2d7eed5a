"""Adds the outputs `layers` and `finer` to the exported network: what the layers before the last one say of a picture.

    python add_layers.py exported.onnx layers.npz model.onnx
    python add_layers.py --strip model.onnx exported.onnx

The last layer of a network that was taught 1,000 names knows names; which cloth, cut or pattern it was it has partly forgotten.
`layers` says it with these parts, one after the other:

- `8_all` to `20_all`: of each of the blocks 8 to 20 the activations after the depthwise convolution, pooled (root of the mean square
  over all positions), brought to unit length, and of each number the root, so that the few large ones do not speak alone;
- `8_middle` to `20_middle`: the same over the middle third of the picture only, where the thing is and the background is not;
- `finer`: the sum at the end of block 14, root of the mean square over six regions (three rows; the two sides, taken together, and the
  middle), at unit length;
- `texture`: which channels of the sum at the end of block 19 go together within the picture. Its 208 channels are projected to 32 main
  directions; of their covariance over the 81 positions the matrix root is taken and brought to unit length.

Of each part the mean is taken off and a matrix multiplies it: its principal directions, turned by a random rotation so that no number
varies much more than another, for they are kept as bytes. Means, matrices and weights are in `layers.npz`; fit_layers.py fitted them
without labels. The matrices are kept as bytes with a factor for each column.
The sum at the end of block 14 becomes the output `finer`, too: a map of 17 × 17 positions, of 120 numbers each, which knows better than
the last map of 9 × 9 where a thing ends. Nothing that was there is changed: `pooled` and `features` are the same to the last bit.
`--strip` takes both outputs off again and gives the exported network back.

Needs the packages onnx and numpy. The file's checksum is in manifest.toml.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BLOCKS = range(8, 21)
SIDES = {block: 17 if block < 15 else 9 for block in BLOCKS}
FINER = "/_blocks.14/Add_output_0"
TEXTURE = "/_blocks.19/Add_output_0"
DIRECTIONS = 32
STEPS = 15  # of the iteration for the matrix root


def part_names():
    names = [f"{block}_{where}" for where in ("all", "middle") for block in BLOCKS]
    return [*names, "finer", "texture"]


def third(side):
    """The length of a third of the positions 0 to `side`: 3 of 9, 6 of 17 (whose last third is shorter)."""
    return 3 if side == 9 else 6


def regions():
    """A column for each of the six regions of a map of 17 × 17: the share that each position has in its mean."""
    edges = [(0, 6), (6, 11), (11, 17)]
    columns = []
    for top, bottom in edges:
        for sides in ([edges[0], edges[2]], [edges[1]]):
            region = np.zeros((17, 17), np.float32)
            for left, right in sides:
                region[top:bottom, left:right] = 1
            columns.append(region.ravel() / region.sum())
    return np.stack(columns, 1)


class Writer:
    """Appends nodes whose names begin with `layers`."""

    def __init__(self, graph):
        self.graph = graph

    def node(self, kind, inputs, output, **attributes):
        self.graph.node.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name, array):
        self.graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def unit(self, vector, name):
        """At unit length along axis 1; what is nothing stays nothing."""
        return self.node("LpNormalization", [vector], f"{name}_unit", axis=1, p=2)

    def rooted(self, pooled, name):
        """Of mean squares the roots, at unit length, and of that the root of each number."""
        root = self.node("Sqrt", [self.node("Flatten", [pooled], f"{name}_flat", axis=1)], f"{name}_root")
        return self.node("Sqrt", [self.unit(root, name)], f"{name}_vector")

    def blocks(self):
        vectors = {}
        axes = self.constant("layers_axes", np.array([2, 3], np.int64))
        second = [self.constant(f"layers_{end}", np.array([at, at], np.int64)) for end, at in (("from", 1), ("to", 2))]
        for block, side in SIDES.items():
            name = f"layers_{block}"
            activations = f"/_blocks.{block}/_swish_1/Clip_output_0"
            squared = self.node("Mul", [activations, activations], f"{name}_squared")
            pooled = self.node("GlobalAveragePool", [squared], f"{name}_all_mean")
            vectors[f"{block}_all"] = self.rooted(pooled, f"{name}_all")
            # All thirds, and then the middle one: so the large map stays in the order of numbers that convolutions leave it in.
            window = [third(side)] * 2
            thirds = self.node("AveragePool", [squared], f"{name}_thirds", kernel_shape=window, strides=window)
            inner = self.node("Slice", [thirds, *second, axes], f"{name}_inner")
            vectors[f"{block}_middle"] = self.rooted(inner, f"{name}_middle")
        return vectors

    def finer(self, source):
        name = "layers_finer"
        squared = self.node("Mul", [source, source], f"{name}_squared")
        shape = self.constant(f"{name}_shape", np.array([0, 0, -1], np.int64))
        row = self.node("Reshape", [squared, shape], f"{name}_row")
        means = self.node("MatMul", [row, self.constant(f"{name}_regions", regions())], f"{name}_means")
        root = self.node("Sqrt", [self.node("Flatten", [means], f"{name}_flat", axis=1)], f"{name}_root")
        return self.unit(root, name)

    def texture(self, directions):
        name = "layers_texture"
        # A convolution, since a product of matrices is summed up in another order by two threads than by one.
        weights = self.constant(f"{name}_directions", directions.T.copy()[:, :, None, None])
        shape = self.constant(f"{name}_shape", np.array([0, 0, -1], np.int64))
        along = self.node("Reshape", [self.node("Conv", [TEXTURE, weights], f"{name}_map"), shape], f"{name}_along")
        mean = self.node("ReduceMean", [along], f"{name}_mean", axes=[2], keepdims=1)
        off = self.node("Sub", [along, mean], f"{name}_off")
        turned = self.node("Transpose", [off], f"{name}_turned", perm=[0, 2, 1])
        # Divided by its trace, so that the iteration converges. As the root is brought to unit length, nothing has to be multiplied back.
        product = self.node("MatMul", [off, turned], f"{name}_product")
        squares = self.node("ReduceSumSquare", [off], f"{name}_squares", axes=[1, 2], keepdims=1)
        least = self.constant(f"{name}_least", np.array([1e-6], np.float32))
        trace = self.node("Max", [squares, least], f"{name}_trace")
        root = self.node("Div", [product, trace], f"{name}_covariance")
        # Denman and Beavers's iteration, coupled, without an inverse (Newton and Schulz): `half` goes to half the inverse of the root.
        unit = np.eye(DIRECTIONS, dtype=np.float32)
        half = self.constant(f"{name}_half", unit / 2)
        more = self.constant(f"{name}_more", unit * 1.5)
        for step in range(STEPS):
            both = self.node("MatMul", [half, root], f"{name}_{step}_both")
            rest = self.node("Sub", [more, both], f"{name}_{step}_rest")
            root = self.node("MatMul", [root, rest], f"{name}_{step}_root")
            half = self.node("MatMul", [rest, half], f"{name}_{step}_half") if step + 1 < STEPS else None
        return self.unit(self.node("Flatten", [root], f"{name}_flat", axis=1), name)

    def project(self, vector, part, fitted):
        name = f"layers_{part}"
        steps = self.constant(f"{name}_bytes", fitted[f"{part}_matrix"])
        factors = self.constant(f"{name}_factors", fitted[f"{part}_factors"])
        # Worked out once, when the session is built.
        matrix = self.node("Mul", [self.node("Cast", [steps], f"{name}_steps", to=TensorProto.FLOAT), factors], f"{name}_matrix")
        whole = fitted[f"{part}_matrix"].astype(np.float64) * fitted[f"{part}_factors"]
        offset = self.constant(f"{name}_offset", (-fitted[f"{part}_mean"].astype(np.float64) @ whole).astype(np.float32))
        return self.node("Gemm", [vector, matrix, offset], f"{name}_projected")


def add(model, fitted):
    graph = model.graph
    writer = Writer(graph)
    vectors = {**writer.blocks(), "finer": writer.finer(FINER), "texture": writer.texture(fitted["directions"])}
    parts = [writer.project(vectors[part], part, fitted) for part in part_names()]
    writer.node("Concat", parts, "layers", axis=1)
    numbers = sum(len(fitted[f"{part}_factors"]) for part in part_names())
    graph.output.append(helper.make_tensor_value_info("layers", TensorProto.FLOAT, ["batch", numbers]))
    rename(graph, FINER, "finer")
    graph.output.append(helper.make_tensor_value_info("finer", TensorProto.FLOAT, ["batch", 120, 17, 17]))


def strip(model):
    graph = model.graph

    def keep(field, wanted):
        left = [one for one in field if wanted(one)]
        del field[:]
        field.extend(left)

    keep(graph.node, lambda node: not node.output[0].startswith("layers"))
    keep(graph.initializer, lambda tensor: not tensor.name.startswith("layers"))
    keep(graph.output, lambda output: output.name not in ("layers", "finer"))
    rename(graph, "finer", FINER)


def rename(graph, old, new):
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def main(arguments):
    if arguments[0] == "--strip":
        source, target = arguments[1:]
        model = onnx.load(source)
        strip(model)
    else:
        source, fitted, target = arguments
        model = onnx.load(source)
        add(model, np.load(fitted))
    onnx.checker.check_model(model)
    onnx.save(model, target)


if __name__ == "__main__":
    main(sys.argv[1:])
