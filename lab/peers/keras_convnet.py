"""Keras' own MNIST example (keras.io, "Simple MNIST convnet"), on TensorFlow: pip install tensorflow-cpu

Two convolutions of 32 and 64, each with max-pooling, dropout 0.5; Adam, batches of 128. The example keeps a tenth of
the training images back; here it gets all that the others get.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
from keras import layers

from lab.peers import peer_protocol


def prepare(images, labels, seed):
    keras.utils.set_random_seed(seed)
    x, y = scaled(images), keras.utils.to_categorical(labels, 10)
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return (
        lambda: model.fit(x, y, batch_size=128, epochs=1, verbose=0),
        lambda images: model.predict(scaled(images), batch_size=1000, verbose=0).argmax(1),
    )


def scaled(images):
    return np.expand_dims(images.astype("float32") / 255, -1)


if __name__ == "__main__":
    peer_protocol.run(prepare)
