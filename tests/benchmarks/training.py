"""Training throughput against PyTorch and scikit-learn: same network, batch and threads.

Run by hand, on a quiet machine: ``python -m tests.benchmarks.training``. Every round measures each contender
once, in a process of its own with pinned threads; medians and ratios are over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

SECONDS = 2.5  # measured, after a warm-up of a fifth of it
IMAGES = 12_800
CLASSES = 10
PRESETS = ("lenet", "mlp-32-32", "tinyml-cnn", "separable-cnn")
RATE = 0.02


def main() -> None:
    """Print the table, or measure one contender (called by itself)."""
    options = _parse()
    if options.one:
        print(json.dumps(CONTENDERS[options.one](options.preset[0], options.batch[0], options.threads[0])))
        return
    _print_machine()
    for preset in options.preset:
        for threads in options.threads:
            for batch in options.batch:
                _compare(preset, batch, threads, options.rounds)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", nargs="+", default=list(PRESETS))
    parser.add_argument("--batch", nargs="+", type=int, default=[32, 128])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    return parser.parse_args()


def _print_machine() -> None:
    import numpy as np
    import torch

    limit = {threads: _gemm_limit(threads) for threads in (1, 2)}
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__}")
    print("float32 GEMM limit: " + ", ".join(f"{t} threads {g:.0f} GFLOP/s" for t, g in limit.items()))
    print(f"{'network':14} {'batch':>5} {'threads':>7}  images/s (median), ratio of the engine to each")


def _gemm_limit(threads: int) -> float:
    code = (
        "import numpy as np, time\na = np.ones((1024, 1024), np.float32); best = 9\n"
        "for _ in range(20):\n t = time.perf_counter(); a @ a; best = min(best, time.perf_counter() - t)\n"
        "print(2 * 1024**3 / best / 1e9)"
    )
    return float(_run([sys.executable, "-c", code], threads))


def _run(command: list[str], threads: int) -> str:
    environment = _environment(threads)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def _environment(threads: int) -> dict[str, str]:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **{name: str(threads) for name in names}}


def _compare(preset: str, batch: int, threads: int, rounds: int) -> None:
    names = [n for n in CONTENDERS if n != "scikit-learn" or preset.startswith("mlp")]
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            speeds[name].append(_measure(name, preset, batch, threads))
    ours = speeds["engine"]
    parts = [f"engine {statistics.median(ours):,.0f}"]
    for name in names[1:]:
        ratio = statistics.median(a / b for a, b in zip(ours, speeds[name], strict=True))
        parts.append(f"{name} {statistics.median(speeds[name]):,.0f} ({ratio:.2f}×)")
    print(f"{preset:14} {batch:5} {threads:7}  " + ", ".join(parts), flush=True)


def _measure(name: str, preset: str, batch: int, threads: int) -> float:
    options = ["--one", name, "--preset", preset, "--batch", str(batch), "--threads", str(threads)]
    command = [sys.executable, "-m", "tests.benchmarks.training", *options]
    # the engine brings its own threads and holds BLAS to one
    return float(json.loads(_run(command, 1 if name == "engine" else threads)))


def _data() -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, IMAGES).astype(np.uint8)
    images = rng.integers(0, 256, (IMAGES, 28, 28, 1)).astype(np.uint8)
    images[rng.random(images.shape) < 0.8] = 0
    return images, labels


def _rate(steps: Iterator[None], batch: int) -> float:
    """Return images per second of a generator that takes one step at a time."""
    start = time.perf_counter()
    while time.perf_counter() < start + SECONDS / 5:
        next(steps)
    start, count = time.perf_counter(), 0
    while time.perf_counter() < start + SECONDS:
        next(steps)
        count += 1
    return batch * count / (time.perf_counter() - start)


def _engine(preset: str, batch: int, threads: int) -> float:
    import numpy as np

    from engine.data.dataset import Dataset
    from engine.model import Model
    from engine.presets import PRESETS as SPECS
    from engine.train import BatchDone, TrainConfig, Trainer

    sys.setswitchinterval(1e-4)
    images, labels = _data()
    classes = tuple(str(i) for i in range(CLASSES))
    model = Model.new(SPECS[preset].build(CLASSES), classes, np.random.default_rng(0))
    config = TrainConfig(
        epochs=10_000,
        batch_size=batch,
        learning_rate=RATE,
        threads=threads,
        schedule="constant",
        validation=0.0,
    )
    events = Trainer(model, Dataset("random", images, labels, classes), config).run()
    return _rate((None for event in events if isinstance(event, BatchDone)), batch)


def _torch(layout: str) -> Callable[[str, int, int], float]:
    def measure(preset: str, batch: int, threads: int) -> float:
        import torch

        from engine.presets import PRESETS as SPECS
        from tests.torch_nets import TorchNet

        torch.set_num_threads(threads)
        memory_format = getattr(torch, layout)
        images, labels = _data()
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        y = torch.from_numpy(labels).long()
        network = TorchNet(SPECS[preset].build(CLASSES)).module.to(memory_format=memory_format)
        optimizer = torch.optim.SGD(network.parameters(), RATE, momentum=0.9)
        loss = torch.nn.CrossEntropyLoss()

        def steps() -> Iterator[None]:
            while True:
                order = torch.randperm(IMAGES)
                for i in range(0, IMAGES - batch + 1, batch):
                    chosen = order[i : i + batch]
                    optimizer.zero_grad(set_to_none=True)
                    inputs = x[chosen].contiguous(memory_format=memory_format)
                    loss(network(inputs), y[chosen]).backward()
                    optimizer.step()
                    yield

        return _rate(steps(), batch)

    return measure


def _scikit_learn(preset: str, batch: int, threads: int) -> float:
    import warnings

    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")
    images, labels = _data()
    x = images.reshape(IMAGES, -1).astype("float32") / 255
    network = MLPClassifier(
        (32, 32),
        solver="sgd",
        learning_rate_init=RATE,
        momentum=0.9,
        batch_size=batch,
        max_iter=1,
        warm_start=True,
    )
    network.fit(x, labels)
    start, count = time.perf_counter(), 0
    while time.perf_counter() < start + SECONDS:
        network.fit(x, labels)
        count += IMAGES
    return count / (time.perf_counter() - start)


CONTENDERS: dict[str, Callable[[str, int, int], float]] = {
    "engine": _engine,
    "torch": _torch("contiguous_format"),
    "torch channels-last": _torch("channels_last"),
    "scikit-learn": _scikit_learn,
}

if __name__ == "__main__":
    main()
