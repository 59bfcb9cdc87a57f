"""Memory while training on all EMNIST images, over that of the idle window.

The bar is the images as bytes plus 150 MB: nothing may hold them a second time. Each network trains for one
epoch, validation and test included, in a fresh process. Run it as ``python -m tests.benchmarks.memory``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.report import Figure, show

MB = 1_000_000
ROOM = 150 * MB
PRESETS = ("tinyml-cnn", "lenet")


def main() -> int:
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
        return 0
    figures = []
    for preset in PRESETS:
        child = [sys.executable, "-m", "tests.benchmarks.memory", preset]
        measured = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
        bar = (measured["images"] + ROOM) / MB
        figures += [
            Figure(f"{preset}: idle window", measured["idle"] / MB, "MB"),
            Figure(f"{preset}: peak over idle", (measured["peak"] - measured["idle"]) / MB, "MB", bar),
        ]
    return show("Resident memory while training on EMNIST", figures)


def measure(preset: str) -> dict[str, int]:
    """Return bytes resident when idle, at the peak of one epoch, and of the images alone."""
    from engine.training.config import TrainConfig
    from tests.benchmarks.studio import spin, studio, train, wait

    with studio() as window:
        spin(2.0)
        idle = resident("VmRSS")
        train(window, "emnist", preset, TrainConfig(epochs=1, batch_size=128))
        training = window.controller.training
        wait(lambda: not training.is_running)
        spin(0.5)
        wait(lambda: not window.controller.tasks.busy)  # the test of what was learned
        assert training.data is not None
        return {"idle": idle, "peak": resident("VmHWM"), "images": training.data.images.nbytes}


def resident(field: str) -> int:
    """Return a size of this process that Linux tells."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))


if __name__ == "__main__":
    sys.exit(main())
