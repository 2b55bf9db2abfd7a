"""The configuration: strict, whole, and the same after a trip through YAML."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bumphunt.config import AnalysisConfig, config_from_dict, default_yaml, load_config
from bumphunt.errors import ConfigError
from bumphunt.events import IDENTIFIERS, LABEL


def refused(data):
    with pytest.raises(ConfigError) as caught:
        config_from_dict(data, name="my.yaml")
    message = str(caught.value)
    assert message.startswith("my.yaml: ")
    assert "\n" not in message
    return message


def test_the_printed_default_is_the_default(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(default_yaml(), "utf-8")
    assert load_config(path) == AnalysisConfig()


def test_every_value_of_the_printed_default_has_a_comment():
    for line in default_yaml().splitlines():
        if line.startswith("  "):
            assert len(line.split("  # ", 1)[1]) > 5, line
    printed = yaml.safe_load(default_yaml())
    assert printed == AnalysisConfig().model_dump(mode="json")


@given(
    low=st.none() | st.floats(100, 3_000),
    windows=st.none() | st.lists(st.tuples(st.floats(1_000, 2_000), st.floats(2_001, 6_000)), min_size=1, unique=True),
    fractions=st.lists(st.floats(1e-4, 0.5), min_size=1, max_size=3, unique=True),
    folds=st.integers(2, 20),
    features=st.none() | st.lists(st.sampled_from(["mj1", "mj2", "tau21_1", "mine"]), min_size=1, unique=True),
)
def test_any_config_survives_yaml_and_json(low, windows, fractions, folds, features):
    config = config_from_dict(
        {
            "search": {"low": low, "windows": windows, "cut_fractions": fractions},
            "cwola": {"folds": folds, "features": features},
        }
    )
    plain = config.model_dump(mode="json")
    assert config_from_dict(plain) == config
    assert config_from_dict(yaml.safe_load(yaml.safe_dump(plain))) == config


def test_what_is_left_out_keeps_its_default(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("search:\n  windows: [[3300, 3700]]\nvae:\n  enabled: false\n")
    config = load_config(path)
    assert config.search.windows == [(3300.0, 3700.0)]
    assert not config.vae.enabled
    assert config.cwola == AnalysisConfig().cwola


def test_an_empty_file_is_the_default(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("# nothing yet\n")
    assert load_config(path) == AnalysisConfig()


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ({"serach": {}}, "serach"),
        ({"search": {"lowest": 3}}, "search.lowest"),
        ({"search": {"window_bins": 0}}, "search.window_bins"),
        ({"search": {"window_bins": 2.5}}, "search.window_bins"),
        ({"search": {"window_bins": "4"}}, "search.window_bins"),
        ({"search": {"low": -5.0}}, "search.low"),
        ({"search": {"low": 3.5}}, "search.low"),
        ({"search": {"high": float("nan")}}, "search.high"),
        ({"search": {"cut_fractions": []}}, "search.cut_fractions"),
        ({"search": {"cut_fractions": [1.5]}}, "search.cut_fractions"),
        ({"search": {"windows": [[3000.0]]}}, "search.windows"),
        ({"search": {"windows": [3000.0, 3500.0]}}, "search.windows"),
        ({"cwola": {"folds": 1}}, "cwola.folds"),
        ({"cwola": {"learning_rate": 0}}, "cwola.learning_rate"),
        ({"vae": {"enabled": "yes"}}, "vae.enabled"),
        ({"vae": {"hidden": []}}, "vae.hidden"),
        ({"masses": {"box_widths": 0.1}}, "masses.box_widths"),
        ({"limit": {"width": 2}}, "limit.width"),
        ({"checks": {"leakage": 0.7}}, "checks.leakage"),
        ({"sqrt_s": 13.0}, "sqrt_s"),
        ({"search": None}, "search"),
    ],
)
def test_unusable_values_are_named(data, names):
    assert names in refused(data)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"serach": {}}, "serach: unknown key; did you mean search?"),
        ({"cwola": {"fold": 3}}, "cwola.fold: unknown key; did you mean cwola.folds?"),
        ({"search": {"folds": 3}}, "search.folds: unknown key; did you mean cwola.folds?"),
        ({"nothing like it": 1}, "unknown key (known here: "),
        ({"cwola": {"max_iter": 10**9}}, "cwola.max_iter: should be less than or equal to 1000 (found 1000000000)"),
        ({"limit": {"luminosity": float("inf")}}, "limit.luminosity: should be a finite number (found inf)"),
        (
            {"search": {"low": "3e3"}},
            "search.low: should be a number (found '3e3'); YAML takes 3e3 for text, write 3000",
        ),
        ({"search": {"windows": []}}, "search.windows"),
        ({"search": {"high": 14e3}}, "search.high: 14000 GeV is above the collision energy sqrt_s of 13000 GeV"),
        ({"daughters": ["mjj", "mj2"]}, "daughters: 'mjj' is the resonance"),
        ({"daughters": ["mj1", "mj1"]}, "daughters: 'mj1' appears twice"),
        ({"daughters": ["mj1", "label"]}, "'label' holds no mass"),
        ({"resonance": {"column": "label"}}, "'label' holds no mass"),
        ({"searches": ["cwola", "cwola"]}, "searches"),
        ({"select": "x" * 3000}, "select"),
    ],
)
def test_an_error_says_what_is_meant(data, told):
    message = refused(data)
    assert told in message
    assert "pydantic" not in message
    assert len(message) < 600


def test_lists_are_accepted_where_tuples_are_meant():
    listed = config_from_dict({"search": {"windows": [[3300.0, 3700.0]]}, "daughters": ["mj1", "mj2"]})
    given = AnalysisConfig.model_validate({"search": {"windows": ((3300.0, 3700.0),)}, "daughters": ("mj1", "mj2")})
    assert listed == given


def test_another_final_state_has_other_units():
    low = {"search": {"low": 9.0, "high": 10.5}}
    assert "looks like TeV" in refused(low)
    assert config_from_dict({**low, "resonance": {"column": "dimu_mass"}, "daughters": None}).search.low == 9.0


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [1, 2]\nb: *a\n",
        "a: &a [x, x]\nb: &b [*a, *a]\nsearch: [*b, *b]\n",
        "[" * 5_000,
        "{" * 100_000,
        "search: " + "9" * 5_000,
        "x: " + "a" * 1_200_000,
        "? [[[]]]\n: 3",
        "search: !!python/object/apply:os.system [id]",
        "- \x00",
    ],
)
def test_a_hostile_file_is_one_line(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2_000


def test_ends_the_wrong_way_round():
    assert "search.low (5000) must be below search.high (3000)" in refused({"search": {"low": 5e3, "high": 3e3}})
    assert "3700 must be below 3300" in refused({"search": {"windows": [[3700.0, 3300.0]]}})


@pytest.mark.parametrize("section", ["cwola", "vae", "autoencoder"])
@pytest.mark.parametrize("column", [LABEL, "mjj", "weight", *IDENTIFIERS])
def test_truth_mjj_and_identifiers_are_no_features(section, column):
    assert f"'{column}' cannot be a feature" in refused({section: {"features": ["mj1", column]}})


@pytest.mark.parametrize("data", [[], "search", 3])
def test_a_config_that_is_no_mapping(data):
    assert "expected sections" in refused(data)


@pytest.mark.parametrize("content", [b"search: [1, 2\n", b"a: b: c", b"\xff\xfe\x00"])
def test_a_file_that_is_not_yaml(tmp_path, content):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the config"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot read the config"):
        load_config(tmp_path)


def test_a_config_cannot_be_changed_under_way():
    with pytest.raises(ConfigError, match="low cannot be set any more"):
        AnalysisConfig().search.low = 3_000.0


def test_every_reconstruction_loss_of_the_config_is_one_the_network_has():
    from bumphunt.scores.losses import RECONSTRUCTIONS

    for name in RECONSTRUCTIONS:
        for section in ("vae", "autoencoder"):
            assert getattr(config_from_dict({section: {"reconstruction": name}}), section).reconstruction == name
    for section in ("vae", "autoencoder"):
        with pytest.raises(ConfigError, match="reconstruction"):
            config_from_dict({section: {"reconstruction": "bce"}})


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ({"wide_window_bins": [4]}, r"4 should be more than search\.window_bins \(4\)"),
        ({"wide_window_bins": [8], "windows": [[3_300.0, 3_700.0]]}, "list wide ones in search.windows"),
    ],
)
def test_wide_windows_are_wider_and_beside_automatic_ones(search, words):
    with pytest.raises(ConfigError, match=words):
        config_from_dict({"search": search})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"features": ["mj1", "mj2", "mj1"]}, "features: mj1 is named 2 times; name each column once"),
        ({"cwola": {"features": ["mj1", "mj1"]}}, "cwola.features: mj1 is named 2 times"),
        ({"seed": 3}, "seed is no setting: give --seed on the command line, or seed= in Python"),
        ({"workers": 2}, "workers is no setting: give --workers"),
        ({"plan": "any", "hash": "any"}, "this is a frozen plan: give it as --frozen"),
    ],
)
def test_what_belongs_elsewhere_or_is_named_twice_is_told(data, said):
    assert refused(data).startswith(f"my.yaml: {said}")
