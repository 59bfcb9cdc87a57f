"""What each operator of a sequential network is here: the table `OPERATORS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from engine.formats.onnx_files.reading import weighted
from engine.formats.onnx_files.reading.folding import axes_of, moved, reshaped, squeezed, unsqueezed
from engine.formats.onnx_files.reading.patterns import COMPLEMENT
from engine.formats.onnx_files.reading.protobuf import Fault
from engine.formats.onnx_files.reading.steps import Apply, Step, Values
from engine.formats.onnx_files.reading.windows import slide_of
from engine.int8.arithmetic import LOW, Affine
from engine.knobs import knobs_of
from engine.nn.activations import LEAK
from engine.nn.layers import AvgPool2D, GlobalAvgPool2D, MaxPool2D, PReLU, Upsample2D
from engine.nn.specs import LayerSpec

__all__ = ["OPERATORS"]


def _pass(step: Step) -> None:
    """Compute nothing in inference."""


def _cast(step: Step) -> None:
    if step.attribute("to", 0) not in REAL:
        raise Fault("it makes whole numbers of what the network computes; leave it out.")


REAL = {1, 10, 11, 16}
"""The types float, float16, double and bfloat16, as ONNX numbers them."""


def _function(name: str) -> Apply:
    return lambda step: step.flow.builder.activate(name)


def _softmax(step: Step) -> None:
    flow = step.flow
    axis = step.attribute("axis", -1) % flow.places.ndim
    if flow.places.ndim == 2:
        flow.vector()
    if axis != flow.channel_axis():
        raise Fault("it is not over the channels; use it over the classes.")
    flow.builder.activate("softmax")


def _log_softmax(step: Step) -> None:
    step.flow.builder.remarks.append(
        f"The {step.node} was left out: outputs differ by a number for each image, probabilities do not."
    )


def _leaky_relu(step: Step) -> None:
    slope = step.attribute("alpha", LEAK)
    if np.isclose(slope, LEAK, 1e-6, 0):
        step.flow.builder.activate("leaky_relu")
    else:
        _add_prelu(step, np.array(slope))


def _prelu(step: Step) -> None:
    _add_prelu(step, step.constant(1, "slope"))


def _add_prelu(step: Step, slope: Values) -> None:
    (slopes,) = step.flow.by_channel(slope)
    step.flow.builder.add(PReLU(), {"slope": slopes.astype(np.float32)})


def _clip(step: Step) -> None:
    low, high = (
        step.attribute(name, limit) if value is None else float(value.ravel()[0])
        for name, limit, value in (
            ("min", -np.inf, step.optional(1)),
            ("max", np.inf, step.optional(2)),
        )
    )
    largest = float(np.finfo(np.float32).max)
    names = {(0.0, 6.0): "relu6", (0.0, largest): "relu"}
    name = names.get((float(low), min(float(high), largest)))
    if name is None:
        raise Fault(f"it limits numbers to {low:g} … {high:g}; only ReLU and ReLU6 are supported.")
    step.flow.builder.activate(name)


def _maximum(step: Step) -> None:
    _check_limit(step, 0)
    step.flow.builder.activate("relu")


def _minimum(step: Step) -> None:
    _check_limit(step, 6)
    step.flow.builder.cap()


def _check_limit(step: Step, limit: float) -> None:
    if not (step.constant(1 - step.position, "limit") == limit).all():
        raise Fault(f"it limits numbers by another one than {limit}; only ReLU and ReLU6 are supported.")


def _pool(step: Step, layer: Callable[[int], LayerSpec]) -> None:
    height, width, _ = step.flow.image()
    kernel = tuple(step.attribute("kernel_shape", ()))
    if len(kernel) != 2:
        raise Fault("it does not pool over rows and columns; use layers for images.")
    slide = slide_of(step.node, (height, width), kernel)
    whole = slide.out((height, width)) == (height // kernel[0], width // kernel[1])
    even = not step.attribute("ceil_mode", 0) or (height % kernel[0], width % kernel[1]) == (0, 0)
    squares = slide.kernel == slide.stride == (kernel[0],) * 2 and slide.dilation == (1, 1)
    if not (squares and whole and even) or any(slide.before + slide.after):
        raise Fault(
            "its windows overlap, are not square or are padded; pool over squares, stride and size equal."
        )
    step.flow.builder.add(layer(kernel[0]))
    step.flow.continue_with_layer()


LARGEST_POOL = max(int(knob.high or 0) for knob in knobs_of(AvgPool2D))


def _average_pool(step: Step) -> None:
    height, width, _ = step.flow.image()
    kernel = tuple(step.attribute("kernel_shape", ()))
    squares = height == width <= LARGEST_POOL
    if kernel == (height, width) and not squares and not any(step.attribute("pads", ())):
        _channel_mean(step, {2, 3}, True)
    else:
        _pool(step, AvgPool2D)


def _reduce_mean(step: Step) -> None:
    axes = axes_of(step.node, step.values)
    found = {axis % step.flow.places.ndim for axis in axes or ()}
    _channel_mean(step, found, bool(step.attribute("keepdims", 1)))


def _channel_mean(step: Step, axes: set[int], keep: bool) -> None:
    flow = step.flow
    channels = flow.channel_axis()
    if flow.places.ndim != 4 or axes != {1, 2, 3} - {channels}:
        raise Fault("it is not the mean of each channel; use global average pooling.")
    flow.builder.add(GlobalAvgPool2D())
    shape = [1, 1, 1, 1] if keep else [1, 1]
    shape[channels if keep else 1] = -1
    flow.move(np.arange(flow.builder.shape[0]).reshape(shape))


def _global_max(step: Step) -> None:
    height, width, _ = step.flow.image()
    if height != width:
        raise Fault("it takes the maximum of an image that is not square; use a square one.")
    step.flow.builder.add(MaxPool2D(height))
    step.flow.continue_with_layer()


def _resize(step: Step) -> None:
    height, width, channels = step.flow.image()
    old, scales, sizes = (step.optional(i) for i in (1, 2, 3))
    given = scales if scales is not None and scales.size else old if sizes is None else None
    factors = sizes / (1, channels, height, width) if given is None and sizes is not None else given
    if factors is None or factors.size != 4:
        raise Fault("its scales are not constant; export the network again.")
    whole = factors[2] == factors[3] == round(float(factors[2])) and (factors[:2] == 1).all()
    how = (
        step.attribute("coordinate_transformation_mode", "half_pixel"),
        step.attribute("nearest_mode", "round_prefer_floor"),
    )
    exact = how in REPEATING and step.attribute("mode", "nearest") == "nearest"
    if not (whole and exact):
        raise Fault("it does not repeat pixels a whole number of times; enlarge by nearest neighbours.")
    step.flow.builder.add(Upsample2D(int(factors[2])))
    step.flow.continue_with_layer()


REPEATING = {
    ("asymmetric", "floor"),
    ("tf_half_pixel_for_nn", "floor"),
    ("half_pixel", "round_prefer_floor"),
    ("half_pixel", "round_prefer_ceil"),
    ("pytorch_half_pixel", "round_prefer_floor"),
    ("pytorch_half_pixel", "round_prefer_ceil"),
}
"""The modes of Resize that repeat each pixel equally often, where the factor is whole."""


def _pad(step: Step) -> None:
    step.flow.image()
    given = step.optional(1)
    pads = step.attribute("pads", ()) if given is None else given.ravel()
    value = step.optional(2)
    fill = step.attribute("value", 0) if value is None or not value.size else value.ravel()[0]
    if step.attribute("mode", "constant") != "constant" or fill or len(pads) != 8:
        raise Fault("it pads with other numbers than 0; pad images with zeros.")
    before, after = [int(n) for n in pads[:4]], [int(n) for n in pads[4:]]
    if min(before + after) < 0 or any(before[:2] + after[:2]):
        raise Fault("it does not pad rows and columns; pad images with zeros.")
    if any(before + after):
        step.flow.pads = (*before[2:], *after[2:])


def _reshape(step: Step) -> None:
    given = step.optional(1)
    target = list(step.attribute("shape", ()) if given is None else given.ravel())
    if step.flow.batch > 1 and target and target[0] == step.flow.batch:
        target[0] = 1
    step.flow.move(reshaped(step.flow.places, target, bool(step.attribute("allowzero", 0))))


def _flatten(step: Step) -> None:
    if step.attribute("axis", 1) % step.flow.places.ndim != 1:
        raise Fault("it does not keep the images of a batch apart; flatten from axis 1 on.")
    step.flow.move(step.flow.places.reshape(1, -1))


def _gather(step: Step) -> None:
    order, places = step.constant(1, "order"), step.flow.places
    axis = step.attribute("axis", 0) % places.ndim
    if axis == 0 or not np.array_equal(
        np.sort(order.ravel() % places.shape[axis]), np.arange(places.shape[axis])
    ):
        raise Fault("it picks some of the numbers; only another order of all of them is supported.")
    step.flow.move(np.take(places, order, axis))


def _affine(step: Step) -> Affine:
    """Return scale and zero point of a node, as int8 has them."""
    scale, zero = step.constant(1, "scale"), step.optional(2)
    kind = np.dtype(np.uint8) if zero is None else zero.dtype
    if scale.size != 1 or kind not in (np.int8, np.uint8) or not 0 < scale.ravel()[0] < np.inf:
        raise Fault("it has no single positive scale with 8 bits; quantize activations by tensor to 8 bits.")
    place = 0 if zero is None else int(zero.ravel()[0])
    return Affine(float(scale.ravel()[0]), place + LOW if kind == np.uint8 else place)


def _quantize(step: Step) -> None:
    step.flow.held = _affine(step)
    step.flow.builder.quantize(step.flow.held)


def _dequantize(step: Step) -> None:
    affine, held = _affine(step), step.flow.held
    step.flow.held = None
    if held is None:
        raise Fault("its input is int8 where floats are expected; export with float input.")
    if affine != held:
        raise Fault("its scale is not that of the QuantizeLinear before it; quantize the network again.")


def _zip_map(step: Step) -> None:
    labels = step.attribute("classlabels_strings", ()) or step.attribute("classlabels_int64s", ())
    step.flow.labels = tuple(
        label.decode(errors="replace") if isinstance(label, bytes) else str(label) for label in labels
    )


def _complement(step: Step) -> None:
    step.flow.vector()
    step.flow.builder.complement()
    step.flow.continue_with_layer()


OPERATORS: Mapping[str, Apply] = {
    "Conv": weighted.conv,
    "Gemm": weighted.gemm,
    "MatMul": weighted.matmul,
    "BatchNormalization": weighted.batch_norm,
    "Add": weighted.add,
    "Sub": weighted.subtract,
    "Mul": weighted.multiply,
    "Div": weighted.divide,
    "Scaler": weighted.scaler,
    "Relu": _function("relu"),
    "Sigmoid": _function("sigmoid"),
    "Tanh": _function("tanh"),
    "LeakyRelu": _leaky_relu,
    "PRelu": _prelu,
    "Clip": _clip,
    "Max": _maximum,
    "Min": _minimum,
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "MaxPool": lambda step: _pool(step, MaxPool2D),
    "AveragePool": _average_pool,
    "GlobalAveragePool": lambda step: _channel_mean(step, {2, 3}, True),
    "GlobalMaxPool": _global_max,
    "ReduceMean": _reduce_mean,
    "Resize": _resize,
    "Upsample": _resize,
    "Pad": _pad,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": lambda step: step.flow.move(moved(step.node, step.flow.places)),
    "Gather": _gather,
    "Squeeze": lambda step: step.flow.move(squeezed(step.flow.places, axes_of(step.node, step.values))),
    "Unsqueeze": lambda step: step.flow.move(unsqueezed(step.flow.places, axes_of(step.node, step.values))),
    "Identity": _pass,
    "Dropout": _pass,
    "Cast": _cast,
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "ZipMap": _zip_map,
    COMPLEMENT: _complement,
}
"""How each operator continues a network."""
