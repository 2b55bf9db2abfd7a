"""The configuration of an analysis: strict models, YAML in and out, a commented default.

Every number that shapes the answer is here, so that a config and a seed say all of a run.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bumphunt.errors import ConfigError

Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
Mass = Annotated[float, Field(gt=20.0, lt=13_000.0)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A part of the configuration: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SearchConfig(Section):
    """Where in mjj to look, and how much to keep."""

    low: Mass | None = Field(None, description="lower end of the searched spectrum in GeV; null: found from the data")
    high: Mass | None = Field(None, description="upper end in GeV; null: found from the data")
    windows: list[tuple[Mass, Mass]] | None = Field(
        None, description="signal regions [[low, high], ...] in GeV; null: overlapping windows over the whole range"
    )
    bin_ratio: float = Field(
        1.03, gt=1.005, lt=1.2, description="ratio of neighbouring bin edges, about the mjj resolution"
    )
    window_bins: Positive = Field(4, description="bins in a signal region")
    window_step: Positive = Field(2, description="bins between neighbouring signal regions")
    sideband_bins: Positive = Field(8, description="bins in a full sideband, on either side")
    guard_bins: int = Field(1, ge=0, description="bins on either side of a window that the background fit leaves out")
    cut_fractions: list[Fraction] = Field(
        [0.01, 0.002], min_length=1, description="parts of the events to keep; every cut is counted as a trial"
    )
    null_width: float = Field(
        1.1, ge=1.0, description="width of local z without signal (folds share events); z is divided by it"
    )
    family: str = Field("auto", description="background family: auto, dijet3, dijet4, dijet5, powexp, gp or envelope")


class CwolaConfig(Section):
    """The primary score: a classifier of signal region against sidebands, chosen before the data are seen."""

    features: list[str] | None = Field(
        None, description="columns the classifier sees; null: mj1, mj2, tau21_1, tau21_2 as far as present"
    )
    decorrelate: bool = Field(True, description="replace each feature by its quantile at its mjj, against sculpting")
    classifier: Literal["trees", "network"] = Field("trees", description="trees (boosted) or network (dense)")
    nested: bool = Field(False, description="stop the training of each fold on the others in turn; k - 1 times slower")
    average: Literal["score", "rank"] = Field("score", description="what is averaged over an ensemble: score or rank")
    sidebands: Literal["wide", "narrow"] = Field(
        "wide", description="wide, or narrow: train on their inner halves only"
    )
    class_weight: Literal["sides", "classes", "none"] = Field(
        "sides", description="what counts the same in training: sides (each sideband too), classes or none"
    )
    folds: int = Field(5, ge=2, le=20, description="every event is scored by models trained on the other folds")
    members: Positive = Field(2, description="classifiers in each fold's ensemble")
    max_iter: Positive = Field(80, description="boosting steps of trees")
    learning_rate: float = Field(0.05, gt=0, le=1, description="step of boosting")
    max_leaf_nodes: int = Field(16, ge=2, description="leaves of a tree")
    min_samples_leaf: Positive = Field(40, description="training events in a leaf, at least")
    max_bins: int = Field(32, ge=2, le=255, description="bins of a feature; few of them leave noise less to learn")
    l2_regularization: float = Field(1.0, ge=0, description="penalty on leaf values")


class VaeConfig(Section):
    """A second opinion: the variational autoencoder of the seed document, loss zeta L_R + xi L_KL."""

    enabled: bool = Field(
        True, description="train it and report its scores beside the primary one; false: no latent classifier either"
    )
    features: list[str] | None = Field(None, description="columns it sees; null: all eight jet observables present")
    hidden: list[Positive] = Field(
        [64, 64, 64], min_length=1, description="widths of the encoder's layers, mirrored in the decoder"
    )
    latent_dim: Positive = Field(1, description="dimensions of the latent space")
    activation: str = Field("relu", description="any keras activation, such as relu or selu")
    reconstruction: Literal["mse", "binary_crossentropy"] = Field(
        "mse", description="reconstruction loss: mse or binary_crossentropy"
    )
    zeta: float = Field(5000.0, ge=0, description="weight of the reconstruction loss")
    xi: float = Field(1.0, ge=0, description="weight of the KL divergence")
    epochs: Positive | None = Field(None, description="passes over the data; null: about 4000 steps in all")
    batch_size: Positive = Field(1000, description="events in a step")
    optimizer: str = Field("adadelta", description="any keras optimiser")
    learning_rate: float = Field(0.005, gt=0, description="its step")


class AutoencoderConfig(Section):
    """A second opinion: how badly a plain autoencoder rebuilds an event; a large error is the anomalous end."""

    enabled: bool = Field(True, description="train it and report its reconstruction error beside the primary score")
    features: list[str] | None = Field(None, description="columns it sees; null: all eight jet observables present")
    hidden: list[Positive] = Field(
        [64, 64, 64], min_length=1, description="widths of the encoder's layers, mirrored in the decoder"
    )
    latent_dim: Positive = Field(2, description="width of the bottleneck, well below the number of features")
    activation: str = Field("relu", description="any keras activation, such as relu or selu")
    reconstruction: Literal["mse", "binary_crossentropy"] = Field(
        "mse", description="loss and score of an event: mse or binary_crossentropy"
    )
    epochs: Positive | None = Field(None, description="passes over the data; null: about 4000 steps in all")
    batch_size: Positive = Field(500, description="events in a step")
    optimizer: str = Field("adam", description="any keras optimiser")
    learning_rate: float = Field(0.001, gt=0, description="its step")


class LatentConfig(Section):
    """A second opinion: CWoLa in the latent space of a VAE of its own, otherwise like that of the section vae."""

    enabled: bool = Field(True, description="train it and report its score, unless vae.enabled is false")
    latent_dim: Positive = Field(4, description="dimensions of the latent space, which are all the classifier sees")
    zeta: float = Field(5000.0, ge=0, description="weight of this VAE's reconstruction loss")
    epochs: Positive | None = Field(None, description="passes over the data; null: about 4000 steps in all")
    batch_size: Positive = Field(500, description="events in a step")
    optimizer: str = Field("adam", description="any keras optimiser")
    learning_rate: float = Field(0.001, gt=0, description="its step")
    members: Positive = Field(1, description="classifiers in each fold's ensemble of boosted trees")
    max_iter: Positive = Field(60, description="boosting steps")


class MassesConfig(Section):
    """Masses and yield."""

    peak_scan_bins: dict[str, float] = Field(
        {"mjj": 50.0, "mj1": 20.0, "mj2": 20.0}, description="bin widths of the peak scan in GeV"
    )
    looser_cuts: list[Fraction] = Field(
        [0.05, 0.2], description="cuts tried for the mass fit alone where the others leave too little background"
    )
    box_widths: float = Field(
        2.5, gt=0.5, le=6, description="half-size of the box for the yield, in jet mass resolutions"
    )


class LimitConfig(Section):
    """Upper limit on a narrow resonance in the inclusive spectrum."""

    enabled: bool = Field(True, description="compute it (a few seconds)")
    width: float = Field(0.033, gt=0.005, lt=0.3, description="resolution of mjj as a fraction of the mass")
    luminosity: float | None = Field(
        None, gt=0, description="integrated luminosity in 1/fb; null: limits on events only, not on cross sections"
    )


class ChecksConfig(Section):
    """Thresholds of the quality checks. An excess that fails one is an unverified_excess."""

    sideband_p_value: float = Field(0.001, gt=0, lt=1, description="goodness of fit outside the best window, at least")
    leakage: float = Field(0.02, gt=0, lt=0.5, description="how far from 0.5 the AUC of inner against outer sidebands")
    fold_p_value: float = Field(0.001, gt=0, lt=1, description="agreement of the folds' excesses, at least")
    estimates_pull: float = Field(
        4.0, gt=0, description="difference of fitted and direct background in standard deviations, at most"
    )


class AnalysisConfig(Section):
    """The whole analysis."""

    search: SearchConfig = Field(default_factory=SearchConfig)
    cwola: CwolaConfig = Field(default_factory=CwolaConfig)
    vae: VaeConfig = Field(default_factory=VaeConfig)
    autoencoder: AutoencoderConfig = Field(default_factory=AutoencoderConfig)
    latent: LatentConfig = Field(default_factory=LatentConfig)
    masses: MassesConfig = Field(default_factory=MassesConfig)
    limit: LimitConfig = Field(default_factory=LimitConfig)
    checks: ChecksConfig = Field(default_factory=ChecksConfig)
    sqrt_s: float = Field(13_000.0, gt=100.0, description="collision energy in GeV")

    @model_validator(mode="after")
    def _consistent(self) -> "AnalysisConfig":
        search = self.search
        if search.low is not None and search.high is not None and search.low >= search.high:
            raise ValueError(f"search.low ({search.low:g}) must be below search.high ({search.high:g})")
        for low, high in search.windows or []:
            if low >= high:
                raise ValueError(f"search.windows: {low:g} must be below {high:g}")
        if self.cwola.nested and self.cwola.folds < 3:
            raise ValueError(f"cwola.nested needs at least 3 folds, cwola.folds is {self.cwola.folds}")
        for features in (self.cwola.features, self.vae.features, self.autoencoder.features):
            forbidden = {"label", "mjj", "weight", "run", "event"} & set(features or [])
            if forbidden:
                raise ValueError(f"{sorted(forbidden)[0]!r} cannot be a feature of a score")
        return self


def load_config(path: str | Path) -> AnalysisConfig:
    """Read a YAML configuration; what it leaves out keeps its default.

    Parameters
    ----------
    path : path
        The YAML file; ``bumphunt config`` prints one with every setting.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not YAML, or holds an unknown or unusable value.
    """
    try:
        data = yaml.safe_load(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the config {path}: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    return config_from_dict(data or {}, name=str(path))


def config_from_dict(data: Any, *, name: str = "config") -> AnalysisConfig:
    """Build a configuration from plain data."""
    if not isinstance(data, dict):
        raise ConfigError(f"{name}: expected sections such as 'search:', found {type(data).__name__}")
    try:
        return AnalysisConfig.model_validate(_tuples(data))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "config"
        raise ConfigError(
            f"{name}: {place}: {first['msg']} (found {first['input']!r}); see `bumphunt config`"
        ) from error


def _tuples(data: dict[Any, Any]) -> dict[Any, Any]:
    search = data.get("search")
    if isinstance(search, dict) and isinstance(search.get("windows"), list):
        pairs = [tuple(pair) if isinstance(pair, list) else pair for pair in search["windows"]]
        return {**data, "search": {**search, "windows": pairs}}
    return data


def default_yaml() -> str:
    """Return the default configuration as YAML with a comment on every line."""
    lines = ["# Configuration of `bumphunt run`: masses in GeV; leave out what you do not change."]
    for name, field in AnalysisConfig.model_fields.items():
        value = getattr(AnalysisConfig(), name)
        if isinstance(value, Section):
            lines += ["", f"# {(type(value).__doc__ or '').strip().splitlines()[0]}", f"{name}:"]
            for key, item in type(value).model_fields.items():
                lines.append(f"  {key}: {_yaml(getattr(value, key))}  # {item.description}")
        else:
            lines += ["", f"{name}: {_yaml(value)}  # {field.description}"]
    return "\n".join(lines) + "\n"


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).strip()
    return text.removesuffix("...").strip()
