"""A made-up but realistic analysis, for the figures and the report: no fit is run."""

import json
import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from bumphunt.results import (
    AnalysisResult,
    Answers,
    Check,
    CrossCheck,
    Interval,
    JetPlane,
    MassFit,
    PeakScan,
    Products,
    Projection,
    ScanResult,
    SpectrumFit,
    TrainingHistory,
    UpperLimit,
    WindowResult,
)

STATUSES = ("none", "evidence", "discovery", "unverified_excess")
Z_GLOBAL = {"none": 0.6, "evidence": 3.7, "discovery": 6.9, "unverified_excess": 4.4}
EXCESS = {"none": 4.0, "evidence": 40.0, "discovery": 105.0, "unverified_excess": 55.0}
WINDOW = (3600.0, 4040.0)


def p_value(z: float) -> float:
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def make_fit(
    rng: np.random.Generator, *, total: float, excess: float, window: tuple[float, float] | None
) -> SpectrumFit:
    edges = np.round(2900.0 * 1.025 ** np.arange(37))
    centres = 0.5 * (edges[1:] + edges[:-1])
    x = centres / 13000.0
    shape = (1 - x) ** 9 * x**-5.2 * np.diff(edges)
    expected = total * shape / shape.sum()
    bump = np.exp(-0.5 * ((centres - 3815.0) / 110.0) ** 2)
    counts = rng.poisson(expected + excess * bump / bump.sum()).astype(float)
    masked = np.zeros(len(counts), dtype=bool) if window is None else (centres > window[0]) & (centres < window[1])
    error = expected * np.sqrt((1.5 + (centres - 3500.0) ** 2 / 900.0**2) / total)
    pulls = (counts - expected)[~masked] / np.sqrt(expected[~masked])
    return SpectrumFit(
        edges=edges,
        counts=counts,
        masked=masked,
        window=masked,
        family="dijet3",
        expected=expected,
        error=error,
        parameters=np.array([1.0, 9.0, 5.2]),
        covariance=np.eye(3) * 0.01,
        window_expected=float(expected[masked].sum()),
        window_error=float(error[masked].sum() * 0.6),
        deviance=31.0,
        chi2=float(np.sum(pulls**2)),
        ndf=int((~masked).sum()) - 3,
        p_value=0.41,
    )


def make_scan(rng: np.random.Generator, status: str) -> ScanResult:
    windows: list[WindowResult] = []
    best, best_z = 0, -9.0
    for i, low in enumerate(np.arange(3000.0, 5200.0, 200.0)):
        for cut in (0.05, 0.02, 0.01, 0.005, 0.002):
            high = low * 1.122
            near = math.exp(-0.5 * ((0.5 * (low + high) - 3820.0) / 170.0) ** 2)
            z = float(rng.normal(0, 0.9)) + (Z_GLOBAL[status] + 1.3) * near * (1 - 0.15 * abs(math.log(cut / 0.005)))
            searched = not (i == 10 and cut < 0.01)
            n = 400_000 * math.exp(-(low - 3000) / 420)
            expected = n * cut
            if searched and z > best_z and cut < 0.05:
                best, best_z = len(windows), z
            windows.append(
                WindowResult(
                    low=float(low),
                    high=float(round(high)),
                    cut_fraction=cut,
                    n_window=int(n),
                    n_observed=int(expected + z * math.sqrt(expected)) if searched else 0,
                    n_expected=expected if searched else math.nan,
                    n_expected_error=0.3 * math.sqrt(expected) if searched else math.nan,
                    z_local=z if searched else math.nan,
                    p_local=p_value(z) if searched else math.nan,
                    z_folds=rng.normal(z / 2.2, 1.0, 5) if searched else np.zeros(0),
                    leakage=0.5 + float(rng.normal(0, 0.006)),
                    leakage_error=0.006,
                    sideband_p_value=0.4,
                    fit=None,
                    note="" if searched else "fewer than 10 events expected after the cut",
                )
            )
    chosen = windows[best]
    fit = make_fit(rng, total=600.0, excess=EXCESS[status], window=WINDOW)
    fields = {name: getattr(chosen, name) for name in WindowResult.__dataclass_fields__}
    windows[best] = WindowResult(
        **{
            **fields,
            "fit": fit,
            "n_observed": int(fit.counts[fit.window].sum()),
            "n_expected": fit.window_expected,
            "n_expected_error": fit.window_error,
        }
    )
    z_global = Z_GLOBAL[status]
    return ScanResult(
        windows=tuple(windows),
        best=best,
        searched_low=3000.0,
        searched_high=5610.0,
        p_local=chosen.p_local,
        z_local=chosen.z_local,
        p_global=p_value(z_global),
        z_global=z_global,
        p_global_method="toys" if status == "none" else "bound",
        n_trials=52,
        n_toys=10_000,
        is_bound=status != "none",
    )


def make_mass_fit(rng: np.random.Generator, n_signal: float) -> MassFit:
    projections = []
    for variable, low, high, mass, width in (
        ("mjj", 3600.0, 4040.0, 3815.0, 95.0),
        ("mj1", 0.0, 1200.0, 735.0, 40.0),
        ("mj2", 0.0, 800.0, 384.0, 30.0),
    ):
        edges = np.linspace(low, high, 25)
        centres = 0.5 * (edges[1:] + edges[:-1])
        signal = np.exp(-0.5 * ((centres - mass) / width) ** 2)
        signal *= n_signal / signal.sum()
        background = np.exp(-0.5 * ((centres - 0.35 * high) / (0.3 * high)) ** 2)
        background *= 40.0 / background.sum()
        counts = rng.poisson(signal + background).astype(float)
        projections.append(
            Projection(variable=variable, edges=edges, counts=counts, signal=signal, background=background)
        )
    return MassFit(
        m_resonance=Interval(value=3818.2, low=3803.1, high=3833.0),
        m_x=Interval(value=728.4, low=712.0, high=743.9),
        m_y=Interval(value=379.7, low=371.3, high=388.4),
        n_selected=Interval(value=n_signal, low=n_signal - 11.0, high=n_signal + 12.0),
        n_signal=Interval(value=7.7 * n_signal, low=6.6 * n_signal, high=9.1 * n_signal),
        efficiency=0.13,
        efficiency_error=0.017,
        statistical=np.array([11.0, 9.2, 6.1]),
        correlation=np.array([[1, 0.1, 0.05, 0], [0.1, 1, -0.2, 0.02], [0.05, -0.2, 1, 0], [0, 0.02, 0, 1.0]]),
        projections=tuple(projections),
        n_events=int(n_signal + 40),
        p_value=0.37,
    )


def make_products(status: str = "discovery") -> Products:
    """Return all products; without an excess there is no mass fit."""
    rng = np.random.default_rng(STATUSES.index(status) + 11)
    taken = np.concatenate([np.arange(10, 100, 10), np.arange(100, 2001, 50)]).astype(float)
    jitter = rng.normal(0, 1, (len(taken), 3)) * np.array([40, 18, 9])
    jitter[:9] *= 5
    modes = np.array([3818.0, 700.0, 384.0]) + jitter - np.outer(taken / 2000, [60, 150, 40])
    used = (taken >= 100) & (taken <= 1300)
    excess = EXCESS[status]

    def daughters(n: int, signal: int) -> tuple[np.ndarray, np.ndarray]:
        first = np.concatenate([rng.gamma(5.0, 80.0, n), rng.normal(728, 45, signal)])
        second = np.concatenate([rng.gamma(3.0, 50.0, n), rng.normal(384, 30, signal)])
        return np.maximum(first, second), np.minimum(first, second)

    window, sideband = daughters(45, int(excess)), daughters(160, 0)
    loss = 40.0 * np.exp(-np.arange(100) / 12.0)
    return Products(
        inclusive=make_fit(rng, total=250_000.0, excess=8 * excess, window=WINDOW),
        scan=make_scan(rng, status),
        peak_scan=PeakScan(
            variables=("mjj", "mj1", "mj2"),
            n_taken=taken,
            modes=modes,
            take_low=100,
            take_high=1300,
            mean=modes[used].mean(axis=0),
            spread=modes[used].std(axis=0),
        ),
        mass_fit=None if status == "none" else make_mass_fit(rng, excess),
        plane=JetPlane(mj1_window=window[0], mj2_window=window[1], mj1_sideband=sideband[0], mj2_sideband=sideband[1]),
        limit=UpperLimit(
            n_signal_95=1340.0 if status != "none" else 610.0,
            mass=3815.0,
            width=115.0,
            expected=np.array([320.0, 430.0, 590.0, 830.0, 1110.0]),
            q0_p_value=0.12,
            best_fit=690.0 if status != "none" else -35.0,
        ),
        cross_checks=tuple(
            CrossCheck(
                name=name,
                orientation=side,
                cut_fraction=0.005,
                n_observed=int(120 + 11 * z),
                n_expected=120.4,
                n_expected_error=4.2,
                z_local=z,
            )
            for name, side, z in (
                ("vae_reconstruction", 1, 1.9),
                ("vae_mean", -1, -0.8),
                ("autoencoder", 1, 2.4),
                ("weak_supervision_networks", 1, Z_GLOBAL[status]),
            )
        ),
        training=TrainingHistory(
            loss=loss + 32.0,
            reconstruction=loss + 29.0 + rng.normal(0, 0.1, 100),
            kl=3.0 - 2.0 * np.exp(-np.arange(100) / 9.0),
        ),
    )


def make_result(status: str = "discovery", *, path: str = "data/blackbox.parquet") -> AnalysisResult:
    """Return the ``result.json`` that goes with :func:`make_products`."""
    products = make_products(status)
    scan, fit, limit = products.scan, products.mass_fit, products.limit
    assert limit is not None
    return AnalysisResult(
        schema_version="1",
        input={"path": path, "sha256": "3f" * 32, "n_events": 1_000_000, "columns": ["mjj", "mj1", "mj2", "tau21_1"]},
        seed=2020,
        versions={"bumphunt": "0.1.0", "numpy": "2.4.0", "python": "3.11.2"},
        config={
            "features": ["mj1", "mj2", "tau21_1", "tau21_2"],
            "scan": {"cuts": [0.05, 0.02, 0.01], "window_width": 0.115, "folds": 5},
            "vae": {"epochs": 100, "zeta": 5000.0},
        },
        answers=Answers(
            status=status,
            discovery=status == "discovery",
            p_local=scan.p_local,
            z_local=scan.z_local,
            p_global=scan.p_global,
            z_global=scan.z_global,
            p_global_method=scan.p_global_method,
            n_toys=scan.n_toys,
            n_trials=scan.n_trials,
            is_bound=scan.is_bound,
            m_resonance=None if fit is None else fit.m_resonance,
            m_x=None if fit is None else fit.m_x,
            m_y=None if fit is None else fit.m_y,
            n_signal=None if fit is None else fit.n_signal,
            upper_limit={"n_signal_95": limit.n_signal_95, "mass": limit.mass},
        ),
        checks=(
            Check(name="sideband_fit", passed=True, value=0.41, threshold=0.05, meaning="p-value of the fit"),
            Check(
                name="leakage",
                passed=status != "unverified_excess",
                value=0.538 if status == "unverified_excess" else 0.503,
                threshold=0.52,
                meaning="AUC of region against sidebands for events that fail the cut",
            ),
            Check(name="fold_agreement", passed=True, value=0.22, threshold=0.01, meaning="p-value of equal folds"),
        ),
        stages={
            "read": {"seconds": 2.31, "n_events": 1_000_000},
            "scores": {"seconds": 184.2, "scorer": "weak_supervision", "members": 8},
            "scan": {"seconds": 12.04, "windows": 55},
            "masses": {"seconds": 8.4},
        },
    )


def write_products(directory: Path, status: str = "discovery", **options: Any) -> Path:
    """Write both JSON files as the pipeline does, and return the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "result.json").write_text(json.dumps(make_result(status, **options).to_dict(), allow_nan=False))
    (directory / "products.json").write_text(json.dumps(make_products(status).to_dict(), allow_nan=False))
    return directory


@pytest.fixture(scope="session")
def factory() -> Any:
    """The functions of this module, for tests that cannot import it by name."""

    class Factory:
        statuses = STATUSES
        normal = NormalDist()
        result = staticmethod(make_result)
        products = staticmethod(make_products)
        write = staticmethod(write_products)

    return Factory
