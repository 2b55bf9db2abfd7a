"""The verdict: what a failed check does to a discovery, and what luminosity does to a limit."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.pipeline.verdict import answers
from bumphunt.results import Check, UpperLimit

LIMIT = UpperLimit(n_signal_95=278.0, mass=3500.0, width=100.0, expected=np.ones(5), q0_p_value=0.5, best_fit=0.0)


def scan(z_global):
    return SimpleNamespace(
        p_local=1e-9, z_local=6.0, p_global=1e-8, z_global=z_global, p_global_method="m", n_toys=0, n_trials=4,
        is_bound=True,
    )  # fmt: skip


def check(passed):
    return Check(name="sculpting", passed=passed, value=0.0, threshold=1.0, meaning="")


@pytest.mark.parametrize(
    ("z", "passed", "status"),
    [
        (2.9, True, "none"),
        (3.0, True, "evidence"),
        (4.99, True, "evidence"),
        (5.0, True, "discovery"),
        (9.0, False, "unverified_excess"),
        (2.9, False, "none"),
    ],
)
def test_a_failed_check_ends_every_claim(z, passed, status):
    found = answers(scan(z), (check(True), check(passed)), None)
    assert found.status == status
    assert found.discovery == (status == "discovery")


def test_luminosity_makes_a_cross_section_of_the_limit():
    assert answers(scan(1.0), (), None, LIMIT).upper_limit == {"n_signal_95": 278.0, "mass": 3500.0}
    found = answers(scan(1.0), (), None, LIMIT, luminosity=139.0)
    assert found.upper_limit["cross_section_fb_95"] == pytest.approx(2.0)
    assert "sigma x B x A < 2 fb" in str(found)
