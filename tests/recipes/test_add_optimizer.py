"""The recipe "to add an optimizer" of ARCHITECTURE.md, applied to a copy: one file."""

from __future__ import annotations

import json
from pathlib import Path

from tests.recipes.tree import copy_of_tree, replace_once, run_in, touched

FILE = "engine/training/optimizers.py"
RULE = '''
def _sign(params: Vector, grad: Vector, settings: OptimizerSettings, memory: Memory) -> Update:
    """w ← w - rate · sign(g), after L2 decay (signSGD, Bernstein et al. 2018)."""
    decay = _decay_gradient(params, grad, settings)
    work = np.empty_like(params)

    def update(rate: float, step: int) -> None:
        decay()
        np.sign(grad, out=work)
        np.multiply(work, np.float32(rate), out=work)
        np.subtract(params, work, out=params)

    return update


OPTIMIZERS: Mapping'''
LINE = 'Optimizer("adamw", "AdamW", 0.002, 2, frozenset(), _adamw),'


def test_one_file_adds_an_optimizer(tmp_path: Path) -> None:
    copy = copy_of_tree(tmp_path)
    source = copy / FILE
    replace_once(source, "\nOPTIMIZERS: Mapping", RULE)
    replace_once(source, LINE, LINE + '\n        Optimizer("sign", "Sign", 0.001, 0, frozenset(), _sign),')
    assert touched(copy) == {FILE}

    out = tmp_path / "signed.tinyml"
    words = ["--data", "starter", "--model", "mlp-32-32", "--epochs", 2, "--seed", 1, "--out", out, "--json"]
    told = run_in(copy, "engine", "train", *words, "--optimizer", "sign", "--lr", 0.001).stdout
    assert json.loads(told)["metrics"]["accuracy"] > 0.5
    assert out.is_file()
    contract = "tests/engine/training/test_optimizers.py"
    tried = run_in(copy, "pytest", "-n", 0, "-p", "no:cacheprovider", "-vv", contract, "-k", "sign")
    assert "[sign]" in tried.stdout
