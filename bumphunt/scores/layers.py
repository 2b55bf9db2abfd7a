"""The Keras side of the autoencoders: the sampling layer and the encoder-decoder network.

Importing this module imports TensorFlow; only functions that need a network do so. Both classes are
registered, so that a ``.keras`` file is read back without custom objects and without pickle.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bumphunt.rng import integer_seed, integer_seeds
from bumphunt.scores.backend import import_keras
from bumphunt.scores.losses import kl_divergence

keras = import_keras()


@keras.saving.register_keras_serializable(package="bumphunt")
class Sampling(keras.layers.Layer):  # type: ignore[misc, name-defined]
    r"""Draw :math:`z = \mu + \varepsilon \exp(\tfrac12 \log\sigma^2)`, with a random stream of its own."""

    def __init__(self, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return one draw for each row of (mean, log variance)."""
        mean, log_var = inputs
        noise = keras.random.normal(keras.ops.shape(mean), seed=self.seed_generator)
        return mean + noise * keras.ops.exp(0.5 * log_var)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="bumphunt")
class EncoderDecoder(keras.Model):  # type: ignore[misc, name-defined]
    """Dense encoder and mirrored dense decoder around a narrow latent space.

    Parameters
    ----------
    n_features : int
        Width of input and output; the output is a sigmoid, for features in [0, 1].
    hidden : sequence of int
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    latent_dim : int
        Width of the latent space.
    activation : str
        Keras name of the hidden activation.
    variational : bool
        Encode to a Gaussian and sample from it in training, or encode to a point.
    seed : int
        Seeds every initial weight and the sampling.
    settings : mapping, optional
        Anything JSON can hold, kept in the saved file.
    """

    def __init__(
        self,
        *,
        n_features: int,
        hidden: Sequence[int],
        latent_dim: int,
        activation: str,
        variational: bool,
        seed: int,
        settings: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shape_config = {
            "n_features": n_features,
            "hidden": list(hidden),
            "latent_dim": latent_dim,
            "activation": activation,
            "variational": variational,
            "seed": seed,
        }
        self.settings_json = dict(settings or {})
        seeds = iter(integer_seeds(seed, 2 * len(hidden) + 3, "autoencoder", "weights"))
        kernel = "lecun_normal" if activation == "selu" else "glorot_uniform"

        def dense(width: int, function: str | None, name: str) -> Any:
            initializer = keras.initializers.get({"class_name": kernel, "config": {"seed": next(seeds)}})
            return keras.layers.Dense(width, activation=function, kernel_initializer=initializer, name=name)

        inputs = flow = keras.Input((n_features,), name="features")
        for number, width in enumerate(hidden):
            flow = dense(width, activation, f"encoder_{number}")(flow)
        code = dense(latent_dim, None, "z_mean")(flow)
        outputs = [code, dense(latent_dim, None, "z_log_var")(flow)] if variational else code
        self.encoder = keras.Model(inputs, outputs, name="encoder")
        self.sampling = (
            Sampling(seed=integer_seed(seed, "autoencoder", "sampling"), name="sampling") if variational else None
        )

        latent = flow = keras.Input((latent_dim,), name="z")
        for number, width in enumerate(reversed(list(hidden))):
            flow = dense(width, activation, f"decoder_{number}")(flow)
        self.decoder = keras.Model(latent, dense(n_features, "sigmoid", "reconstruction")(flow), name="decoder")
        self.built = True

    def rebuild(self, features: Any, *, training: bool = False) -> tuple[Any, Any]:
        """Return the reconstruction, shape (events, features), and the KL divergence, shape (events,).

        The latent point is sampled in training and the mean otherwise; without sampling the KL is zero.
        """
        if self.sampling is None:
            code = self.encoder(features, training=training)
            return self.decoder(code, training=training), keras.ops.zeros_like(code[:, 0])
        mean, log_var = self.encoder(features, training=training)
        code = self.sampling((mean, log_var)) if training else mean
        return self.decoder(code, training=training), kl_divergence(mean, log_var)

    def call(self, features: Any, training: bool = False) -> Any:
        """Return the reconstruction of each row."""
        return self.rebuild(features, training=training)[0]

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the network, with the settings it was trained with."""
        return {"name": self.name, **self.shape_config, "settings": self.settings_json}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "EncoderDecoder":
        """Rebuild the network from :meth:`get_config`."""
        return cls(**config)
