"""The call chain on its own: orders behind flattening, merged steps, buffers and when they are in use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from engine.nn.call_chain import build_network, merged_steps, output_orders, with_buffers
from engine.nn.kernel_calls import Gather
from engine.nn.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.specs import LayerSpec, ModelSpec
from engine.shapes import Shape, size


@dataclass(frozen=True)
class Placed:
    """As much of a call as a place needs."""

    out_shape: Shape
    in_place: bool = False


def model_of(*layers: LayerSpec, shape: Shape = (4, 5, 2)) -> Model:
    spec = ModelSpec(layers, shape)
    names = tuple(f"class {i}" for i in range(spec.classes))
    return Model.new(spec, names, np.random.default_rng(0))


def channels_last(shape: Shape) -> list[int]:
    """Return where the engine has the numbers that C holds as (height, width, channels)."""
    height, width, channels = shape
    engine = np.arange(size(shape)).reshape(height, channels, width)
    return [int(engine[y, c, x]) for y in range(height) for x in range(width) for c in range(channels)]


def test_flattening_leaves_its_order_behind_until_a_dense_layer_takes_it_up() -> None:
    model = model_of(Conv2D(3, 3), Flatten(), Dropout(0.5), Dense(6, "relu"), Dense(4))
    conv, flat, dropped, *dense = output_orders(model)
    assert conv is None
    assert flat is not None
    assert flat.tolist() == channels_last((4, 5, 3))
    assert dropped is not None
    assert dropped.tolist() == flat.tolist()
    assert dense == [None, None]


def test_a_network_that_ends_flat_puts_its_output_in_the_engines_order() -> None:
    model = model_of(Conv2D(3, 3), Flatten(), shape=(2, 3, 1))
    layers, call = merged_steps(model)[-1]
    assert layers == ()
    assert isinstance(call, Gather)
    held = np.arange(18)[channels_last((2, 3, 3))]
    assert held[call.arrays["order"].values].tolist() == list(range(18))


@pytest.mark.parametrize("shape", [(3, 4, 1), (1, 1, 5)])
def test_an_order_that_is_the_engines_needs_no_step(shape: Shape) -> None:
    steps = merged_steps(model_of(Flatten(), Dense(4), shape=shape))
    assert [layers for layers, _ in steps] == [(1,)]


def test_merged_layers_are_one_stage() -> None:
    convolution = Conv2D(3, 3, activation="linear")
    network = build_network(model_of(convolution, Activation("relu"), MaxPool2D(2), Flatten(), Dense(4)))
    assert [stage.layers for stage in network.stages] == [(0, 1, 2), (4,)]
    assert network.sizes == (40, 12, 4)


def test_a_network_without_calls_copies_its_input() -> None:
    network = build_network(model_of(Flatten(), shape=(2, 2, 1)))
    (stage,) = network.stages
    assert (stage.layers, stage.source, stage.target) == ((), 0, 1)
    assert network.sizes == (4, 4)


def test_calls_work_in_place_but_never_on_the_callers_input() -> None:
    steps = [((0,), Placed((6,), in_place=True)), ((1,), Placed((6,), in_place=True)), ((2,), Placed((2,)))]
    network = with_buffers(steps, 6)
    assert [(stage.source, stage.target) for stage in network.stages] == [(0, 1), (1, 1), (1, 2)]
    assert network.sizes == (6, 6, 2)


def test_a_buffer_lives_from_its_first_writing_to_its_last_reading() -> None:
    steps = [((0,), Placed((8,))), ((1,), Placed((8,), in_place=True)), ((2,), Placed((3,)))]
    # the input until stage 1 has read it; the output until the caller has, one moment after stage 3
    assert with_buffers(steps, 4).lifetimes() == ((0, 1), (1, 3), (3, 4))
