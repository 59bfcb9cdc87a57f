"""The numbers that flow through a chain of nodes, and where each of them stands in the engine.

`Flow.places` is an array in the shape that ONNX has at this point, for one image. Each entry is the index of
that number in the engine's flat feature map. So Transpose, Reshape and Flatten only move entries, and the
next layer reads from the array how its weights must be permuted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.formats.onnx_files.reading.builder import Builder
from engine.formats.onnx_files.reading.protobuf import Fault
from engine.int8.arithmetic import Affine
from engine.shapes import Shape, size

__all__ = ["CHANNELS_FIRST", "CHANNELS_LAST", "Flow", "Places", "engine_places"]

Places = NDArray[np.int64]

CHANNELS_FIRST, CHANNELS_LAST = (1, 0, 2), (0, 2, 1)
"""The axes (height, channels, width) of the engine in the order of ONNX, and in that of TensorFlow."""

MAX_WORK = 1 << 26  # numbers in all tensors: a longer file would keep the user waiting
SCALING_WORK = 8  # times as long as moving a number takes a multiplication by a constant


class Flow:
    """The result of the nodes read so far.

    Attributes
    ----------
    name : str
        Of the tensor.
    places : ndarray of int64
        See the module; its first axis is the batch and has one entry.
    builder : Builder
    batch : int
        How many images the file computes at once; 1 if that is open.
    pads : tuple of int or None
        Zeros around the image that a node has added: top, left, bottom, right.
    held : Affine or None
        Scale and zero point, between QuantizeLinear and DequantizeLinear.
    labels : tuple of str
        What the outputs stand for, if a node says so.
    """

    def __init__(self, name: str, input_shape: Shape, places: Places, batch: int) -> None:
        self.name = name
        self.labels: tuple[str, ...] = ()
        self.builder = Builder(input_shape)
        self.batch = batch
        self.pads: tuple[int, ...] | None = None
        self.held: Affine | None = None
        self._work = 0
        self.move(places)

    def move(self, places: Places) -> None:
        """Continue with the same numbers in another shape."""
        if places.ndim < 2 or places.shape[0] != 1:
            raise Fault("it does not keep the images of a batch apart; leave the first dimension as it is.")
        self.places = places
        self._spend(places.size)

    def _spend(self, numbers: int) -> None:
        """Count `numbers` that are worked on; raise `Fault` if a user would wait too long."""
        self._work += numbers
        if self._work > MAX_WORK:
            raise Fault("the network is too large up to here; choose a smaller one.")

    def is_image(self) -> bool:
        """Return whether the tensor is (1, channels, height, width)."""
        return self._in_order(CHANNELS_FIRST)

    def image(self) -> tuple[int, int, int]:
        """Return height, width and channels; raise `Fault` if the tensor has not the channels first."""
        if not self.is_image():
            raise Fault(
                "its input is no image with the channels first; use layers for images in their usual order."
            )
        height, width, channels = self.builder.shape
        return height, width, channels

    def channel_axis(self) -> int:
        """Return which axis runs over the channels; 1 in a vector."""
        if len(self.builder.shape) == 1 or self._in_order(CHANNELS_FIRST):
            return 1
        if self._in_order(CHANNELS_LAST):
            return 3
        raise Fault(
            "the axes of its input are in an unusual order; use layers for images in their usual order."
        )

    def continue_with_layer(self) -> None:
        """Continue with the output of the last layer, in the usual order."""
        shape = self.builder.shape
        if len(shape) == 3:
            self.move(engine_places(shape).transpose(CHANNELS_FIRST)[None])
        else:
            self.move(np.arange(size(shape))[None])

    def vector(self) -> Places:
        """Return for each number of a flat input where the engine has it; (features,)."""
        if self.places.ndim != 2:
            raise Fault("its input is not one vector for each image; put Flatten before it.")
        self.builder.flatten()
        order: Places = self.places[0]
        return order

    def by_channel(self, *constants: NDArray[Any]) -> list[NDArray[np.float64]]:
        """Return constants that broadcast to the tensor as numbers for each channel, all (channels,).

        A vector that comes from an image is one in the engine, too, where the numbers of a channel differ.
        """
        self._spend(SCALING_WORK * len(constants) * self.places.size)
        flat = [self._in_engine(np.asarray(values, np.float64)) for values in constants]
        shape = self.builder.shape
        if len(shape) == 1:
            return flat
        height, width, channels = shape
        maps = [values.reshape(height, channels, width) for values in flat]
        if all((m == m[:1, :, :1]).all() for m in maps):
            return [m[0, :, 0].copy() for m in maps]
        if max(self.places.shape) != self.places.size:
            raise Fault("its constants differ inside a channel; use one number for each channel.")
        self.builder.flatten()
        return flat

    def _in_engine(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if np.broadcast_shapes(values.shape, self.places.shape) != self.places.shape:
            raise Fault("its constants do not fit its input; export the network again.")
        flat = np.empty(self.places.size)
        flat[self.places.ravel()] = np.broadcast_to(values, self.places.shape).ravel()
        return flat

    def _in_order(self, axes: tuple[int, ...]) -> bool:
        shape = self.builder.shape
        if len(shape) != 3 or self.places.ndim != 4:
            return False
        self._spend(self.places.size)
        return np.array_equal(self.places[0], engine_places(shape).transpose(axes))


def engine_places(shape: Shape) -> Places:
    """Return the index of each number of a feature map, as (height, channels, width)."""
    height, width, channels = shape
    places: Places = np.arange(size(shape)).reshape(height, channels, width)
    return places
