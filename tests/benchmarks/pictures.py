"""How many pictures of characters that people made themselves the shipped models read.

A folder ``real`` beside the data sets holds the pictures and ``manifest.csv``, with the columns set, model,
file and label. Run it as ``python -m tests.benchmarks.pictures [FOLDER]``; TINYML_DATA names the data sets.
"""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from engine.commands.sources import load_model
from engine.data.pictures import load_ink
from engine.data.preprocess import preprocess
from engine.nn.predictor import Predictor


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else f"{os.environ.get('TINYML_DATA', '.')}/real")
    right, total = read_all(folder)
    for name, count in total.items():
        print(f"{name:14} {right[name]:4} of {count:4}   {100 * right[name] / count:.1f} %")
    return 0


def read_all(folder: Path) -> tuple[Counter[str], Counter[str]]:
    """Return how many pictures of each set are read as their label, and how many there are."""
    predictors: dict[str, Predictor] = {}
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            model = row["model"]
            predictor = predictors.setdefault(model, Predictor(load_model(model)))
            total[row["set"]] += 1
            right[row["set"]] += read(predictor, folder / row["file"]) == class_of(
                row["label"], predictor.classes
            )
    return right, total


def class_of(label: str, classes: Sequence[str]) -> str:
    """Return the class of a label: that of the capital for letters whose two cases are one class."""
    return label if label in classes else label.upper()


def read(predictor: Predictor, path: Path) -> str:
    """Return the class of the picture at `path`; empty where nothing is drawn."""
    image = preprocess(load_ink(path))
    if image is None:
        return ""
    return predictor.classes[int(predictor.probabilities(image[None])[0].argmax())]


if __name__ == "__main__":
    sys.exit(main())
