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
    "check_events": "bumphunt.events",
    "drop_truth": "bumphunt.events",
    "truth_labels": "bumphunt.events",
    "InputError": "bumphunt.errors",
    "AnalysisResult": "bumphunt.results",
    "Interval": "bumphunt.results",
    "run_analysis": "bumphunt.pipeline.run",
    "read_events": "bumphunt.pipeline.ingest",
    "write_features": "bumphunt.pipeline.ingest",
    "score_events": "bumphunt.pipeline.stages",
    "masses_in_window": "bumphunt.pipeline.stages",
    "scan_file": "bumphunt.pipeline.stages",
    "generate_events": "bumphunt.pipeline.generation",
    "iter_raw": "bumphunt.sources.lhco",
    "padded": "bumphunt.features.dijets",
    "event_table": "bumphunt.features.dijets",
    "simulate_sample": "bumphunt.simulation.samples",
    "PRESETS": "bumphunt.simulation.presets",
    "QuantileFrontEnd": "bumphunt.preprocessing.scaling",
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
    "scan_spectrum": "bumphunt.significance.scan",
    "counting_p_value": "bumphunt.significance.profile",
    "to_hist": "bumphunt.spectrum.binning",
    "fit_response": "bumphunt.masses.response",
    "write_report": "bumphunt.report.html",
    "NetworkClassifier": "bumphunt.scores.cwola_network",
    "LatentClassifier": "bumphunt.scores.latent_cwola",
    "MahalanobisDistance": "bumphunt.scores.mahalanobis",
    "choose_out_of_fold": "bumphunt.scores.blind_choice",
    "nested_scores": "bumphunt.scores.weak_supervision",
    "permutation_importance": "bumphunt.scores.importance",
    "sigma_min": "bumphunt.scores.sensitivity",
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
    "MlpClassifier",
    "NetworkClassifier",
    "QuantileFrontEnd",
    "Residuals",
    "SupervisedTrees",
    "VariationalAutoencoder",
    "__version__",
    "check_events",
    "choose_out_of_fold",
    "closeness",
    "counting_p_value",
    "drop_truth",
    "event_table",
    "fit_copula",
    "fit_mixture",
    "fit_response",
    "fit_spectrum",
    "generate",
    "generate_events",
    "heavier_first",
    "iter_raw",
    "latent_scores",
    "learning_curve",
    "load_config",
    "log_loss",
    "masses_in_window",
    "nested_scores",
    "orient",
    "out_of_fold_scores",
    "padded",
    "peak_scan",
    "permutation_importance",
    "random_search",
    "rank_distributions",
    "read_events",
    "robustness",
    "roc",
    "run_analysis",
    "sample_distribution",
    "scan_file",
    "scan_spectrum",
    "score_distribution",
    "score_events",
    "select_fraction",
    "sic_at",
    "sigma_min",
    "significance_improvement",
    "simulate_sample",
    "to_hist",
    "truth_labels",
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
    from bumphunt.masses.peak_scan import peak_scan
    from bumphunt.masses.response import fit_response
    from bumphunt.pipeline.generation import generate_events
    from bumphunt.pipeline.ingest import read_events, write_features
    from bumphunt.pipeline.run import run_analysis
    from bumphunt.pipeline.stages import masses_in_window, scan_file, score_events
    from bumphunt.preprocessing.scaling import QuantileFrontEnd
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
    from bumphunt.scores.sensitivity import sigma_min
    from bumphunt.scores.supervised.adversarial import robustness
    from bumphunt.scores.supervised.hyperparameters import random_search
    from bumphunt.scores.supervised.learning_curve import learning_curve
    from bumphunt.scores.supervised.networks import MlpClassifier
    from bumphunt.scores.supervised.trees import DecisionTree, SupervisedTrees
    from bumphunt.scores.trees import BoostedTrees
    from bumphunt.scores.vae import VariationalAutoencoder
    from bumphunt.scores.weak_supervision import nested_scores, out_of_fold_scores
    from bumphunt.selection import select_fraction
    from bumphunt.significance.profile import counting_p_value
    from bumphunt.significance.scan import scan_spectrum
    from bumphunt.simulation.presets import PRESETS
    from bumphunt.simulation.samples import simulate_sample
    from bumphunt.sources.lhco import iter_raw
    from bumphunt.spectrum.binning import to_hist
    from bumphunt.spectrum.fit import fit_spectrum


def __getattr__(name: str) -> Any:
    try:
        module = _PUBLIC[name]
    except KeyError:
        raise AttributeError(f"module 'bumphunt' has no attribute {name!r}") from None
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)
