from __future__ import annotations

import numpy as np
import pytest

from engine.data.preprocess import preprocess
from engine.knobs import knobs_of
from engine.training.augment import Augmentation
from tests.tinyml_gui.tiny import spots
from tinyml_gui.viewmodels.augmentation import preview

DATA = spots(40, shape=(28, 28, 1))


def seen(augmentation: Augmentation, drawings: float = 0.0, seed: int = 0) -> np.ndarray:
    return preview(DATA, augmentation, drawings, 10, np.random.default_rng(seed))


def test_nothing_chosen_shows_the_images_themselves() -> None:
    images = seen(Augmentation())
    assert images.shape == (10, 28, 28, 1)
    assert all(any(np.array_equal(image, own) for own in DATA.images) for image in images)


@pytest.mark.parametrize("name", [k.name for k in knobs_of(Augmentation)])
def test_every_amount_can_be_seen(name: str) -> None:
    changed = seen(Augmentation(**{name: 0.5}))
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, seen(Augmentation()))


def test_drawings_are_in_the_form_of_the_canvas() -> None:
    chosen, drawn = seen(Augmentation()), seen(Augmentation(), drawings=1.0)
    assert np.array_equal(drawn[0, ..., 0], preprocess(chosen[0, ..., 0]))


@pytest.mark.parametrize("shape", [(4, 4, 1), (6, 9, 3)])
def test_other_shapes_and_fewer_images_than_places(shape: tuple[int, int, int]) -> None:
    images = preview(spots(8, shape=shape), Augmentation(shift=1.0), 1.0, 10, np.random.default_rng(0))
    assert images.shape == (10, *shape)
