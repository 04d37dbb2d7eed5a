"""Indexing as people write it in Python: Pillow, ONNX Runtime with the same model, hnswlib.

    indexing.py MODEL HEAD THREADS

Reads lines of JSON and answers each with one. `{"pictures": [PATH…], "mode": "pool"}` embeds the pictures into a fresh
hnswlib index and says how many a second, and how much processor time one takes. Modes:

  loop      one picture after another; ONNX Runtime as it is by default, all its threads: the usual tutorial
  pool      THREADS workers, each decodes and runs a session of one thread; hnswlib takes batches: the fair one
  batch     THREADS workers decode ahead, the main thread runs batches of 8 with all threads
  bare      no decoding, no index: sessions of one thread in THREADS workers over tensors that are ready: the limit
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import hnswlib
import numpy as np
import onnxruntime as ort
from PIL import Image

SIDE = 260
MEAN, STD = np.float32(127), np.float32(128)


def tensor(path):
    """What the manifest asks for: letterbox on white, bicubic, (value - 127) / 128, channels first."""
    with Image.open(path) as image:
        # People who know Pillow let the JPEG decoder shrink large pictures while it decodes.
        image.draft("RGB", (2 * SIDE, 2 * SIDE))
        image = image.convert("RGB")
    longer = max(image.size)
    canvas = Image.new("RGB", (longer, longer), (255, 255, 255))
    canvas.paste(image, ((longer - image.width) // 2, (longer - image.height) // 2))
    pixels = np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
    return np.ascontiguousarray(((pixels - MEAN) / STD).transpose(2, 0, 1))[None]


def safetensors(path):
    """Mean and projection of the default head."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        body = file.read()
    header.pop("__metadata__", None)
    kinds = {"F32": np.float32, "F16": np.float16}
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(body[begin:end], kinds[entry["dtype"]]).reshape(entry["shape"]).astype(np.float32)
    return arrays


def figures(count, start, busy):
    """Pictures a second, and milliseconds of processor time for one."""
    per_second = count / (time.perf_counter() - start)
    return {"per_second": per_second, "cpu_ms": (time.process_time() - busy) * 1000 / count}


class Peer:
    def __init__(self, model, head, threads):
        self.threads = threads
        self.model = model
        arrays = safetensors(head)
        self.mean = next(a for a in arrays.values() if a.ndim == 1)
        self.projection = next(a for a in arrays.values() if a.ndim == 2)
        if self.projection.shape[0] != self.mean.shape[0]:
            self.projection = self.projection.T
        self.sessions = {}

    def session(self, threads):
        """One session may be run by several threads at once. 0: as ONNX Runtime has it by default."""
        if threads not in self.sessions:
            options = ort.SessionOptions()
            if threads:
                options.intra_op_num_threads = threads
            self.sessions[threads] = ort.InferenceSession(self.model, options, providers=["CPUExecutionProvider"])
        return self.sessions[threads]

    def embed(self, session, batch):
        pooled = session.run(["pooled"], {"image": batch})[0]
        vectors = (pooled - self.mean) @ self.projection
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def run(self, mode, pictures):
        if mode == "bare":
            return self.bare(pictures)
        start, busy = time.perf_counter(), time.process_time()
        index = hnswlib.Index(space="ip", dim=self.projection.shape[1])
        index.init_index(max_elements=len(pictures), ef_construction=100, M=16)
        index.set_num_threads(self.threads)
        if mode == "loop":
            session = self.session(0)
            for number, path in enumerate(pictures):
                index.add_items(self.embed(session, tensor(path)), [number])
        elif mode == "pool":
            session = self.session(1)
            with ThreadPoolExecutor(self.threads) as pool:
                waiting = []
                for vector in pool.map(lambda path: self.embed(session, tensor(path)), pictures):
                    waiting.append(vector)
                    if len(waiting) == 64:
                        index.add_items(np.concatenate(waiting))
                        waiting.clear()
                if waiting:
                    index.add_items(np.concatenate(waiting))
        elif mode == "batch":
            session = self.session(self.threads)
            with ThreadPoolExecutor(self.threads) as pool:
                tensors = pool.map(tensor, pictures)
                batch = []
                for one in tensors:
                    batch.append(one)
                    if len(batch) == 8:
                        index.add_items(self.embed(session, np.concatenate(batch)))
                        batch.clear()
                if batch:
                    index.add_items(self.embed(session, np.concatenate(batch)))
        else:
            raise ValueError(mode)
        assert index.get_current_count() == len(pictures)
        return figures(len(pictures), start, busy)

    def bare(self, pictures):
        session = self.session(1)
        tensors = [tensor(path) for path in pictures[:32]]
        with ThreadPoolExecutor(self.threads) as pool:
            start, busy = time.perf_counter(), time.process_time()
            work = range(len(pictures))
            done = sum(1 for _ in pool.map(lambda n: session.run(["pooled"], {"image": tensors[n % len(tensors)]}), work))
        return figures(done, start, busy)


def main():
    model, head, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    peer = Peer(model, head, threads)
    # The first run of a session allocates.
    for number in (0, 1, threads):
        peer.session(number).run(["pooled"], {"image": np.zeros((1, 3, SIDE, SIDE), np.float32)})
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(peer.run(asked["mode"], asked["pictures"])), flush=True)


main()
