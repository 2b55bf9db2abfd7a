"""Figures of the studies: labels, what they show, and that they need results only."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from bumphunt.plots import (
    classifier_history,
    importance,
    learning_curve,
    null_rates,
    pulls,
    robustness,
    roc,
    score_distribution,
    significance_improvement,
)
from bumphunt.plots.calibration import false_alarm_rates

EFF = np.linspace(0.0, 1.0, 50)
RESULTS: dict[str, Any] = {
    "importance": SimpleNamespace(
        names=("tau21_1", "mj1", "a$b^c$"), mean=np.array([0.01, 0.2, -0.001]), spread=np.full(3, 0.01),
        reference=0.95, metric="auc", repeats=10,
    ),
    "curve": SimpleNamespace(
        sizes=np.array([100, 1000]), test=np.array([[0.8, 0.82], [0.9, 0.91]]),
        training=np.array([[0.99, 0.98], [0.93, 0.93]]), metric="neg_log_loss", n_signal=10, n_background=20,
    ),
    "history": {"loss": np.array([0.6, 0.4, 0.3]), "validation_loss": np.array([0.5, 0.35, 0.4])},
    "distribution": SimpleNamespace(
        edges=np.linspace(-2, 2, 5), signal=np.array([0.0, 1, 4, 9]), background=np.array([50.0, 20, 3, 0])
    ),
    "roc": SimpleNamespace(fpr=EFF**3, tpr=EFF, auc=0.75),
    "sic": SimpleNamespace(
        eff_s=EFF[1:], sic=EFF[1:] ** -0.5, band=np.full(49, 0.1), valid=np.arange(49) > 5, n_background=1000
    ),
    "robustness": SimpleNamespace(
        samples=("clean", "smeared", "attacked"), epsilon=0.01, auc_plain=np.full((3, 3), 0.9),
        auc_fgsm=np.full((3, 3), 0.91), log_loss_plain=np.full((3, 3), 0.3), log_loss_fgsm=np.full((3, 3), 0.29),
    ),
}  # fmt: skip
NORMAL = np.random.default_rng(1).standard_normal(400)
DRAWINGS: dict[str, tuple[Any, str, str]] = {
    "false alarms": (lambda r: null_rates({"nominal": NORMAL, "a$b": NORMAL}), "local significance", "nominal"),
    "pulls": (lambda r: pulls({"m_x": NORMAL, "n_signal": NORMAL + 9}), "Pull", "Experiments"),
    "importance": (lambda r: importance(r["importance"]), "Fall of AUC", ""),
    "curve": (lambda r: learning_curve(r["curve"]), "Training events", "log loss"),
    "history": (lambda r: classifier_history(r["history"]), "Epoch", "[nats]"),
    "distribution": (lambda r: score_distribution(r["distribution"]), "Anomaly score", "/ bin"),
    "roc": (lambda r: roc({"trees": r["roc"], "VAE": r["roc"]}), "false positive", "true positive"),
    "sic": (lambda r: significance_improvement({"trees": r["sic"]}), "Signal efficiency", "Significance improvement"),
    "robustness": (lambda r: robustness(r["robustness"]), "AUC", ""),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_labels_and_settings(name: str) -> None:
    draw, x_label, y_label = DRAWINGS[name]
    before = dict(matplotlib.rcParams)
    figure, axes = draw(RESULTS)
    figure.canvas.draw()
    assert isinstance(figure, Figure)
    first = axes[0] if isinstance(axes, tuple) else axes
    assert x_label in first.get_xlabel()
    assert y_label in first.get_ylabel()
    assert dict(matplotlib.rcParams) == before


def test_the_most_important_feature_is_on_top() -> None:
    _, axes = importance(RESULTS["importance"])
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "Mass, heavier jet", r"$\tau_2/\tau_1$, heavier jet", r"a\$b^c\$",
    ]  # fmt: skip
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_the_epoch_that_was_kept_is_marked() -> None:
    _, axes = classifier_history(RESULTS["history"])
    assert "Kept: epoch 2" in axes.get_legend_handles_labels()[1]


def test_a_log_loss_is_drawn_positive() -> None:
    curve = SimpleNamespace(**{**vars(RESULTS["curve"]), "test": -RESULTS["curve"].test})
    _, axes = learning_curve(curve)
    assert np.asarray(axes.get_lines()[1].get_ydata()) == pytest.approx([0.81, 0.905])


def test_improvement_is_drawn_only_where_it_may_be_quoted() -> None:
    _, axes = significance_improvement({"trees": RESULTS["sic"]})
    assert len(np.asarray(axes.get_lines()[0].get_xdata())) == RESULTS["sic"].valid.sum()
    none = SimpleNamespace(**{**vars(RESULTS["sic"]), "valid": np.zeros(49, dtype=bool)})
    _, axes = significance_improvement({"trees": none})
    assert "test too small" in axes.get_legend_handles_labels()[1][0]


def test_pyplot_and_learning_are_never_loaded() -> None:
    modules = ("learning", "discrimination")
    code = "import sys, importlib\n" + "".join(f"importlib.import_module('bumphunt.plots.{m}')\n" for m in modules)
    loaded = ("matplotlib.pyplot", "scipy", "pandas", "tensorflow", "sklearn")
    code += f"sys.exit(', '.join(m for m in {loaded!r} if m in sys.modules) or 0)"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_old_name_of_the_rates_works_for_one_more_release() -> None:
    with pytest.warns(DeprecationWarning, match="null_rates"):
        _, (axes,) = false_alarm_rates({"nominal": NORMAL})
    assert "local significance" in axes.get_xlabel()
