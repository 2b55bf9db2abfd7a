"""The sections of the configuration: strict types, bounds, and what each key means.

A number that is not finite, or absurdly large, is refused here and not met later as a run without end.
"""

import difflib
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from bumphunt.config.scores import score_named
from bumphunt.errors import ConfigError
from bumphunt.table.names import DAUGHTERS


def _as_tuple(value: Any) -> Any:
    """YAML and JSON know no tuples; a list is meant."""
    return tuple(value) if isinstance(value, list) else value


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _each_once(names: list[str]) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is named {names.count(name)} times; name each column once")
    return names


Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
Mass = Annotated[float, Field(gt=0.0, lt=1e6)]
Positive = Annotated[int, Field(ge=1, le=1_000_000)]
Few = Annotated[int, Field(ge=1, le=1000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Window = Annotated[tuple[Mass, Mass], BeforeValidator(_as_tuple)]
Pair = Annotated[tuple[Name, Name], BeforeValidator(_as_tuple)]
Fractions = Annotated[list[Fraction], BeforeValidator(_as_list), Field(min_length=1, max_length=50)]
Windows = Annotated[list[Window], BeforeValidator(_as_list), Field(min_length=1, max_length=1000)]
Strengths = Annotated[
    list[Annotated[float, Field(ge=0.0, le=1e7)]], BeforeValidator(_as_list), Field(min_length=2, max_length=100)
]
Names = Annotated[
    list[Name], BeforeValidator(_as_list), Field(min_length=1, max_length=1000), AfterValidator(_each_once)
]
Widths = Annotated[list[Few], BeforeValidator(_as_list), Field(min_length=1, max_length=50)]


class Section(BaseModel):
    """A part of the configuration: unknown keys, wrong types and numbers that are not finite are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            if not name.startswith("_"):
                raise ConfigError(
                    f"{name} cannot be set any more: a configuration is made with its settings, "
                    "as in AnalysisConfig(search={'low': 3000})"
                )
            super().__setattr__(name, value)


class ResonanceConfig(Section):
    """The variable in which a bump is looked for."""

    column: Name = Field("mjj", description="column of the resonance's mass")
    unit: Name = Field("GeV", description="its unit, and that of every mass in this file")
    label: Name = Field("dijet mass", description="its name in figures, tables and the report; else that of the column")

    @model_validator(mode="before")
    @classmethod
    def _label_of_the_column(cls, given: Any) -> Any:
        """Another column than that of dijets is no dijet mass: its own name is its label where none is given."""
        if isinstance(given, dict) and isinstance(given.get("column"), str) and "label" not in given:
            return given if given["column"] == "mjj" else {**given, "label": given["column"]}
        return given


class SearchConfig(Section):
    """Where in the mass to look, and how much to keep."""

    low: Mass | None = Field(None, description="lower end of the searched spectrum in GeV; null: found from the data")
    high: Mass | None = Field(None, description="upper end in GeV; null: found from the data")
    windows: Windows | None = Field(
        None, description="signal regions [[low, high], ...] in GeV; null: overlapping windows over the whole range"
    )
    tail_events: Positive = Field(
        20, description="events above the upper end of the range, where it is found from the data; 1: up to the last"
    )
    least_training: Positive = Field(
        100, description="events that a signal region and each sideband must hold to be searched"
    )
    bin_ratio: float = Field(
        1.03, gt=1.0005, lt=1.2, description="ratio of neighbouring bin edges, about the resolution of the mass"
    )
    window_bins: Few = Field(4, description="bins in a signal region")
    wide_window_bins: Widths | None = Field(
        None,
        description="bins in wider signal regions searched beside the others, for resonances with a natural width: "
        "[8, 12] for 10 and 15 %; null: none. Each is a trial",
    )
    window_step: Few = Field(2, description="bins between neighbouring signal regions")
    sideband_bins: Few = Field(8, description="bins in a full sideband, on either side")
    guard_bins: int = Field(
        1, ge=0, le=100, description="bins on either side of a window that the background fit leaves out"
    )
    cut_fractions: Fractions = Field(
        [0.01, 0.002], description="parts of the events to keep; every cut is counted as a trial"
    )
    most_signals: Annotated[int, Field(ge=1, le=20)] = Field(
        3, description="resonances claimed at most: each is taken out and the search repeated; 1: the strongest only"
    )
    inclusive: bool = Field(False, description="search the spectrum before any cut as well; one more trial a window")
    null_width: Annotated[float, Field(ge=0.5, le=10.0)] | None = Field(
        None, description="width of local z without signal; null: the measured surface; a number overrides it"
    )
    selected_background: Literal["form", "efficiency"] | None = Field(
        None,
        description="spectrum after a cut: form (family), or efficiency (of the cut, times the form before it); "
        "null: efficiency where fewer than 2000 events are searched",
    )
    family: str = Field("auto", description="background family: auto, dijet3, dijet4, dijet5, powexp, gp or envelope")


class CwolaConfig(Section):
    """The primary score: a classifier of signal region against sidebands, chosen before the data are seen."""

    features: Names | None = Field(
        None, description="columns the classifier sees; null: mj1, mj2, tau21_1, tau21_2 as far as present"
    )
    decorrelate: bool = Field(True, description="replace each feature by its quantile at its mjj, against sculpting")
    classifier: Name = Field("trees", description="trees (boosted), network (dense), or another that learns regions")
    nested: bool = Field(False, description="stop the training of each fold on the others in turn; k - 1 times slower")
    average: Literal["score", "rank"] = Field("score", description="what is averaged over an ensemble: score or rank")
    sidebands: Literal["wide", "narrow"] = Field(
        "wide", description="wide, or narrow: train on their inner halves only"
    )
    class_weight: Literal["sides", "classes", "none"] = Field(
        "sides", description="what counts the same in training: sides (each sideband too), classes or none"
    )
    folds: int = Field(3, ge=2, le=20, description="every event is scored by models trained on the other folds")
    repeats: int = Field(
        32, ge=1, le=100, description="divisions into folds, all of which count: with more, luck decides less"
    )
    members: Few = Field(1, description="classifiers in each fold's ensemble")
    max_iter: Few = Field(20, description="boosting steps of trees")
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="step of training; null: 0.1 for trees, 0.001 for a network"
    )
    max_leaf_nodes: int = Field(16, ge=2, le=10_000, description="leaves of a tree")
    min_samples_leaf: Positive | None = Field(
        None,
        description="training events in a leaf, at least; null: 40, and 10 where fewer than 2000 events are searched",
    )
    max_bins: int = Field(16, ge=2, le=255, description="bins of a feature; few of them leave noise less to learn")
    l2_regularization: float = Field(1.0, ge=0, le=1e6, description="penalty on leaf values")

    @field_validator("classifier")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            score_named(name, needs="regions")
        except ConfigError as error:
            raise ValueError(f"cwola.classifier: {error}") from error
        return name


class VaeConfig(Section):
    """A second opinion: the variational autoencoder of Vaupotič's report, loss zeta L_R + xi L_KL."""

    enabled: bool = Field(
        True, description="train it and report its scores beside the primary one; false: no latent classifier either"
    )
    features: Names | None = Field(None, description="columns it sees; null: all eight jet observables present")
    hidden: Widths = Field([64, 64, 64], description="widths of the encoder's layers, mirrored in the decoder")
    latent_dim: Few = Field(1, description="dimensions of the latent space")
    activation: str = Field("relu", description="any keras activation, such as relu or selu")
    reconstruction: Literal["mse", "binary_crossentropy"] = Field(
        "mse", description="reconstruction loss: mse or binary_crossentropy"
    )
    zeta: float = Field(5000.0, ge=0, le=1e9, description="weight of the reconstruction loss")
    xi: float = Field(1.0, ge=0, le=1e9, description="weight of the KL divergence")
    epochs: Positive | None = Field(None, description="passes over the data; null: about 4000 steps in all")
    batch_size: Positive = Field(1000, description="events in a step")
    optimizer: str = Field("adadelta", description="any keras optimiser")
    learning_rate: float = Field(0.005, gt=0, le=10, description="its step")


class AutoencoderConfig(Section):
    """A second opinion: how badly a plain autoencoder rebuilds an event; a large error is the anomalous end."""

    enabled: bool = Field(True, description="train it and report its reconstruction error beside the primary score")
    features: Names | None = Field(None, description="columns it sees; null: all eight jet observables present")
    hidden: Widths = Field([64, 64, 64], description="widths of the encoder's layers, mirrored in the decoder")
    latent_dim: Few = Field(2, description="width of the bottleneck, well below the number of features")
    activation: str = Field("relu", description="any keras activation, such as relu or selu")
    reconstruction: Literal["mse", "binary_crossentropy"] = Field(
        "mse", description="loss and score of an event: mse or binary_crossentropy"
    )
    epochs: Positive | None = Field(None, description="passes over the data; null: about 4000 steps in all")
    batch_size: Positive = Field(500, description="events in a step")
    optimizer: str = Field("adam", description="any keras optimiser")
    learning_rate: float = Field(0.001, gt=0, le=10, description="its step")


class LatentConfig(Section):
    """A second opinion: CWoLa in the latent space of a VAE of its own, otherwise like that of the section vae."""

    enabled: bool = Field(True, description="train it and report its score, unless vae.enabled is false")
    latent_dim: Few = Field(4, description="dimensions of the latent space, which are all the classifier sees")
    zeta: float = Field(5000.0, ge=0, le=1e9, description="weight of this VAE's reconstruction loss")
    epochs: Positive | None = Field(None, description="passes over the data; null: about 4000 steps in all")
    batch_size: Positive = Field(500, description="events in a step")
    optimizer: str = Field("adam", description="any keras optimiser")
    learning_rate: float = Field(0.001, gt=0, le=10, description="its step")
    members: Few = Field(1, description="classifiers in each fold's ensemble of boosted trees")
    max_iter: Few = Field(60, description="boosting steps")


class MassesConfig(Section):
    """Masses and yield."""

    response: str = Field(
        "shipped",
        min_length=1,
        max_length=4096,
        description="simulated signal: shipped, or a file made by `bumphunt response`",
    )
    peak_scan_bins: dict[str, float] = Field(
        {"mjj": 50.0, **dict.fromkeys(DAUGHTERS, 20.0)}, description="bin widths of the peak scan in GeV"
    )
    looser_cuts: Annotated[list[Fraction], BeforeValidator(_as_list), Field(max_length=50)] = Field(
        [0.05, 0.2], description="cuts tried for the mass fit alone where the others leave too little background"
    )
    box_widths: float = Field(
        2.5, gt=0.5, le=6, description="half-size of the box for the yield, in jet mass resolutions"
    )

    @field_validator("peak_scan_bins")
    @classmethod
    def _a_width_for_each(cls, widths: dict[str, float]) -> dict[str, float]:
        needed = ("mjj", *DAUGHTERS)
        for name in widths:
            if name not in needed:
                near = difflib.get_close_matches(name, needed, n=1)
                meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(needed)}"
                raise ValueError(f"masses.peak_scan_bins.{name}: unknown key; {meant}")
        for name in needed:
            if name not in widths:
                raise ValueError(f"masses.peak_scan_bins: {name} is missing; give GeV for {', '.join(needed)}")
            if not 0 < widths[name] < 1e6:
                raise ValueError(f"masses.peak_scan_bins.{name}: should be GeV above 0 (found {widths[name]:g})")
        return widths


class LimitConfig(Section):
    """Upper limit on a narrow resonance in the inclusive spectrum."""

    enabled: bool = Field(True, description="compute it (a few seconds)")
    width: float = Field(0.033, gt=0.0005, lt=0.3, description="resolution of the mass as a fraction of it")
    luminosity: float | None = Field(
        None,
        gt=0,
        lt=1e9,
        description="integrated luminosity in 1/fb; null: limits on events only, not on cross sections",
    )
    strengths: Strengths | None = Field(
        None, description="signal events that `bumphunt limits` injects; null: parts of the expected inclusive limit"
    )
    draws: Few = Field(3, description="trainings of `bumphunt limits` at each strength, on signal drawn anew")
    repeats: int = Field(
        4, ge=1, le=100, description="divisions into folds in each of them; the mean efficiency does not depend on it"
    )


class ChecksConfig(Section):
    """Thresholds of the quality checks. An excess that fails one is an unverified_excess."""

    sideband_p_value: float = Field(0.001, gt=0, lt=1, description="goodness of fit outside the best window, at least")
    leakage: float = Field(0.02, gt=0, lt=0.5, description="how far from 0.5 the AUC of inner against outer sidebands")
    fold_p_value: float = Field(0.001, gt=0, lt=1, description="agreement of the folds' excesses, at least")
    estimates_pull: float = Field(
        4.0, gt=0, le=1e3, description="difference of fitted and direct background in standard deviations, at most"
    )
