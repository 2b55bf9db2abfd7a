"""Resonant anomaly detection on dijet events, from a file of collisions to p-value, masses and yield.

Names are loaded when first used, so that ``import bumphunt`` is light:

>>> import bumphunt
>>> bumphunt.AnalysisConfig().cwola.folds
5
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "AnalysisConfig": "bumphunt.config",
    "load_config": "bumphunt.config",
    "check_events": "bumphunt.event_table.preparation",
    "drop_truth": "bumphunt.event_table.truth",
    "truth_labels": "bumphunt.event_table.truth",
    "InputError": "bumphunt.errors",
    "AnalysisResult": "bumphunt.results.analysis",
    "Interval": "bumphunt.results.masses",
    "run_analysis": "bumphunt.jobs.run",
    "calibrate": "bumphunt.jobs.calibrate",
    "read_events": "bumphunt.jobs.ingest",
    "write_features": "bumphunt.jobs.ingest",
    "score_events": "bumphunt.jobs.single_stages",
    "masses_in_window": "bumphunt.jobs.single_stages",
    "scan_file": "bumphunt.jobs.single_stages",
    "generate_events": "bumphunt.jobs.generation",
    "iter_raw": "bumphunt.sources.lhco",
    "padded": "bumphunt.features.dijets",
    "event_table": "bumphunt.features.dijets",
    "simulate_sample": "bumphunt.simulation.samples",
    "PRESETS": "bumphunt.simulation.presets",
    "QuantileFrontEnd": "bumphunt.preprocessing.scaling",
    "SmoothDecorrelation": "bumphunt.preprocessing.decorrelation",
    "MassWindow": "bumphunt.preprocessing.splits",
    "balanced_weights": "bumphunt.preprocessing.splits",
    "assign_folds": "bumphunt.preprocessing.splits",
    "VariationalAutoencoder": "bumphunt.scores.vae",
    "Autoencoder": "bumphunt.scores.autoencoder",
    "BoostedTrees": "bumphunt.scores.trees",
    "latent_scores": "bumphunt.scores.latent",
    "out_of_fold_scores": "bumphunt.scores.weak_supervision",
    "roc": "bumphunt.scores.quality",
    "significance_improvement": "bumphunt.scores.quality",
    "sic_at": "bumphunt.scores.quality",
    "select_fraction": "bumphunt.selection",
    "fit_spectrum": "bumphunt.spectrum.fit",
    "fit_many": "bumphunt.spectrum.batched",
    "make_design": "bumphunt.spectrum.design",
    "minuit_fit": "bumphunt.spectrum.minuit",
    "fit_signal": "bumphunt.spectrum.signal_fit",
    "crystal_ball_fractions": "bumphunt.spectrum.signal_shapes",
    "voigt_fractions": "bumphunt.spectrum.signal_shapes",
    "saturated_p_value": "bumphunt.spectrum.goodness_toys",
    "bump_hunt": "bumphunt.significance.bumphunter",
    "likelihood_scan": "bumphunt.significance.likelihood_scan",
    "largest_z": "bumphunt.significance.likelihood_scan",
    "signal_shapes": "bumphunt.significance.likelihood_scan",
    "signed_roots": "bumphunt.significance.likelihood_scan",
    "gross_vitells": "bumphunt.significance.trials",
    "mean_upcrossings": "bumphunt.significance.trials",
    "window_z": "bumphunt.significance.toys",
    "mass_grid": "bumphunt.spectrum.binning",
    "fit_background_given_signal": "bumphunt.spectrum.signal_fit",
    "expected_significance": "bumphunt.significance.expected",
    "blinded": "bumphunt.significance.expected",
    "window_limits": "bumphunt.significance.limits",
    "spectrum_limits": "bumphunt.significance.limits",
    "build_workspace": "bumphunt.significance.workspace",
    "build_patchset": "bumphunt.significance.patchset",
    "resonance_patchset": "bumphunt.significance.patchset",
    "scan_spectrum": "bumphunt.significance.spectrum_scan",
    "counting_p_value": "bumphunt.significance.p_values",
    "to_hist": "bumphunt.spectrum.binning",
    "pack_signal": "bumphunt.masses.signal_table",
    "write_report": "bumphunt.report.html",
    "NetworkClassifier": "bumphunt.scores.cwola_network",
    "LatentClassifier": "bumphunt.scores.latent_cwola",
    "MahalanobisDistance": "bumphunt.scores.mahalanobis",
    "choose_out_of_fold": "bumphunt.scores.blind_choice",
    "nested_scores": "bumphunt.scores.weak_supervision",
    "permutation_importance": "bumphunt.scores.importance",
    "sigma_min": "bumphunt.scores.sensitivity",
    "sigma_min_of_injections": "bumphunt.scores.sensitivity",
    "DecisionTree": "bumphunt.scores.supervised.trees",
    "SupervisedTrees": "bumphunt.scores.supervised.trees",
    "MlpClassifier": "bumphunt.scores.supervised.networks",
    "robustness": "bumphunt.scores.supervised.adversarial",
    "random_search": "bumphunt.scores.supervised.hyperparameters",
    "learning_curve": "bumphunt.scores.supervised.learning_curve",
    "EpochScores": "bumphunt.scores.epochs",
    "closeness": "bumphunt.generation.closeness",
    "rank_distributions": "bumphunt.generation.distributions",
    "sample_distribution": "bumphunt.generation.distributions",
    "fit_mixture": "bumphunt.generation.latent",
    "fit_copula": "bumphunt.generation.latent",
    "generate": "bumphunt.generation.drawing",
    "Residuals": "bumphunt.generation.drawing",
    "orient": "bumphunt.scores.latent",
    "heavier_first": "bumphunt.generation.drawing",
    "peak_scan": "bumphunt.masses.peak_scan",
    "score_distribution": "bumphunt.scores.quality",
    "log_loss": "bumphunt.scores.quality",
}

__all__ = [
    "PRESETS",
    "AnalysisConfig",
    "AnalysisResult",
    "Autoencoder",
    "BoostedTrees",
    "DecisionTree",
    "EpochScores",
    "InputError",
    "Interval",
    "LatentClassifier",
    "MahalanobisDistance",
    "MassWindow",
    "MlpClassifier",
    "NetworkClassifier",
    "QuantileFrontEnd",
    "Residuals",
    "SmoothDecorrelation",
    "SupervisedTrees",
    "VariationalAutoencoder",
    "__version__",
    "assign_folds",
    "balanced_weights",
    "blinded",
    "build_patchset",
    "build_workspace",
    "bump_hunt",
    "calibrate",
    "check_events",
    "choose_out_of_fold",
    "closeness",
    "counting_p_value",
    "crystal_ball_fractions",
    "drop_truth",
    "event_table",
    "expected_significance",
    "fit_background_given_signal",
    "fit_copula",
    "fit_many",
    "fit_mixture",
    "fit_signal",
    "fit_spectrum",
    "generate",
    "generate_events",
    "gross_vitells",
    "heavier_first",
    "iter_raw",
    "largest_z",
    "latent_scores",
    "learning_curve",
    "likelihood_scan",
    "load_config",
    "log_loss",
    "make_design",
    "mass_grid",
    "masses_in_window",
    "mean_upcrossings",
    "minuit_fit",
    "nested_scores",
    "orient",
    "out_of_fold_scores",
    "pack_signal",
    "padded",
    "peak_scan",
    "permutation_importance",
    "random_search",
    "rank_distributions",
    "read_events",
    "resonance_patchset",
    "robustness",
    "roc",
    "run_analysis",
    "sample_distribution",
    "saturated_p_value",
    "scan_file",
    "scan_spectrum",
    "score_distribution",
    "score_events",
    "select_fraction",
    "sic_at",
    "sigma_min",
    "sigma_min_of_injections",
    "signal_shapes",
    "signed_roots",
    "significance_improvement",
    "simulate_sample",
    "spectrum_limits",
    "to_hist",
    "truth_labels",
    "voigt_fractions",
    "window_limits",
    "window_z",
    "write_features",
    "write_report",
]

if TYPE_CHECKING:
    from bumphunt.config import AnalysisConfig, load_config
    from bumphunt.errors import InputError
    from bumphunt.events import check_events, drop_truth, truth_labels
    from bumphunt.features.dijets import event_table, padded
    from bumphunt.generation.closeness import closeness
    from bumphunt.generation.distributions import rank_distributions, sample_distribution
    from bumphunt.generation.drawing import Residuals, generate, heavier_first
    from bumphunt.generation.latent import fit_copula, fit_mixture
    from bumphunt.jobs.calibrate import calibrate
    from bumphunt.jobs.generation import generate_events
    from bumphunt.jobs.ingest import read_events, write_features
    from bumphunt.jobs.run import run_analysis
    from bumphunt.jobs.single_stages import masses_in_window, scan_file, score_events
    from bumphunt.masses.peak_scan import peak_scan
    from bumphunt.masses.signal_table import pack_signal
    from bumphunt.preprocessing.decorrelation import SmoothDecorrelation
    from bumphunt.preprocessing.scaling import QuantileFrontEnd
    from bumphunt.preprocessing.splits import MassWindow, assign_folds, balanced_weights
    from bumphunt.report.html import write_report
    from bumphunt.results import AnalysisResult, Interval
    from bumphunt.scores.autoencoder import Autoencoder
    from bumphunt.scores.blind_choice import choose_out_of_fold
    from bumphunt.scores.cwola_network import NetworkClassifier
    from bumphunt.scores.epochs import EpochScores
    from bumphunt.scores.importance import permutation_importance
    from bumphunt.scores.latent import latent_scores, orient
    from bumphunt.scores.latent_cwola import LatentClassifier
    from bumphunt.scores.mahalanobis import MahalanobisDistance
    from bumphunt.scores.quality import log_loss, roc, score_distribution, sic_at, significance_improvement
    from bumphunt.scores.sensitivity import sigma_min, sigma_min_of_injections
    from bumphunt.scores.supervised.adversarial import robustness
    from bumphunt.scores.supervised.hyperparameters import random_search
    from bumphunt.scores.supervised.learning_curve import learning_curve
    from bumphunt.scores.supervised.networks import MlpClassifier
    from bumphunt.scores.supervised.trees import DecisionTree, SupervisedTrees
    from bumphunt.scores.trees import BoostedTrees
    from bumphunt.scores.vae import VariationalAutoencoder
    from bumphunt.scores.weak_supervision import nested_scores, out_of_fold_scores
    from bumphunt.selection import select_fraction
    from bumphunt.significance.bumphunter import bump_hunt
    from bumphunt.significance.expected import blinded, expected_significance
    from bumphunt.significance.likelihood_scan import largest_z, likelihood_scan, signal_shapes, signed_roots
    from bumphunt.significance.limits import spectrum_limits, window_limits
    from bumphunt.significance.p_values import counting_p_value
    from bumphunt.significance.patchset import build_patchset, resonance_patchset
    from bumphunt.significance.spectrum_scan import scan_spectrum
    from bumphunt.significance.toys import window_z
    from bumphunt.significance.trials import gross_vitells, mean_upcrossings
    from bumphunt.significance.workspace import build_workspace
    from bumphunt.simulation.presets import PRESETS
    from bumphunt.simulation.samples import simulate_sample
    from bumphunt.sources.lhco import iter_raw
    from bumphunt.spectrum.batched import fit_many
    from bumphunt.spectrum.binning import mass_grid, to_hist
    from bumphunt.spectrum.design import make_design
    from bumphunt.spectrum.fit import fit_spectrum
    from bumphunt.spectrum.goodness_toys import saturated_p_value
    from bumphunt.spectrum.minuit import minuit_fit
    from bumphunt.spectrum.signal_fit import fit_background_given_signal, fit_signal
    from bumphunt.spectrum.signal_shapes import crystal_ball_fractions, voigt_fractions


def __getattr__(name: str) -> Any:
    try:
        module = _PUBLIC[name]
    except KeyError:
        raise AttributeError(f"module 'bumphunt' has no attribute {name!r}") from None
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)
