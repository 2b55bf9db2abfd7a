"""The Keras side of the networks: the sampling layer, the encoder-decoder, and an ensemble of classifiers.

Importing this module imports TensorFlow; only functions that need a network do so. The classes are
registered, so that a ``.keras`` file is read back without custom objects and without pickle.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bumphunt.rng import integer_seed, integer_seeds
from bumphunt.scores.backend import import_keras
from bumphunt.scores.losses import kl_divergence

keras = import_keras()


def _dense(width: int, function: str | None, name: str, seed: int, *, selu: bool) -> Any:
    kernel = "lecun_normal" if selu else "glorot_uniform"
    initializer = keras.initializers.get({"class_name": kernel, "config": {"seed": seed}})
    return keras.layers.Dense(width, activation=function, kernel_initializer=initializer, name=name)


@keras.saving.register_keras_serializable(package="bumphunt")
class Sampling(keras.layers.Layer):  # type: ignore[misc, name-defined]
    r"""Draw :math:`z = \mu + \varepsilon \exp(\tfrac12 \log\sigma^2)`, with a random stream of its own."""

    def __init__(self, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Sequence[Any], noise: Any = None) -> Any:
        r"""Return one draw for each row of (mean, log variance), with the :math:`\varepsilon` given or its own."""
        mean, log_var = inputs
        if noise is None:
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
    condition_centre, condition_scale : sequence of float
        Centre and width of what the decoder is told besides the latent point, one of each per
        condition; none by default. The encoder is never told.
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
        condition_centre: Sequence[float] = (),
        condition_scale: Sequence[float] = (),
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
            "condition_centre": list(condition_centre),
            "condition_scale": list(condition_scale),
        }
        self.settings_json = dict(settings or {})
        seeds = iter(integer_seeds(seed, 2 * len(hidden) + 3, "autoencoder", "weights"))

        def dense(width: int, function: str | None, name: str) -> Any:
            return _dense(width, function, name, next(seeds), selu=activation == "selu")

        inputs = flow = keras.Input((n_features,), name="features")
        for number, width in enumerate(hidden):
            flow = dense(width, activation, f"encoder_{number}")(flow)
        code = dense(latent_dim, None, "z_mean")(flow)
        outputs = [code, dense(latent_dim, None, "z_log_var")(flow)] if variational else code
        self.encoder = keras.Model(inputs, outputs, name="encoder")
        self.sampling = (
            Sampling(seed=integer_seed(seed, "autoencoder", "sampling"), name="sampling") if variational else None
        )

        latent: Any
        latent = flow = keras.Input((latent_dim,), name="z")
        if len(condition_centre):
            known = keras.Input((len(condition_centre),), name="condition")
            latent, flow = [latent, known], keras.layers.Concatenate(name="z_and_condition")([latent, known])
        for number, width in enumerate(reversed(list(hidden))):
            flow = dense(width, activation, f"decoder_{number}")(flow)
        self.decoder = keras.Model(latent, dense(n_features, "sigmoid", "reconstruction")(flow), name="decoder")
        self.built = True

    def rebuild(
        self, features: Any, condition: Any = None, *, noise: Any = None, training: bool = False
    ) -> tuple[Any, Any]:
        r"""Return the reconstruction, shape (events, features), and the KL divergence, shape (events,).

        The latent point is sampled in training and the mean otherwise; without sampling the KL is zero.
        A conditional decoder needs its condition, shape (events, conditions), centred and scaled.
        The :math:`\varepsilon` of the sampling, shape (events, latent_dim), may be given as ``noise``.
        """
        if self.sampling is None:
            code = self.encoder(features, training=training)
            divergence = keras.ops.zeros_like(code[:, 0])
        else:
            mean, log_var = self.encoder(features, training=training)
            code = self.sampling((mean, log_var), noise) if training else mean
            divergence = kl_divergence(mean, log_var)
        told = code if condition is None else [code, condition]
        return self.decoder(told, training=training), divergence

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the reconstruction of each row of features, or of each row of [features, condition]."""
        features, condition = inputs if isinstance(inputs, (list, tuple)) else (inputs, None)
        return self.rebuild(features, condition, training=training)[0]

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the network, with the settings it was trained with."""
        return {"name": self.name, **self.shape_config, "settings": self.settings_json}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "EncoderDecoder":
        """Rebuild the network from :meth:`get_config`."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="bumphunt")
class ClassifierEnsemble(keras.Model):  # type: ignore[misc, name-defined]
    """Dense classifiers of one shape that differ in their start, in one file.

    Parameters
    ----------
    n_features : int
        Width of the input.
    hidden : sequence of int
        Widths of the hidden layers.
    activation : str
        Keras name of the hidden activation.
    dropout : float
        Part of every hidden layer that is silenced in training.
    members : int
        Classifiers in the ensemble.
    seed : int
        Seeds every initial weight and the dropout.
    settings : mapping, optional
        Anything JSON can hold, kept in the saved file.
    """

    def __init__(
        self,
        *,
        n_features: int,
        hidden: Sequence[int],
        activation: str,
        dropout: float,
        members: int,
        seed: int,
        settings: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shape_config = {
            "n_features": n_features,
            "hidden": list(hidden),
            "activation": activation,
            "dropout": dropout,
            "members": members,
            "seed": seed,
        }
        self.settings_json = dict(settings or {})
        selu = activation == "selu"
        self.members = []
        for member in range(members):
            seeds = iter(integer_seeds(seed, 2 * len(hidden) + 1, "classifier", "weights", member))
            inputs = flow = keras.Input((n_features,), name="features")
            for number, width in enumerate(hidden):
                flow = _dense(width, activation, f"hidden_{number}", next(seeds), selu=selu)(flow)
                silenced = next(seeds)
                if dropout > 0:
                    # selu keeps mean and variance only under a dropout made for it (arXiv:1706.02515).
                    layer = keras.layers.AlphaDropout if selu else keras.layers.Dropout
                    flow = layer(dropout, seed=silenced, name=f"dropout_{number}")(flow)
            outputs = _dense(1, None, "log_odds", next(seeds), selu=selu)(flow)
            self.members.append(keras.Model(inputs, outputs, name=f"member_{member}"))
        self.built = True

    def call(self, features: Any, training: bool = False) -> Any:
        """Return the log-odds that each member gives each row, shape (events, members)."""
        return keras.ops.concatenate([member(features, training=training) for member in self.members], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the ensemble, with the settings it was trained with."""
        return {"name": self.name, **self.shape_config, "settings": self.settings_json}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "ClassifierEnsemble":
        """Rebuild the ensemble from :meth:`get_config`."""
        return cls(**config)
