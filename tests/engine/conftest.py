"""Fixtures of the engine's tests: a command line in a folder of its own, and a model to run it on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from engine.cli import main
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.storage import model_file

Run = Callable[..., tuple[int, str, str]]

# The same examples everywhere, and no limits on time: test machines are busy.
settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

DIGITS = tuple("0123456789")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command line in a folder of its own: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYML_DATA", raising=False)
    monkeypatch.delenv("TINYML_DEBUG", raising=False)

    def call(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Return the path of an untrained model for digits."""
    path = tmp_path / "some digits.tinyml"
    model_file.save(Model.new(PRESETS["mlp-32-32"].build(), DIGITS, np.random.default_rng(0), "digits"), path)
    return path


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    path = tmp_path / "one.png"
    image = np.full((100, 100), 255, np.uint8)
    image[20:80, 45:55] = 0
    Image.fromarray(image).save(path)
    return path


@pytest.fixture(autouse=True)
def _threads_are_worthwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tiny networks of tests run on as many threads as they ask for."""
    monkeypatch.setattr("engine.training.data_parallel.WORTHWHILE", 1)
