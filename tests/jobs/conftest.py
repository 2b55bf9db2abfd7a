"""Settings light enough to hunt in a few seconds, shared by the tests of jobs."""

from typing import Any

import pytest


@pytest.fixture(autouse=True, scope="module")
def one_hypothesis(one_decay: None) -> None:
    """No test of jobs is about what daughters decay to."""


@pytest.fixture(scope="session")
def light_hunt() -> dict[str, Any]:
    """A configuration as plain data; not to be changed."""
    return {
        "searches": ["cwola"],
        "search": {"low": 2_850.0, "high": 5_400.0, "windows": [[3_300.0, 3_710.0]], "cut_fractions": [0.05]},
        "cwola": {"folds": 2, "repeats": 1, "members": 1, "max_iter": 8},
        "vae": {"enabled": False},
        "autoencoder": {"enabled": False},
        "limit": {"enabled": False},
    }


@pytest.fixture(scope="session")
def finished(make_events, light_hunt, tmp_path_factory):
    """A finished run of a box with a strong signal, with its models but without a report: (folder, events file).

    Not to be changed: copy it first.
    """
    from bumphunt.config import config_from_dict
    from bumphunt.jobs.requests import RunOptions
    from bumphunt.jobs.run import run_analysis

    folder = tmp_path_factory.mktemp("finished")
    table = make_events(12_000, signal=150, seed=5, label=False)
    table["event"] = range(len(table))
    table.to_parquet(folder / "box.parquet")
    config = {
        **light_hunt,
        "cwola": {"folds": 3, "repeats": 2, "members": 1, "max_iter": 20},
        "limit": {"enabled": False, "luminosity": 5.0},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bumphunt.report.html.write_report", lambda *args, **kwargs: None)
        run_analysis(
            folder / "box.parquet",
            output=folder / "run",
            config=config_from_dict(config),
            seed=7,
            options=RunOptions(save_models=True),
        )
    return folder / "run", folder / "box.parquet"
