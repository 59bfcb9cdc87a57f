"""Train the shipped models again, each with the command in its record, and quantize them.

``python -m resources.build_models --data-dir FOLDER`` tells whether the results equal the shipped models bit
for bit; ``--replace`` puts them in their place. ``--only-quantize`` keeps the parameters.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TypeVar

from engine import cli
from engine.nn.model import Model
from engine.storage import model_file

T = TypeVar("T")
MODELS = Path(__file__).parent / "models"


def main() -> None:
    """Make every shipped model and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True, help="folder that holds mnist/ and emnist/")
    parser.add_argument("--replace", action="store_true", help="put the new models in place of the old")
    parser.add_argument("--only-quantize", action="store_true", help="keep the parameters as they are")
    options = parser.parse_args()
    for path in sorted(MODELS.glob("*.tinyml")):
        _rebuild(path, options)


def _rebuild(path: Path, options: argparse.Namespace) -> None:
    shipped = model_file.load(path)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / path.name
        if options.only_quantize:
            shutil.copy(path, out)
        else:
            words = shlex.split(_told(shipped.record.command))[1:]
            words[words.index("--out") + 1] = str(out)
            _run(*words, "--data-dir", options.data_dir)
        data = _told(shipped.record.data)
        _run("quantize", str(out), "--data", data, "--out", str(out), "--data-dir", options.data_dir)
        _report(path, shipped, model_file.load(out))
        if options.replace:
            shutil.copy(out, path)


def _told(value: T | None) -> T:
    """Return `value`, which the record of a shipped model must have."""
    if value is None:
        raise SystemExit("the record of a shipped model lacks a value that is needed to make it again")
    return value


def _run(*words: str) -> None:
    code = cli.main(words)
    if code:
        raise SystemExit(code)


def _report(path: Path, shipped: Model, made: Model) -> None:
    same = "the same" if made.fingerprint == shipped.fingerprint else "another"
    accuracy = _told(made.record.metrics).accuracy
    metrics = made.quantization.metrics if made.quantization is not None else {}
    figures = f"accuracy {accuracy:.2%}, in int8 {metrics['accuracy']:.2%}"
    sys.stdout.write(f"{path.name}: {same} model, {figures}\n")


if __name__ == "__main__":
    main()
