"""The recipe for a layer, applied to a copy of the program: a layer with an int8 call of its own.

One Python file, three kernels and the registry: five files of the program. A sixth tells the tests what
PyTorch calls the layer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.tree import copy_of_tree, replace_once, run_in, touched

TEMPLATE = Path(__file__).parent / "layer"
REGISTRY = "engine/nn/layers/__init__.py"
TORCH = "tests/torch_nets.py"
IMPORT = "from engine.nn.layers.negate import Negate\n"
NEGATIVE = """class Negative(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -x


"""
PROGRAM = 5
"""How many files of the program a layer touches, as ARCHITECTURE.md says."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = copy_of_tree(tmp_path_factory.mktemp("layer"))
    (tree / "engine/nn/layers/negate.py").write_bytes((TEMPLATE / "negate.py").read_bytes())
    for kernel in TEMPLATE.glob("*.c"):
        (tree / "engine/export/kernels" / kernel.name).write_bytes(kernel.read_bytes())
    before(tree / REGISTRY, "from engine.nn.layers.norm import", IMPORT)
    before(tree / REGISTRY, "        Dropout,\n", "        Negate,\n")
    before(tree / TORCH, "from engine.nn.param import", IMPORT)
    before(tree / TORCH, "class ChannelMean", NEGATIVE)
    before(
        tree / TORCH,
        "    MaxPool2D: Translation",
        "    Negate: Translation(lambda layer, x: [Negative()]),\n",
    )
    return tree


def before(path: Path, there: str, new: str) -> None:
    """Write `new` before a text that stands in the file once."""
    replace_once(path, there, new + there)


def test_it_touches_as_few_files_as_promised(tree: Path) -> None:
    program = {path for path in touched(tree) if path.startswith("engine/")}
    assert len(program) == PROGRAM
    assert touched(tree) - program == {TORCH}


def test_the_contract_of_layers_holds(tree: Path) -> None:
    """JSON, shapes, gradients, PyTorch, C in floats and in all variants of int8, learning, cost."""
    files = ("nn/test_layers.py", "nn/test_gradients.py", "nn/test_torch.py", "test_layer_recipe.py")
    tests = [f"tests/engine/{file}" for file in files]
    assert "passed" in pytest_in(tree, "-k", "negate or Negate or every_layer", *tests)


def test_its_int8_call_is_known_to_have_code(tree: Path) -> None:
    test = "tests/engine/export/test_c_int8.py::test_every_kind_of_integer_call_has_code"
    assert "passed" in pytest_in(tree, test)


def test_no_kind_is_compared_and_the_form_is_made_of_its_knobs(tree: Path) -> None:
    files = ("tests/test_architecture.py", "tests/engine/test_knobs.py")
    assert "passed" in pytest_in(tree, "-k", "negate or Negate", *files)


def pytest_in(tree: Path, *words: str) -> str:
    """Return what pytest says last about the copy, all of whose chosen tests pass."""
    done = run_in(tree, "pytest", "-o", "addopts=--import-mode=importlib", "-p", "no:cacheprovider", *words)
    return done.stdout.strip().splitlines()[-1]
