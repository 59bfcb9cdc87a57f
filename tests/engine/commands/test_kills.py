"""Kills at random moments: what stands there is whole, and the next run leaves nothing behind.

By hand, as it starts some hundred programs; the seed is printed::

    TINYML_KILLS=200 pytest -m campaign -s -o faulthandler_timeout=0 tests/engine/commands/test_kills.py
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.errors import ProjectError
from engine.nn.layers import Dense, Flatten
from engine.nn.specs import ModelSpec
from engine.storage import model_file
from tests.engine.export.int8_programs import quantized
from tests.engine.export.programs import CAMPAIGN, compiler

ROOT = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("TINYML_KILLS", "60"))
FINISHED_EVERY = 4
pytestmark = [*CAMPAIGN, pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")]
EXPORTED = ("net.h", "net_test_vectors.h", "net_selftest.c")


@dataclass
class Campaign:
    """Runs of one command in two forms, both with the same files as their result.

    Attributes
    ----------
    folder : Path
        Where it runs; ``out`` in it gets the files, ``temporary`` everything temporary.
    forms : sequence of command lines
    names : set of str
        The files of a run that came to its end.
    """

    folder: Path
    forms: Sequence[Sequence[str]]
    names: set[str]
    rng: random.Random
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def temporary(self) -> Path:
        return self.folder / "temporary"

    def start(self, form: int) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": str(ROOT),
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "engine", *self.forms[form]]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=quiet, stderr=quiet)

    def finish(self, form: int) -> float:
        """Run to the end, check what is there then, and return how long it took."""
        began = time.perf_counter()
        with self.start(form) as program:
            assert program.wait() == 0
        seconds = time.perf_counter() - began
        assert {path.name for path in self.out.iterdir()} == self.names
        assert list(self.temporary.iterdir()) == []
        return seconds

    def kill(self, form: int, longest: float) -> None:
        """Run, and end the program by one of the signals at a random moment."""
        number = self.rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
        with self.start(form) as program:
            if self.rng.random() < 0.5:
                self._wait_until_it_writes(program, self.rng.randint(1, 3))
                self._wait(program, self.rng.uniform(0.0, 0.02))
            else:
                self._wait(program, longest * self.rng.uniform(0.15, 1.0))
            self.counts["ended before" if program.poll() is not None else number.name] += 1
            program.send_signal(number)
        self.counts["left a file behind"] += bool(self._temporary_files())
        self.counts["left a folder behind"] += bool(list(self.temporary.iterdir()))

    def _wait(self, program: subprocess.Popen[bytes], seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            program.wait(seconds)

    def _wait_until_it_writes(self, program: subprocess.Popen[bytes], times: int) -> None:
        """Wait until a new temporary file was seen so many times, or the program has ended."""
        seen = self._temporary_files()
        while times and program.poll() is None:
            found = self._temporary_files()
            times -= bool(found - seen)
            seen |= found

    def _temporary_files(self) -> set[str]:
        return {path.name for path in self.out.glob(".*.tinyml-tmp")}

    def run(self) -> Iterator[None]:
        """Kill again and again; yield after each kill, to check what is there."""
        self.out.mkdir(exist_ok=True)
        self.temporary.mkdir()
        longest = max(self.finish(form) for form in range(len(self.forms)))
        for number in range(KILLS):
            self.kill(number % len(self.forms), longest)
            yield
            if number % FINISHED_EVERY == FINISHED_EVERY - 1:
                self.finish(self.rng.randrange(len(self.forms)))
        self.finish(0)


def tell(what: object) -> None:
    sys.stdout.write(f"\n{what}\n")


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("TINYML_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
    tell(f"TINYML_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    """Write two models, large enough that writing what is made of them takes a while."""
    spec = ModelSpec((Flatten(), Dense(100), Dense(10)), (28, 28, 1))
    for seed in range(2):
        model_file.save(quantized(spec, seed), tmp_path / f"{seed}.tinyml")
    return [f"{seed}.tinyml" for seed in range(2)]


def test_killed_exports(models: list[str], rng: random.Random, tmp_path: Path) -> None:
    options = ("--name", "net", "--out", "out", "--force", "--test-vectors", "200")
    forms = [("export", model, "--format", "c-int8", *options) for model in models]
    campaign = Campaign(tmp_path, forms, set(EXPORTED), rng)
    sets = []
    for form in forms:
        whole = tmp_path / f"whole {len(sets)}"
        command = [sys.executable, "-m", "engine", *form, "--no-check", "--out", str(whole)]
        subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
        sets.append({name: (whole / name).read_bytes() for name in EXPORTED})
    for _ in campaign.run():
        found = [[(campaign.out / name).read_bytes() == made[name] for name in EXPORTED] for made in sets]
        assert all(map(any, zip(*found, strict=True))), "a file is neither the old nor the new one"
        compiles = subprocess.run(
            [compiler("gcc"), "-E", str(campaign.out / EXPORTED[2])], capture_output=True, check=False
        )
        is_one_set = any(map(all, found))
        assert is_one_set == (compiles.returncode == 0)
        campaign.counts["two sets, refused by the compiler"] += not is_one_set
    tell(dict(campaign.counts))


def test_killed_trainings(rng: random.Random, tmp_path: Path) -> None:
    words = ("train", "--data", "starter", "--model", "mlp-32-32", "--epochs", "6", "--out", "out/a.tinyml")
    campaign = Campaign(tmp_path, [(*words, "--seed", seed) for seed in "12"], {"a.tinyml"}, rng)
    check_models(campaign)


def test_killed_quantizations(rng: random.Random, tmp_path: Path) -> None:
    words = ("quantize", "digits", "--data", "starter", "--out", "out/a.tinyml")
    forms = [words, (*words, "--finetune", "1")]
    check_models(Campaign(tmp_path, forms, {"a.tinyml"}, rng))


def check_models(campaign: Campaign) -> None:
    """Every model can be read after every kill, the interrupted run in it too."""
    for _ in campaign.run():
        assert "a.tinyml" in {path.name for path in campaign.out.iterdir()}
        for path in campaign.out.glob("*.tinyml"):
            try:
                _, run = model_file.load_run(path)
            except ProjectError as error:
                pytest.fail(str(error))
            campaign.counts["interrupted runs"] += run is not None
    tell(dict(campaign.counts))
