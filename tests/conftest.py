"""What many tests share: where the development data lie, and event tables made in milliseconds."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

SQRT_S = 13_000.0

settings.register_profile("repeatable", max_examples=50, deadline=None, derandomize=True, database=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the development data, which is no part of the project; skips where it is absent."""
    folder = Path(__file__).resolve().parents[1] / "../shared/data"
    if not folder.is_dir():
        pytest.skip("the development data are not beside the project")
    return folder


def dijet_masses(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw mjj in GeV from (1-x)^10 / x^5 behind a trigger turn-on at 2.6 TeV."""
    grid = np.linspace(2_200.0, 9_000.0, 4_000)
    x = grid / SQRT_S
    density = (1 - x) ** 10 / x**5 / (1 + np.exp(-(grid - 2_600.0) / 60.0))
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return np.interp(rng.random(number) * cumulative[-1], cumulative, grid)


def make_table(
    background: int,
    *,
    signal: int = 0,
    masses: tuple[float, float, float] = (3_500.0, 500.0, 100.0),
    seed: int = 0,
    label: bool = True,
) -> pd.DataFrame:
    """Return events loosely like QCD dijets, with a resonance mixed in at random places."""
    rng = np.random.default_rng(seed)
    mjj = dijet_masses(background, rng)
    heavier = 250.0 * (mjj / 3_000.0) ** 0.5 * np.exp(rng.normal(0.0, 0.45, background))
    lighter = heavier * rng.beta(2.5, 2.5, background)
    columns = {
        "mjj": mjj,
        "mj1": heavier,
        "mj2": lighter,
        "tau21_1": rng.beta(5.0, 5.2, background),
        "tau21_2": rng.beta(7.0, 4.5, background),
        "label": np.zeros(background),
    }
    if signal:
        resonance, m_x, m_y = masses
        jets = np.stack(
            [
                m_x * (1.0 + 0.05 * rng.standard_normal(signal)),
                m_y * (1.04 + 0.08 * rng.standard_normal(signal)),
            ]
        )
        extra = {
            "mjj": resonance * (1.0 + 0.025 * rng.standard_normal(signal)),
            "mj1": jets.max(axis=0),
            "mj2": jets.min(axis=0),
            "tau21_1": rng.beta(3.0, 12.0, signal),
            "tau21_2": rng.beta(3.0, 10.0, signal),
            "label": np.ones(signal),
        }
        columns = {name: np.concatenate([values, extra[name]]) for name, values in columns.items()}
    table = pd.DataFrame(columns).iloc[rng.permutation(background + signal)].reset_index(drop=True)
    return table if label else table.drop(columns="label")


@pytest.fixture(scope="session")
def pyhs3() -> ModuleType:
    """The independent reader of HS3; on import it switches off every logger there is, which is taken back."""
    before = {name: logging.getLogger(name).disabled for name in logging.root.manager.loggerDict}
    module = pytest.importorskip("pyhs3")
    for name, disabled in before.items():
        logging.getLogger(name).disabled = disabled
    return module


@pytest.fixture(scope="session")
def make_events() -> Callable[..., pd.DataFrame]:
    """The function that makes an event table; see :func:`make_table`."""
    return make_table


@pytest.fixture(scope="session")
def box(make_events: Callable[..., pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small box with a resonance at (3500, 500, 100) GeV, as a file."""
    path = tmp_path_factory.mktemp("box") / "box.parquet"
    make_events(20_000, signal=250, label=False).to_parquet(path)
    return path


@pytest.fixture(scope="session")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config that takes a second, as a file."""
    import yaml

    from .command_line import LIGHT

    path = tmp_path_factory.mktemp("light") / "light.yaml"
    path.write_text(yaml.safe_dump(LIGHT), "utf-8")
    return path


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file in the raw layout of the LHC Olympics, as large as its damage needs."""
    from bumphunt.sources.lhco import RawChunk, write_raw

    rng = np.random.default_rng(8)
    particles = np.zeros((30, 700, 3))
    particles[:, :60, 0] = rng.exponential(40.0, (30, 60))
    particles[:, :60, 1] = rng.normal(0.0, 0.3, (30, 60))
    particles[:, :60, 2] = rng.normal(0.0, 0.3, (30, 60)) + np.repeat([-1.5, 1.6], 30)
    return write_raw(
        tmp_path_factory.mktemp("raw") / "raw.h5", [RawChunk(particles=particles, label=np.arange(30) % 2)]
    )


def lighten_prior(patch: pytest.MonkeyPatch) -> None:
    """Make the prior-assisted search, which is run by default, a matter of a second."""
    from bumphunt.pipeline import prior_answer

    light = partial(prior_answer.PriorSettings, simulated=12_000, permutations=60, max_iter=25, min_samples_leaf=40)
    patch.setattr(prior_answer, "PriorSettings", light)


@pytest.fixture(scope="module")
def one_decay() -> Iterator[None]:
    """Fit masses under one hypothesis, in half of the time: tau21 of made-up signal would ask for the others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bumphunt.masses.decays._doubtful", lambda fit: False)
        yield


@pytest.fixture
def light_prior(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the prior-assisted search a matter of a second."""
    lighten_prior(monkeypatch)


@pytest.fixture
def page_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the page with empty files in place of its figures, which take most of the time: they are only laid out."""
    from matplotlib.figure import Figure

    from bumphunt.plots.style import style
    from bumphunt.report.settled import settle

    def lay_out(figure: Figure, stem: Path) -> None:
        with style():
            settle(figure)
        stem.parent.mkdir(exist_ok=True)
        for kind in ("pdf", "png"):
            stem.with_name(f"{stem.name}.{kind}").touch()

    monkeypatch.setattr("bumphunt.report.figures.save", lay_out)


@pytest.fixture(scope="session")
def edges() -> np.ndarray:
    """Bin edges from 3 to 7 TeV in steps of the resolution."""
    from bumphunt.spectrum.binning import mass_grid

    return mass_grid(3_000.0, 7_000.0, ratio=1.03)


@pytest.fixture(scope="session")
def smooth(edges: np.ndarray) -> Callable[[float], np.ndarray]:
    """The function that gives an exact dijet3 spectrum of so many events on ``edges``."""

    def spectrum(total: float) -> np.ndarray:
        x = 0.5 * (edges[1:] + edges[:-1]) / SQRT_S
        shape = (1 - x) ** 10 / x**5 * np.diff(edges)
        return total * shape / shape.sum()

    return spectrum
