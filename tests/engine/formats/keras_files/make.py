"""Makes the files in this folder. Needs Keras 3 and PyTorch: ``KERAS_BACKEND=torch python make.py``.

They were made with Keras 3.15.1 on PyTorch 2.13.0. ``answers.npz`` has images and what Keras answers to them.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

FOLDER = Path(__file__).parent
LAYERS = keras.layers


def main() -> None:
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            LAYERS.Input((8, 6, 2)),
            LAYERS.Conv2D(3, 3, padding="same", activation="relu"),
            LAYERS.BatchNormalization(epsilon=0.01),
            LAYERS.DepthwiseConv2D(3, padding="same"),
            LAYERS.MaxPooling2D(2),
            LAYERS.Flatten(),
            LAYERS.Dense(5, activation="tanh"),
            LAYERS.Dense(5, activation="relu"),
            LAYERS.Dense(4),
        ]
    )
    rng = np.random.default_rng(7)
    model.set_weights(
        [
            rng.normal(0, 0.3, w.shape) if w.ndim > 1 else rng.uniform(0.1, 0.9, w.shape)
            for w in model.get_weights()
        ]
    )
    images = rng.integers(0, 256, (5, 8, 6, 2), np.uint8)
    answers = model.predict(images.astype(np.float32) / 255, verbose=0)
    model.save(FOLDER / "net.keras")
    model.save(FOLDER / "net.h5")
    model.save_weights(FOLDER / "net.weights.h5")
    np.savez(FOLDER / "answers.npz", images=images, answers=answers)


if __name__ == "__main__":
    main()
