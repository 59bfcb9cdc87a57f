"""The flat vector: one order, views into it, start values that depend on the seed alone."""

from __future__ import annotations

import numpy as np
import pytest

from engine.nn.layers import BatchNorm, Conv2D, Dense, Flatten
from engine.nn.param import constant, normal
from engine.nn.param_layout import ParamLayout
from engine.nn.presets import PRESETS, Preset
from engine.nn.specs import ModelSpec

SPEC = ModelSpec((Conv2D(3), BatchNorm(), Flatten(), Dense(4), Dense(2)), (5, 5, 2))
presets = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)


@presets
def test_views_cover_the_vector_once(preset: Preset) -> None:
    layout = ParamLayout(preset.build())
    touched = np.zeros(layout.size, np.int64)
    for view in layout.views:
        view.of(touched)[...] += 1
    assert (touched == 1).all()
    assert layout.size == preset.build().parameters


@presets
def test_tags_are_slices(preset: Preset) -> None:
    layout = ParamLayout(preset.build())
    for view in layout.views:
        place = slice(view.start, view.stop)
        inside = [
            set(range(layout.size)[place]) <= set(range(layout.size)[part])
            for part in (layout.decayed, layout.trainable, layout.state)
        ]
        assert inside == [view.param.decayed, view.param.trainable, not view.param.trainable]


def test_weights_decay_and_biases_do_not() -> None:
    decayed = {view.key for view in ParamLayout(SPEC).views if view.param.decayed}
    assert decayed == {"0.weight", "3.weight", "4.weight"}
    state = {view.key for view in ParamLayout(SPEC).views if not view.param.trainable}
    assert state == {"1.mean", "1.variance"}


def test_layer_views_write_to_the_vector() -> None:
    layout = ParamLayout(SPEC)
    vector = np.zeros(layout.size, np.float32)
    layout.layer(4, vector)["bias"][...] = 7
    assert (vector == 7).sum() == 2
    assert (layout.named(vector)["4.bias"] == 7).all()
    assert set(layout.layer(2, vector)) == set()


@presets
def test_start_values_depend_on_the_seed_alone(preset: Preset) -> None:
    layout = ParamLayout(preset.build())
    first, second, other = (layout.init(np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first.dtype == np.float32
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert np.isfinite(first).all()


def test_start_values_keep_the_signal_alive() -> None:
    """Through ten wide layers of relu the outputs neither vanish nor explode (He et al. 2015)."""
    spec = ModelSpec((Flatten(), *[Dense(256, "relu")] * 10), (16, 16, 1))
    layout = ParamLayout(spec)
    named = layout.named(layout.init(np.random.default_rng(0)))
    signal = np.random.default_rng(1).standard_normal(256)
    start = np.square(signal).mean()
    for index in range(1, 11):
        signal = np.maximum(named[f"{index}.weight"] @ signal, 0)
    assert 0.1 < np.square(signal).mean() * 2 / start < 10


def test_initializers() -> None:
    rng = np.random.default_rng(0)
    assert (constant(2.5)(rng, (3,)) == 2.5).all()
    assert normal(0.1)(rng, (10_000,)).std() == pytest.approx(0.1, rel=0.05)
