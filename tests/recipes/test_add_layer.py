"""The recipe for a layer, applied to a copy of the program: a layer with an int8 call of its own.

One Python file, three kernels and the registry: five files of the program. A sixth tells the tests what
PyTorch calls the layer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.copied_tree import CopiedTree

TEMPLATE = Path(__file__).parent / "layer"
REGISTRY = "engine/nn/layers/__init__.py"
TORCH = "tests/torch_nets.py"
PROGRAM = 5
"""How many files of the program a layer touches, as ARCHITECTURE.md says."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> CopiedTree:
    tree = CopiedTree(tmp_path_factory.mktemp("tree"))
    tree.add("engine/nn/layers/negate.py", (TEMPLATE / "negate.py").read_text(encoding="utf-8"))
    for kernel in sorted(TEMPLATE.glob("*.c")):
        tree.add(f"engine/export/kernels/{kernel.name}", kernel.read_text(encoding="utf-8"))
    tree.insert(REGISTRY, "from engine.nn.layers.norm", "from engine.nn.layers.negate import Negate")
    tree.insert(REGISTRY, "        Dropout,", "        Negate,")
    tree.insert(TORCH, "from engine.nn.param", "from engine.nn.layers.negate import Negate")
    tree.insert(TORCH, "class ChannelMean", NEGATIVE)
    tree.insert(
        TORCH, "    MaxPool2D: Translation", "    Negate: Translation(lambda layer, x: [Negative()]),"
    )
    return tree


NEGATIVE = """class Negative(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -x


"""


def test_it_touches_as_few_files_as_promised(tree: CopiedTree) -> None:
    program = {path for path in tree.touched if path.startswith("engine/")}
    assert len(program) == PROGRAM
    assert tree.touched - program == {TORCH}


def test_the_contract_of_layers_holds(tree: CopiedTree) -> None:
    """JSON, shapes, gradients, PyTorch, C in floats and in all variants of int8, learning, cost."""
    files = ("nn/test_layers.py", "nn/test_gradients.py", "nn/test_torch.py", "test_layer_recipe.py")
    said = tree.test("-k", "negate or Negate or every_layer", *(f"tests/engine/{file}" for file in files))
    assert "passed" in said


def test_no_kind_is_compared_and_the_form_is_made_of_its_knobs(tree: CopiedTree) -> None:
    said = tree.test("-k", "negate or Negate", "tests/test_architecture.py", "tests/engine/test_knobs.py")
    assert "passed" in said


def test_the_copy_is_what_ran(tree: CopiedTree) -> None:
    where = tree.run("import engine.nn.layers as l; print(l.__file__, 'negate' in l.LAYERS)")
    assert where == f"{tree.folder / REGISTRY} True"
