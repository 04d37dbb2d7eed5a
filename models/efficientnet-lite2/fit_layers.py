"""Fits what add_layers.py multiplies the inner activations with, on the groceries and fashion pictures, without labels.

    python fit_layers.py exported.onnx layers.npz [pictures]

The pictures are those under the folder that VETRINA_DATA names (default ../shared/data), evenly picked, as many as the last argument
says (default 6,000); no picture of clothing is among them, as clothing is what the evaluation asks about. Of each part (see
add_layers.py) `layers.npz` gets the mean, a matrix of its main directions and a factor for each of the matrix's columns. The factors
bring a part's total variance to its weight, a multiple of the total variance of pooled vectors at unit length. A random rotation
behind the main directions spreads the variance over all numbers of the part.

Needs the packages numpy, onnx, onnxruntime and pillow. Runs on one thread, so that the same versions give the same numbers.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from PIL import Image

from add_layers import DIRECTIONS, FINER, TEXTURE, Writer, part_names

# How many directions of a part are kept, and its variance as a multiple of that of pooled vectors.
KEPT = {"all": (96, 0.25), "middle": (96, 0.25), "finer": (720, 0.5), "texture": (528, 1.0)}
SIZE, MEAN, DEVIATION = 260, 127, 128  # see manifest.toml
SEED = 0


def pictures():
    root = Path(os.environ.get("VETRINA_DATA", "../shared/data"))
    folders = ["groceries/studio", "groceries/photos", "fashion/images"]
    return [path for folder in folders for path in sorted((root / folder).iterdir()) if path.suffix in (".jpg", ".jpeg", ".png")]


def image(path):
    picture = Image.open(path).convert("RGB")
    side = max(picture.size)
    square = Image.new("RGB", (side, side), (255, 255, 255))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    pixels = np.asarray(square.resize((SIZE, SIZE), Image.BICUBIC), np.float32)
    return ((pixels - MEAN) / DEVIATION).transpose(2, 0, 1)[None]


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def measure(source, paths):
    """For each picture the pooled vector, the vector of each part but `texture`, and the map that `texture` is about."""
    model = onnx.load(source)
    writer = Writer(model.graph)
    names = {"pooled": "pooled", **writer.blocks(), "finer": writer.finer(FINER), "texture": TEXTURE}
    for name in names.values():
        if name != "pooled":
            model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    network = session(model)
    rows = [[values[0] for values in network.run(list(names.values()), {"image": image(path)})] for path in paths]
    return {name: np.stack(values) for name, values in zip(names, zip(*rows))}


def unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def main_directions(rows):
    """Columns, the one of the greatest variance first, and these variances."""
    values, vectors = np.linalg.eigh(np.cov(rows.T, dtype=np.float64))
    return vectors[:, ::-1], values[::-1]


def textures(maps, directions):
    """The matrix root of each picture's covariance along the directions, at unit length."""
    along = directions.T @ maps
    along -= along.mean(2, keepdims=True)
    values, vectors = np.linalg.eigh(along @ along.transpose(0, 2, 1))
    roots = (vectors * np.sqrt(np.maximum(values, 0))[:, None]) @ vectors.transpose(0, 2, 1)
    return unit(roots.reshape(len(maps), -1))


def fit(vectors, kept, variance, seed):
    vectors = vectors.astype(np.float64)
    mean = vectors.mean(0)
    directions, variances = main_directions(vectors)
    weight = np.sqrt(variance / variances[:kept].sum())
    random = np.random.default_rng(seed).normal(size=(kept, kept))
    rotation = np.linalg.qr(random)[0]
    matrix = directions[:, :kept] @ rotation * weight
    factors = np.abs(matrix).max(0) / 127
    return mean.astype(np.float32), np.rint(matrix / factors).astype(np.int8), factors.astype(np.float32)


def fit_all(measured, kept_of=KEPT):
    pooled = unit(measured["pooled"].astype(np.float64))
    variance = np.square(pooled - pooled.mean(0)).sum(1).mean()
    maps = measured["texture"].reshape(len(pooled), -1, 81)
    rows = maps[::2].transpose(0, 2, 1)[:, ::3].reshape(-1, maps.shape[1])
    directions = main_directions(rows)[0][:, :DIRECTIONS].astype(np.float32)
    vectors = {**measured, "texture": textures(maps, directions)}
    fitted = {"directions": directions}
    for number, part in enumerate(part_names()):
        kept, weight = kept_of[part.split("_")[-1]]
        mean, matrix, factors = fit(vectors[part], kept, weight * variance, SEED + number)
        fitted |= {f"{part}_mean": mean, f"{part}_matrix": matrix, f"{part}_factors": factors}
    return fitted, variance


def main(source, target, count=6000):
    paths = pictures()
    every = [paths[index * len(paths) // int(count)] for index in range(min(int(count), len(paths)))]
    measured = measure(source, every)
    fitted, variance = fit_all(measured)
    np.savez(target, **fitted)
    print(f"{len(every)} pictures; variance of pooled vectors {variance:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
