"""The Keras side of the supervised network: dense layers whose width falls, behind a fixed rotation.

Importing this module imports TensorFlow; only functions that need a network do so. The class is
registered, so that a ``.keras`` file is read back without custom objects and without pickle.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.rng import integer_seeds
from bumphunt.scores.backend import import_keras

keras = import_keras()


@keras.saving.register_keras_serializable(package="bumphunt")
class ClassifierNetwork(keras.Model):  # type: ignore[misc, name-defined]
    """Dense layers with dropout that turn an event into the log-odds of being signal.

    Parameters
    ----------
    n_features : int
        Standardised features per event.
    widths : sequence of int
        Width of each hidden layer.
    activation : str
        Keras name of the hidden activation; ``selu`` starts from LeCun normal weights, as it must.
    dropout : float
        Part of each hidden layer's output left out in training.
    seed : int
        Seeds every initial weight and the dropout.
    settings : mapping, optional
        Anything JSON can hold, kept in the saved file.
    """

    def __init__(
        self,
        *,
        n_features: int,
        widths: Sequence[int],
        activation: str,
        dropout: float,
        seed: int,
        settings: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shape_config = {
            "n_features": n_features,
            "widths": list(widths),
            "activation": activation,
            "dropout": dropout,
            "seed": seed,
        }
        self.settings_json = dict(settings or {})
        seeds = iter(integer_seeds(seed, 2 * len(widths) + 1, "reference", "weights"))
        kernel = {"selu": "lecun_normal", "relu": "he_uniform"}.get(activation, "glorot_uniform")

        def dense(width: int, function: str | None, start: str, name: str) -> Any:
            initializer = keras.initializers.get({"class_name": start, "config": {"seed": next(seeds)}})
            return keras.layers.Dense(width, activation=function, kernel_initializer=initializer, name=name)

        # The principal axes: part of the network, so that its gradient reaches the features themselves.
        self.rotation = keras.layers.Dense(
            n_features, use_bias=False, kernel_initializer="identity", trainable=False, name="principal_axes"
        )
        inputs = keras.Input((n_features,), name="features")
        flow = self.rotation(inputs)
        for number, width in enumerate(widths):
            flow = dense(width, activation, kernel, f"hidden_{number}")(flow)
            if dropout > 0:
                flow = keras.layers.Dropout(dropout, seed=next(seeds), name=f"dropout_{number}")(flow)
        self.body = keras.Model(inputs, dense(1, None, "glorot_uniform", "log_odds")(flow), name="body")
        self.built = True

    def set_axes(self, axes: npt.NDArray[np.float64]) -> None:
        """Fix the rotation: ``axes`` of shape (components, features), as many of one as of the other."""
        self.rotation.set_weights([np.ascontiguousarray(axes.T, dtype=np.float32)])

    def call(self, features: Any, training: bool = False) -> Any:
        """Return the log-odds of each event, shape (events,)."""
        return self.body(features, training=training)[:, 0]

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the network, with the settings it was trained with."""
        return {"name": self.name, **self.shape_config, "settings": self.settings_json}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "ClassifierNetwork":
        """Rebuild the network from :meth:`get_config`."""
        return cls(**config)
