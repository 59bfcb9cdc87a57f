from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.data.preprocess import preprocess
from engine.errors import SpecError
from engine.int8.certainty import Certainty
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.quantize.calibrate import calibrate
from engine.quantize.network import IntegerPredictor
from tinyml_gui.viewmodels.drawing import BAR_COUNT, DrawingViewModel

DIGITS = tuple("0123456789")
LETTERS = tuple("ABCDEFGHIJKLMNOP")


class Fake:
    """Answers what it is told."""

    def __init__(self, answer: list[float] | Exception) -> None:
        self.answer = answer
        self.published: list[NDArray[np.float32]] = []

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert images.shape == (1, 28, 28)
        if isinstance(self.answer, Exception):
            raise self.answer
        return np.array([self.answer], np.float32)

    def publish(self, params: NDArray[np.float32]) -> None:
        self.published.append(params)


def network(classes: tuple[str, ...], shape: tuple[int, int, int] = (28, 28, 1)) -> Model:
    spec = PRESETS["mlp-32-32"].build(len(classes), shape)
    return Model.new(spec, classes, np.random.default_rng(3))


def view_of(
    answer: list[float] | Exception, classes: tuple[str, ...] = DIGITS
) -> tuple[DrawingViewModel, Fake]:
    fake = Fake(answer)
    view = DrawingViewModel(lambda model: fake)
    view.set_model(network(classes))
    return view, fake


def ink() -> NDArray[np.uint8]:
    canvas = np.zeros((280, 280), np.uint8)
    canvas[60:220, 120:150] = 255
    return canvas


def certainty(classes: int, top: int) -> list[float]:
    rest = 0.1 / (classes - 1)
    return [0.9 if i == top else rest for i in range(classes)]


def test_the_most_probable_class_comes_first() -> None:
    view, _ = view_of(certainty(10, 7))
    result = view.classify(ink())
    assert result.top is not None
    assert (result.top.label, result.top.probability) == ("7", pytest.approx(0.9))
    assert len(result.scores) == 10
    assert result.sentence == ""
    assert result.seen is not None
    assert result.seen.shape == (28, 28)


def test_few_classes_keep_their_places() -> None:
    for top in (2, 9):
        view, _ = view_of(certainty(10, top))
        bars = view.classify(ink()).bars
        assert tuple(bar.label for bar in bars) == DIGITS
        assert [bar.is_top for bar in bars].index(True) == top


def test_of_many_classes_the_most_probable_are_listed() -> None:
    view, _ = view_of(certainty(len(LETTERS), 4), LETTERS)
    bars = view.classify(ink()).bars
    assert len(bars) == BAR_COUNT
    assert (bars[0].label, bars[0].is_top) == ("E", True)
    probabilities = [bar.probability for bar in bars]
    assert probabilities == sorted(probabilities, reverse=True)  # type: ignore[type-var]


@pytest.mark.parametrize("classes", [DIGITS, LETTERS])
def test_an_empty_canvas_has_no_class_and_the_same_number_of_bars(classes: tuple[str, ...]) -> None:
    view, _ = view_of(certainty(len(classes), 1), classes)
    empty = view.classify(np.zeros((280, 280), np.uint8))
    assert empty.top is None
    assert empty.seen is None
    assert all(bar.probability is None for bar in empty.bars)
    assert len(empty.bars) == len(view.classify(ink()).bars)


def test_the_invitation_fits_the_classes() -> None:
    assert view_of([0.1] * 10)[0].hint == "Draw a digit here"
    assert view_of([0.1] * 16, LETTERS)[0].hint == "Draw a character here"


def test_a_model_of_another_input_is_explained() -> None:
    view = DrawingViewModel()
    view.set_model(network(DIGITS, (16, 12, 1)))
    result = view.classify(ink())
    assert result.top is None
    assert "16×12×1" in result.sentence
    assert result.seen is not None


@pytest.mark.parametrize("answer", [SpecError("the network is upside down."), [float("nan")] * 10])
def test_what_goes_wrong_is_a_sentence(answer: list[float] | Exception) -> None:
    view, _ = view_of(answer)
    result = view.classify(ink())
    assert result.top is None
    assert result.sentence.endswith(".")


def test_published_parameters_reach_the_classifier() -> None:
    view, fake = view_of([0.1] * 10)
    params = np.ones(3, np.float32)
    view.publish(params)
    assert fake.published == [params]


def test_the_real_predictor_answers_and_follows_what_is_published() -> None:
    model = network(DIGITS)
    view = DrawingViewModel()
    view.set_model(model)
    before = view.classify(ink())
    assert sum(score.probability for score in before.scores) == pytest.approx(1, abs=1e-5)
    view.publish(np.zeros_like(model.params))
    after = view.classify(ink())
    assert [score.probability for score in after.scores] == pytest.approx([0.1] * 10)


def test_int8_is_asked_where_the_model_is_quantized() -> None:
    plain, view = network(DIGITS), DrawingViewModel()
    view.set_model(plain)
    assert view.compare(view.classify(ink())) is None
    quantized = plain.replace(quantization=calibrate(plain, preprocessed()))
    view.set_model(quantized)
    found = view.compare(view.classify(ink()))
    assert found is not None
    assert found.agrees
    assert found.words.startswith("int8: ")
    assert view.compare(view.classify(np.zeros((280, 280), np.uint8))) is None
    view.publish(plain.params)
    assert view.compare(view.classify(ink())) is None


def test_int8_that_answers_otherwise_is_said() -> None:
    model = network(DIGITS)
    model = model.replace(quantization=calibrate(model, preprocessed()))
    other = int(IntegerPredictor(model).probabilities(preprocessed()).argmax())
    view = DrawingViewModel(lambda _: Fake(certainty(10, (other + 1) % 10)))
    view.set_model(model)
    found = view.compare(view.classify(ink()))
    assert found is not None
    assert not found.agrees
    assert found.words.startswith(f"int8 says {other}, ")


def preprocessed() -> NDArray[np.uint8]:
    seen = preprocess(ink())
    assert seen is not None
    return seen[None]


@pytest.mark.parametrize(("least", "is_sure"), [(-1e6, True), (1e6, False)])
def test_a_calibrated_model_says_when_it_is_not_sure(least: float, is_sure: bool) -> None:
    view = DrawingViewModel()
    view.set_model(network(DIGITS).replace(certainty=Certainty((least,) * 10)))
    result = view.classify(ink())
    assert result.top is not None
    assert result.is_sure is is_sure


def test_new_parameters_are_not_calibrated() -> None:
    view = DrawingViewModel()
    model = network(DIGITS).replace(certainty=Certainty((1e6,) * 10))
    view.set_model(model)
    view.publish(model.params)
    assert view.classify(ink()).is_sure


def test_the_temperature_makes_answers_less_certain() -> None:
    model = network(DIGITS)
    tops = []
    for heat in (1.0, 10.0):
        view = DrawingViewModel()
        view.set_model(model.replace(certainty=Certainty((-1e6,) * 10, heat)))
        top = view.classify(ink()).top
        assert top is not None
        tops.append(top.probability)
    assert tops[0] > tops[1]
