"""The description of a sweep: every field by its path, counted first, and refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import FieldError, FileError, SpecError, TinyMLError, TrainingError
from engine.knobs import knobs_of
from engine.nn.layers import LAYERS, Dense
from engine.nn.presets import PRESETS
from engine.sweep.description import Sweep
from engine.sweep.fields import Recipe, RepeatedLayer, field_of, with_field
from engine.sweep.grid import MOST_RUNS, axis_from_text
from engine.sweep.presets import SWEEPS, load_sweep
from engine.training.augment import Augmentation
from engine.training.config import TrainConfig
from tests.engine.helpers import blobs

MLP = {
    "layers": [{"kind": "flatten"}, {"kind": "dense", "units": 8, "activation": "relu"}, {"kind": "dense"}],
    "train": {"epochs": 2},
}


def described(grid: Any, **others: Any) -> Sweep:
    return Sweep.from_json({**MLP, "grid": grid, **others})


@pytest.mark.parametrize("kind", LAYERS)
def test_every_field_of_every_layer_has_a_path(kind: str) -> None:
    recipe = Recipe((RepeatedLayer(LAYERS[kind]()), RepeatedLayer(Dense())), (8, 8, 1))
    for knob in knobs_of(LAYERS[kind]):
        assert field_of(recipe, f"layers.0.{knob.name}") == knob
        changed = with_field(recipe, f"layers.0.{knob.name}", knob.default)
        assert changed == recipe
    assert with_field(recipe, "layers.0.repeat", 3).layers[0].repeat == 3


@pytest.mark.parametrize(("owner", "way"), [(TrainConfig, "train"), (Augmentation, "train.augmentation")])
def test_every_training_setting_has_a_path(owner: type, way: str) -> None:
    recipe = Recipe.of(PRESETS["lenet"].build(), TrainConfig())
    for knob in knobs_of(owner):
        assert field_of(recipe, f"{way}.{knob.name}") == knob
    assert with_field(recipe, "train.augmentation.shift", 2.0).train.augmentation.shift == 2.0


def test_runs_are_all_combinations_with_seeds_changing_last() -> None:
    grid = {"layers.1.units": [4, 8], "train.seed": "0..1", "layers.1.repeat": "0..2"}
    runs = described(grid).runs()
    assert [run.number for run in runs] == list(range(12))
    assert [run.config.seed for run in runs] == [0] * 6 + [1] * 6
    assert [len(run.spec.layers) for run in runs[:4]] == [2, 3, 4, 2]
    assert dict(runs[4].settings) == {"train.seed": 0, "layers.1.units": 8, "layers.1.repeat": 1}
    assert len({run.key for run in runs}) == 12  # even where units of no layer make no difference


def test_fields_change_together() -> None:
    sweep = described({"layers.1.activation, train.learning_rate": [["relu", 0.1], ["tanh", 1]]})
    assert [(run.spec.layers[1].activation, run.config.learning_rate) for run in sweep.runs()] == [  # type: ignore[attr-defined]
        ("relu", 0.1),
        ("tanh", 1.0),
    ]


def test_the_preset_is_the_grid_of_the_published_tables() -> None:
    preset = SWEEPS["361"]
    assert preset.build(("relu",), 10, (28, 28, 1)).count == 361
    both = preset.build(preset.activations, 10, (28, 28, 1))
    assert both.count == 722
    assert len({run.key for run in both.runs()}) == 722
    assert Sweep.from_json(json.loads(json.dumps(both.to_json()))) == both


def test_text_gives_the_axis_that_a_file_gives() -> None:
    recipe = Recipe.of(PRESETS["lenet"].build(), TrainConfig())
    for text, values in (("layers.0.filters=4, 8", [4, 8]), ("layers.0.filters=4..6", [4, 5, 6])):
        assert [value for (value,) in axis_from_text(recipe, text).values] == values
    axis = axis_from_text(recipe, "train.learning_rate=1,1e-3")
    assert axis.values == ((1.0,), (0.001,))


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({}, "The grid is empty"),
        ([1], "must be an object"),
        ({"layers.1.units": []}, "no values for layers.1.units"),
        ({"layers.1.units": 8}, "must be a list"),
        ({"layers.1.units": [8, 8]}, "8 of layers.1.units twice"),
        ({"layers.1.units": ["8"]}, "must be a whole number"),
        ({"layers.1.units": [0]}, "at least 1"),
        ({"layers.1.units": "0..8"}, "at least 1"),
        ({"layers.1.filters": [8]}, "layers.1.repeat, layers.1.units"),
        ({"layers.9.units": [8]}, "counted from 0 to 2"),
        ({"layers.x.units": [8]}, "counted from 0 to 2"),
        ({"train.speed": [8]}, "train.learning_rate"),
        ({"shape": [8]}, "fields here are: start"),
        ({"a.b.c": [8]}, "train.augmentation.FIELD"),
        ({"layers.1.activation": ["swish"]}, "choose one of"),
        ({"layers.1.units": [4], "layers.1.units, train.seed": [[5, 0]]}, "names layers.1.units twice"),
        ({"layers.1.units, train.seed": [[5]]}, "list of 2 values"),
        ({"train.seed": "0..999999"}, "1,000,000 values"),
        ({"train.seed": "0..999", "layers.1.units": "1..1000"}, "1,000,000 runs (1000 × 1000)"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused_in_one_sentence(grid: Any, words: str) -> None:
    with pytest.raises(FieldError) as error:
        described(grid)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_million_combinations_are_counted_but_not_made() -> None:
    with pytest.raises(FieldError, match=r"The grid has 40,000 runs \(20000 × 2\); at most 20,000 are"):
        described({"train.seed": f"1..{MOST_RUNS}", "layers.1.units": [1, 2]})


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"model": "lenet"}, "either a model"),
        ({"layers": [{"kind": "dense", "repeat": -1}]}, "at least 0"),
        ({"layers": "dense"}, "list of objects"),
        ({"speed": 1}, "unknown field 'speed'"),
        ({"train": {"speed": 1}}, "unknown field 'speed'"),
        ({"train": []}, "must be a JSON object"),
        ({"start": "zeros"}, "choose one of"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(others: dict[str, Any], words: str) -> None:
    with pytest.raises(TinyMLError) as error:
        described({"train.seed": [0]}, **others)
    assert words in str(error.value)


def test_a_network_that_cannot_be_built_is_named_before_training() -> None:
    with pytest.raises(SpecError, match=r"layers\.0\.kernel = 9\): Layer 1"):
        Sweep.from_json(
            {
                "layers": [
                    {"kind": "conv2d", "kernel": 3, "padding": "valid"},
                    {"kind": "flatten"},
                    {"kind": "dense"},
                ],
                "input_shape": [5, 5, 1],
                "grid": {"layers.0.kernel": [3, 9]},
            }
        ).runs()


def test_networks_that_do_not_fit_the_data_are_named_before_training() -> None:
    data = blobs(classes=3)
    sweep = described({"layers.2.units": [3, 4]}, input_shape=[8, 8, 1])
    with pytest.raises(TrainingError, match=r"Run 2 \(layers\.2\.units 4\) has 4 outputs but blobs has 3"):
        sweep.checked_runs(data)
    with pytest.raises(TrainingError, match="batch of 4096 is larger"):
        described({"layers.2.units": [3], "train.batch_size": [8, 4096]}, input_shape=[8, 8, 1]).checked_runs(
            data
        )


def test_a_setting_is_changed_here_or_in_the_grid() -> None:
    sweep = described({"train.seed": [0, 1]})
    assert sweep.changed({"train.epochs": 7}).runs()[1].config.epochs == 7
    assert sweep.changed({"start": "layers"}).runs()[0].start == "layers"
    with pytest.raises(FieldError, match=r"train\.seed is part of the grid"):
        sweep.changed({"train.seed": 4})


def test_the_fingerprint_depends_on_sweep_and_data() -> None:
    sweep, data = described({"train.seed": [0, 1]}), blobs()
    assert sweep.fingerprint(data) == described({"train.seed": "0..1"}).fingerprint(data)
    assert sweep.fingerprint(data) != described({"train.seed": [0, 2]}).fingerprint(data)
    assert sweep.fingerprint(data) != sweep.fingerprint(blobs(60))


def test_toml_and_json_describe_the_same_sweep(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        'model = "lenet"\n[train]\nepochs = 3\n[grid]\n"layers.0.filters" = [4, 8]\n"train.seed" = "0..2"\n'
    )
    grid = {"layers.0.filters": [4, 8], "train.seed": [0, 1, 2]}
    (tmp_path / "a.json").write_text(json.dumps({"model": "lenet", "train": {"epochs": 3}, "grid": grid}))
    first, second = load_sweep(tmp_path / "a.toml"), load_sweep(tmp_path / "a.json")
    assert first == second
    assert (first.name, first.count, first.recipe.train.epochs) == ("a", 6, 3)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "{", "this is not JSON"),
        ("a.toml", "{", "this is not TOML"),
        ("a.toml", "", "either a model"),
        ("a.json", "[]", "must be an object"),
        ("a.toml", 'model = "lenet"\n[grid]\n"layers.0.size" = [1]', "There is no field layers.0.size"),
    ],
)
def test_a_file_that_describes_no_sweep_is_refused_by_name(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FileError) as error:
        load_sweep(tmp_path / name)
    assert str(error.value).startswith(str(tmp_path / name))
    assert words in str(error.value)
