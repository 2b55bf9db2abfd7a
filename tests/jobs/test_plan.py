"""A frozen plan: what was declared before the data were opened, and whether it was kept."""

import pytest

from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.errors import ConfigError
from bumphunt.jobs.plan import freeze, load_plan, plan_hash

CONFIG = config_from_dict({"search": {"windows": [[3300.0, 3700.0]], "cut_fractions": [0.01]}, "cwola": {"folds": 3}})


def test_a_plan_is_read_as_it_was_frozen(tmp_path):
    path = freeze(CONFIG, tmp_path / "plan.yaml", seed=7)
    assert load_plan(path) == (CONFIG, 7, plan_hash(CONFIG, 7))
    assert freeze(CONFIG, tmp_path / "again.yaml", seed=7).read_bytes() == path.read_bytes()


def test_every_setting_and_the_seed_are_in_the_hash():
    hashes = {plan_hash(CONFIG, 7), plan_hash(CONFIG, 8), plan_hash(AnalysisConfig(), 7)}
    hashes.add(plan_hash(config_from_dict({**CONFIG.model_dump(mode="json"), "checks": {"leakage": 0.03}}), 7))
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("folds: 3", "folds: 4", "not as it was frozen"),
        ("seed: 7", "seed: 8", "not as it was frozen"),
        ("seed: 7", "seed: x", "seed is 'x'"),
        ("plan: 1", "plan: 2", "no frozen plan"),
        ("folds: 3", "fold: 3", "did you mean cwola.folds"),
        ("leakage:", "leakage: &a", None),
    ],
)
def test_an_edited_plan_is_refused(tmp_path, old, new, told):
    path = freeze(CONFIG, tmp_path / "plan.yaml", seed=7)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    if told is None:  # an anchor changes nothing
        load_plan(path)
        return
    with pytest.raises(ConfigError, match=told):
        load_plan(path)


@pytest.mark.parametrize("text", ["", "3", "search: {}", "plan: 1\nconfig: 3", "plan: 1"])
def test_what_is_no_plan_is_named(tmp_path, text):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="no frozen plan"):
        load_plan(path)
