"""Resonant anomaly detection on dijet events, from a file of collisions to p-value, masses and yield.

Rooms and names are loaded when first used, so that ``import bumphunt`` is light:

>>> import bumphunt
>>> bumphunt.AnalysisConfig().cwola.folds
3
"""

import warnings
from importlib import import_module
from typing import Any

import lazy_loader

__version__ = "0.2.0"

_OLD_NAMES = {
    "AnalysisResult": "bumphunt.results",
    "Autoencoder": "bumphunt.scores",
    "BoostedTrees": "bumphunt.scores",
    "DecisionTree": "bumphunt.scores",
    "EpochScores": "bumphunt.scores",
    "Interval": "bumphunt.results",
    "LatentClassifier": "bumphunt.scores",
    "MahalanobisDistance": "bumphunt.scores",
    "MassWindow": "bumphunt.preprocessing",
    "MlpClassifier": "bumphunt.scores",
    "NetworkClassifier": "bumphunt.scores",
    "PRESETS": "bumphunt.simulation",
    "QuantileFrontEnd": "bumphunt.preprocessing",
    "Residuals": "bumphunt.generation",
    "SmoothDecorrelation": "bumphunt.preprocessing",
    "SupervisedTrees": "bumphunt.scores",
    "VariationalAutoencoder": "bumphunt.scores",
    "assign_folds": "bumphunt.preprocessing",
    "balanced_weights": "bumphunt.preprocessing",
    "blinded": "bumphunt.significance",
    "build_patchset": "bumphunt.significance",
    "build_workspace": "bumphunt.significance",
    "bump_hunt": "bumphunt.significance",
    "check_events": "bumphunt.events",
    "choose_out_of_fold": "bumphunt.scores",
    "closeness": "bumphunt.generation",
    "counting_p_value": "bumphunt.significance",
    "crystal_ball_fractions": "bumphunt.spectrum",
    "drop_truth": "bumphunt.events",
    "event_table": "bumphunt.features",
    "expected_significance": "bumphunt.significance",
    "fit_background_given_signal": "bumphunt.spectrum",
    "fit_copula": "bumphunt.generation",
    "fit_many": "bumphunt.spectrum",
    "fit_mixture": "bumphunt.generation",
    "fit_signal": "bumphunt.spectrum",
    "fit_spectrum": "bumphunt.spectrum",
    "generate": "bumphunt.generation",
    "gross_vitells": "bumphunt.significance",
    "heavier_first": "bumphunt.generation",
    "iter_raw": "bumphunt.sources",
    "largest_z": "bumphunt.significance",
    "latent_scores": "bumphunt.scores",
    "learning_curve": "bumphunt.scores",
    "likelihood_scan": "bumphunt.significance",
    "log_loss": "bumphunt.scores",
    "make_design": "bumphunt.spectrum",
    "mass_grid": "bumphunt.spectrum",
    "mean_upcrossings": "bumphunt.significance",
    "minuit_fit": "bumphunt.spectrum",
    "nested_scores": "bumphunt.scores",
    "orient": "bumphunt.scores",
    "out_of_fold_scores": "bumphunt.scores",
    "pack_signal": "bumphunt.masses",
    "padded": "bumphunt.features",
    "peak_scan": "bumphunt.masses",
    "permutation_importance": "bumphunt.scores",
    "random_search": "bumphunt.scores",
    "rank_distributions": "bumphunt.generation",
    "resonance_patchset": "bumphunt.significance",
    "robustness": "bumphunt.scores",
    "roc": "bumphunt.scores",
    "sample_distribution": "bumphunt.generation",
    "saturated_p_value": "bumphunt.spectrum",
    "scan_spectrum": "bumphunt.significance",
    "score_distribution": "bumphunt.scores",
    "select_fraction": "bumphunt.selection",
    "sic_at": "bumphunt.scores",
    "sigma_min": "bumphunt.scores",
    "sigma_min_of_injections": "bumphunt.scores",
    "signal_shapes": "bumphunt.significance",
    "signed_roots": "bumphunt.significance",
    "significance_improvement": "bumphunt.scores",
    "simulate_sample": "bumphunt.simulation",
    "spectrum_limits": "bumphunt.significance",
    "to_hist": "bumphunt.spectrum",
    "truth_labels": "bumphunt.events",
    "voigt_fractions": "bumphunt.spectrum",
    "window_limits": "bumphunt.significance",
    "window_z": "bumphunt.significance",
    "write_report": "bumphunt.report",
}
"""Names of version 0.1 that stood here flat, and the room that holds them now; they work for one release."""

_attached, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    room = _OLD_NAMES.get(name)
    if room is None:
        return _attached(name)
    warnings.warn(f"bumphunt.{name} is {room}.{name} now", DeprecationWarning, stacklevel=2)
    return getattr(import_module(room), name)
