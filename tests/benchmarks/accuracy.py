"""Accuracy on the test images of MNIST after the same training as in PyTorch.

Both start from the same parameters and have the same optimizer, rate, schedule and batch; they differ in the
order of the images and in rounding. Run by hand: ``python -m tests.benchmarks.accuracy --data-dir DIR``. The
bar: the engine's mean over the seeds is no worse than PyTorch's by more than the standard error of their
difference.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable

import numpy as np
import torch

from engine.data import Catalogue, Dataset, default_data_dirs
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.training.config import TrainConfig
from engine.training.evaluate import Evaluator
from engine.training.events import Finished
from engine.training.images import LabelledImages
from engine.training.schedules import SCHEDULES
from engine.training.trainer import Trainer
from tests.benchmarks.report import machine, versions
from tests.torch_nets import TorchNet, to_images


def main() -> int:
    """Print mean and spread for each network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder that holds mnist/; TINYML_DATA names further ones")
    parser.add_argument("--preset", nargs="+", default=["lenet", "mlp-32-32"])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    found = Catalogue(default_data_dirs(options.data_dir))
    data, test = (found.load("mnist", part) for part in ("train", "test"))
    print(f"{machine()}\n{versions('numpy', 'torch')}")
    missed = [_compare(preset, data, test, options.epochs, options.seeds) for preset in options.preset]
    return int(any(missed))


def _compare(preset: str, data: Dataset, test: Dataset, epochs: int, seeds: int) -> bool:
    print(f"\n{preset}, {epochs} epochs, test accuracy in %")
    found: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        model = Model.new(PRESETS[preset].build(len(data.classes)), data.classes, rng)
        config = TrainConfig(epochs=epochs, validation=0.0, seed=seed)
        for name, train in CONTENDERS.items():
            params = train(model, data, config)
            found[name].append(100 * _accuracy(model, params, test))
    for name, values in found.items():
        spread = statistics.stdev(values) if seeds > 1 else math.nan
        each = " ".join(f"{value:.2f}" for value in values)
        print(f"{name:8} {statistics.mean(values):.2f} ± {spread:.2f}   ({each})", flush=True)
    ours, theirs = found.values()
    behind = statistics.mean(theirs) - statistics.mean(ours)
    noise = math.sqrt(sum(statistics.variance(v) / seeds for v in (ours, theirs))) if seeds > 1 else 0.0
    print(f"{'engine − PyTorch':8} {-behind:+.2f}, standard error {noise:.2f}")
    return behind > noise


def _accuracy(model: Model, params: np.ndarray, test: Dataset) -> float:
    """Measure both with the engine: its outputs equal PyTorch's, as the tests show."""
    evaluator = Evaluator(model.spec, LOSSES["cross_entropy"], 2)
    return evaluator.run(params, LabelledImages(test.images, test.labels)).accuracy


def _engine(model: Model, data: Dataset, config: TrainConfig) -> np.ndarray:
    *_, finished = Trainer(model, data, config).run()
    assert isinstance(finished, Finished)
    return finished.model.params


def _torch(model: Model, data: Dataset, config: TrainConfig) -> np.ndarray:
    torch.manual_seed(config.seed)
    net = TorchNet(model.spec, model.params)
    optimizer = torch.optim.SGD(net.module.parameters(), config.learning_rate, momentum=config.momentum)
    loss, size = torch.nn.CrossEntropyLoss(), config.batch_size
    per_epoch = len(data) // size
    total = config.epochs * per_epoch
    x, y = to_images(data.images), torch.from_numpy(data.labels).long()
    for step in range(total):
        if step % per_epoch == 0:
            order = torch.randperm(len(data))
        chosen = order[step % per_epoch * size :][:size]
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * SCHEDULES[config.schedule](step / total)
        optimizer.zero_grad(set_to_none=True)
        loss(net.module(x[chosen]), y[chosen]).backward()
        optimizer.step()
    return net.params()


CONTENDERS: dict[str, Callable[[Model, Dataset, TrainConfig], np.ndarray]] = {
    "engine": _engine,
    "PyTorch": _torch,
}

if __name__ == "__main__":
    sys.exit(main())
