"""The known masses of the labelled sample, 3500 / 500 / 100 GeV: found at 10 % of signal, and no wrong claim at 0.1 %.

Labels are read to mix the samples and never reach the analysis, which is given tables without them.
"""

from pathlib import Path

import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.jobs.run import run_analysis
from bumphunt.results import AnalysisResult

SAMPLE = Path(__file__).resolve().parents[1] / "data/lhco_rnd.parquet"
MASSES = {"m_resonance": 3_500.0, "m_x": 500.0, "m_y": 100.0}
CONFIG = config_from_dict(
    {
        "searches": ["cwola"],
        "search": {"windows": [[3250.0, 3750.0], [4300.0, 4850.0]]},
        "cwola": {"repeats": 1, "members": 2, "max_iter": 40},
        "vae": {"enabled": False},
        "autoencoder": {"enabled": False},
        "limit": {"enabled": False},
    }
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    """Return a function: signal events mixed into all background -> the analysis of the mixture."""
    events = pd.read_parquet(SAMPLE)
    background, signal = (events[events["label"] == label].drop(columns="label") for label in (0, 1))

    def analyse(n_signal: int, n_background: int | None = None) -> AnalysisResult:
        folder = tmp_path_factory.mktemp("known")
        box = pd.concat([background.head(n_background), signal.sample(n_signal, random_state=3)]).sample(
            frac=1.0, random_state=4
        )
        box.to_parquet(folder / "box.parquet", index=False)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bumphunt.report.html.write_report", lambda folder: folder)
            return run_analysis(folder / "box.parquet", output=folder / "run", config=CONFIG, seed=1, workers=2)

    return analyse


def test_ten_percent_of_signal_gives_the_known_masses(analysed):
    found = analysed(6_000, 60_000).answers
    assert found.status == "discovery"
    for name, true in MASSES.items():
        interval = getattr(found, name)
        assert interval.low < true < interval.high, (name, interval)
        assert abs(interval.value / true - 1) < 0.03, (name, interval)
    assert found.n_signal.low < 6_000 < found.n_signal.high


@pytest.mark.long
def test_a_tenth_of_a_percent_gives_no_wrong_claim(analysed):
    found = analysed(300).answers
    if found.status == "none":
        assert found.m_resonance is None
        assert found.n_signal is None
        return
    for name, true in (*MASSES.items(), ("n_signal", 300.0)):
        interval = getattr(found, name)
        reach = 2.0 * max(interval.high - interval.value, interval.value - interval.low)
        assert abs(interval.value - true) < reach, (name, interval)
