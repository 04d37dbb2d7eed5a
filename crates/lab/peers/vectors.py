"""A vector index of another library, driven line by line, so that all can be asked in turns.

    vectors.py LIBRARY BASE QUERIES DIMENSIONS THREADS M EF_CONSTRUCTION

BASE and QUERIES are files of 32-bit floats. Says `{"ready": true, "build_s": …, "memory_mib": …}`, then answers lines:
  {"find": EF}                  → {"found": [[place…]…]}, ten for each query, one query after another
  {"latency": EF}               → {"ms": […]}: each query alone, one thread
  {"rate": EF, "seconds": S}    → {"per_second": …}: THREADS threads
"""

import gc
import json
import sys
import time

import numpy as np

TOP = 10


def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024


class Hnswlib:
    def __init__(self, base, threads, m, ef_construction):
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=base.shape[1])
        self.index.init_index(max_elements=len(base), ef_construction=ef_construction, M=m)
        self.index.add_items(base, num_threads=threads)

    def effort(self, ef):
        self.index.set_ef(max(ef, TOP))

    def search(self, queries, threads):
        return self.index.knn_query(queries, k=TOP, num_threads=threads)[0]


class Usearch:
    def __init__(self, base, threads, m, ef_construction):
        from usearch.index import Index

        self.index = Index(ndim=base.shape[1], metric="ip", dtype="f32", connectivity=m, expansion_add=ef_construction)
        self.index.add(np.arange(len(base)), base, threads=threads)

    def effort(self, ef):
        self.index.expansion_search = ef

    def search(self, queries, threads):
        keys = self.index.search(queries, TOP, threads=threads).keys
        return keys.reshape(len(queries), TOP)


class Faiss:
    def __init__(self, base, threads, m, ef_construction):
        import faiss

        self.faiss = faiss
        faiss.omp_set_num_threads(threads)
        self.index = faiss.IndexHNSWFlat(base.shape[1], m, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = ef_construction
        self.index.add(base)

    def effort(self, ef):
        self.index.hnsw.efSearch = ef

    def search(self, queries, threads):
        self.faiss.omp_set_num_threads(threads)
        return self.index.search(queries, TOP)[1]


class FaissScalar(Faiss):
    """HNSW over 8-bit scalar quantisation, as Vetrina's own."""

    def __init__(self, base, threads, m, ef_construction):
        import faiss

        self.faiss = faiss
        faiss.omp_set_num_threads(threads)
        kind = faiss.ScalarQuantizer.QT_8bit
        self.index = faiss.IndexHNSWSQ(base.shape[1], kind, m, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = ef_construction
        self.index.train(base)
        self.index.add(base)


LIBRARIES = {"hnswlib": Hnswlib, "usearch": Usearch, "faiss": Faiss, "faiss-int8": FaissScalar}


def say(value):
    print(json.dumps(value), flush=True)


def main():
    library, base_path, queries_path = sys.argv[1:4]
    dimensions, threads, m, ef_construction = map(int, sys.argv[4:8])
    base = np.fromfile(base_path, np.float32).reshape(-1, dimensions)
    queries = np.fromfile(queries_path, np.float32).reshape(-1, dimensions)
    before = resident()
    start = time.perf_counter()
    index = LIBRARIES[library](base, threads, m, ef_construction)
    build = time.perf_counter() - start
    gc.collect()
    say({"ready": True, "build_s": build, "memory_mib": resident() - before})
    for line in sys.stdin:
        asked = json.loads(line)
        if "find" in asked:
            index.effort(asked["find"])
            say({"found": [list(map(int, index.search(query[None], 1)[0])) for query in queries]})
        elif "latency" in asked:
            index.effort(asked["latency"])
            times = []
            for query in queries:
                begin = time.perf_counter()
                index.search(query[None], 1)
                times.append((time.perf_counter() - begin) * 1000)
            say({"ms": times})
        else:
            index.effort(asked["rate"])
            done, begin = 0, time.perf_counter()
            while time.perf_counter() - begin < asked["seconds"]:
                index.search(queries, threads)
                done += len(queries)
            say({"per_second": done / (time.perf_counter() - begin)})


main()
