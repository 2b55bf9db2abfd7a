"""The configuration of an analysis as a whole.

Every number that a user may want to set, and that shapes the answer, is here, so that a config and a seed say all of
a run; constants of the method stand, with their reasons, beside the code that uses them.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from bumphunt.config.problems import in_a_line
from bumphunt.config.sections import (
    AutoencoderConfig,
    ChecksConfig,
    CwolaConfig,
    LatentConfig,
    LimitConfig,
    MassesConfig,
    Names,
    Pair,
    ResonanceConfig,
    SearchConfig,
    Section,
    VaeConfig,
)
from bumphunt.config.sections import _as_list as as_list
from bumphunt.errors import ConfigError
from bumphunt.table.names import DAUGHTERS

NO_FEATURES = ("label", "weight", "run", "event")
"""Columns that no score may see, whatever the final state: truth, weights, identifiers."""

LEAST_DIJET_MASS = 20.0
"""Dijet masses below this, in GeV, are taken for TeV."""


class AnalysisConfig(Section):
    """The whole analysis."""

    resonance: ResonanceConfig = Field(default_factory=ResonanceConfig)
    daughters: Pair | None = Field(
        DAUGHTERS, description="columns of the daughters' masses, heavier first; null: none, only the resonance"
    )
    features: Names | None = Field(
        None, description="columns for every score that names none of its own; null: those of the final state"
    )
    select: Annotated[str, Field(max_length=2000)] | None = Field(
        None, description="rows to keep, in pandas query syntax without function calls; null: all"
    )
    searches: Annotated[
        list[Literal["cwola", "prior"]], BeforeValidator(as_list), Field(min_length=1, max_length=2)
    ] = Field(
        default_factory=lambda known: _searches_of(known),
        description="declared searches, each a trial: cwola, and prior (simulated signal) beside it, for dijets only",
    )
    search: SearchConfig = Field(default_factory=SearchConfig)
    cwola: CwolaConfig = Field(default_factory=CwolaConfig)
    vae: VaeConfig = Field(default_factory=VaeConfig)
    autoencoder: AutoencoderConfig = Field(default_factory=AutoencoderConfig)
    latent: LatentConfig = Field(default_factory=LatentConfig)
    masses: MassesConfig = Field(default_factory=MassesConfig)
    limit: LimitConfig = Field(default_factory=LimitConfig)
    checks: ChecksConfig = Field(default_factory=ChecksConfig)
    sqrt_s: float | None = Field(
        13_000.0, gt=100.0, lt=1e6, description="collision energy in GeV; null: none is meant by the background's form"
    )

    if not TYPE_CHECKING:  # of which type checkers know the keys

        def __init__(self, *given: Any, **settings: Any) -> None:
            if given:
                raise ConfigError("AnalysisConfig takes settings by name: give config_from_dict a dict of them")
            try:
                super().__init__(**settings)
            except ValidationError as error:
                raise ConfigError(f"{in_a_line(error, type(self)())}; see `bumphunt config`") from error

    @property
    def is_dijet(self) -> bool:
        """Whether the final state is the preset, of which the simulated signal speaks."""
        return _is_dijet(self.resonance, self.daughters)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        search = self.search
        if search.low is not None and search.high is not None and search.low >= search.high:
            raise ValueError(f"search.low ({search.low:g}) must be below search.high ({search.high:g})")
        if search.wide_window_bins and search.windows is not None:
            raise ValueError("search.wide_window_bins adds to the automatic windows; list wide ones in search.windows")
        for bins in search.wide_window_bins or []:
            if bins <= search.window_bins:
                raise ValueError(
                    f"search.wide_window_bins: {bins} should be more than search.window_bins ({search.window_bins})"
                )
        for low, high in search.windows or []:
            if low >= high:
                raise ValueError(f"search.windows: {low:g} must be below {high:g}")
        self._each_once()
        self._masses_in_gev()
        if "cwola" not in self.searches or len(set(self.searches)) < len(self.searches):
            raise ValueError(
                f"searches: {self.searches} must name cwola once, and may name prior once beside it: the search that "
                "needs no hypothesis is always run"
            )
        if self.cwola.nested and self.cwola.folds < 3:
            raise ValueError(f"cwola.nested needs at least 3 folds, cwola.folds is {self.cwola.folds}")
        for features in (self.features, self.cwola.features, self.vae.features, self.autoencoder.features):
            forbidden = {*NO_FEATURES, self.resonance.column} & set(features or [])
            if forbidden:
                raise ValueError(f"{sorted(forbidden)[0]!r} cannot be a feature of a score")
        if self.daughters is not None and self.resonance.column in self.daughters:
            raise ValueError(f"daughters: {self.resonance.column!r} is the resonance; name its two daughters, or null")
        if self.daughters is not None and len(set(self.daughters)) < len(self.daughters):
            raise ValueError(f"daughters: {self.daughters[0]!r} appears twice; name two columns, or null")
        for column in (self.resonance.column, *(self.daughters or ())):
            if column in NO_FEATURES:
                raise ValueError(f"resonance or daughters: {column!r} holds no mass; name a column of masses")
        return self

    def _each_once(self) -> None:
        given: dict[str, list[Any]] = {"windows": self.search.windows or [], "cut_fractions": self.search.cut_fractions}
        for key, several in given.items():
            twice = [each for each in several if several.count(each) > 1]
            if twice:
                told = str(list(twice[0]) if isinstance(twice[0], tuple) else twice[0])
                raise ValueError(f"search.{key}: {told} is given twice; each is a trial, give it once")

    def _masses_in_gev(self) -> None:
        if self.resonance.column != "mjj":
            return
        if self.is_dijet and self.resonance.unit in ("MeV", "TeV"):
            raise ValueError(f"resonance.unit: dijet masses are read in GeV, not {self.resonance.unit}; convert them")
        search = self.search
        given = [("search.low", search.low), ("search.high", search.high)]
        given += [("search.windows", end) for window in search.windows or [] for end in window]
        for key, mass in given:
            if mass is not None and mass < LEAST_DIJET_MASS:
                raise ValueError(f"{key}: {mass:g} looks like TeV; give GeV")
            if mass is not None and self.sqrt_s is not None and mass > self.sqrt_s:
                raise ValueError(f"{key}: {mass:g} GeV is above the collision energy sqrt_s of {self.sqrt_s:g} GeV")


def _is_dijet(resonance: ResonanceConfig | None, daughters: tuple[str, str] | None) -> bool:
    return resonance is not None and resonance.column == "mjj" and daughters == DAUGHTERS


def _searches_of(known: dict[str, Any]) -> list[Literal["cwola", "prior"]]:
    """Return the searches of a final state, of which sections that are wrong are not ``known``."""
    return ["cwola", "prior"] if _is_dijet(known.get("resonance"), known.get("daughters")) else ["cwola"]
