"""YAML that would fill the memory or the screen is refused in a line."""

import pytest

from bumphunt.errors import ConfigError
from bumphunt.yaml_text import MAX_BYTES, MAX_DEPTH, load_yaml_text

BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_what_a_configuration_holds_is_read():
    text = "search: {windows: [[3000, 3500.5]], low: null}\ncwola:\n  nested: true  # why\n"
    assert load_yaml_text(text, name="x") == {
        "search": {"windows": [[3000, 3500.5]], "low": None},
        "cwola": {"nested": True},
    }
    assert load_yaml_text("", name="x") is None
    assert load_yaml_text("[" * MAX_DEPTH + "]" * MAX_DEPTH, name="x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, r"c\.yaml, line 2: aliases \(\*a\) are not read"),
        ("a: &a {b: *a}", r"line 1: aliases"),
        ("[" * 200_000, "more than 50 levels"),
        ("- " * 60 + "x", "more than 50 levels"),
        ("x" * (MAX_BYTES + 1), "more than the 1,000,000"),
        ("[" + "1," * 400_000 + "]", "more than 100,000 keys and values"),
        ("a: 1\nb: [", "is not YAML"),
        ("a: \t- b\x1b[2J", "is not YAML"),
        ("!!python/object/apply:os.system [ls]", "is not YAML"),
        ("a: 2001-99-99", "is not YAML"),
        ("a: 1\na: 2", "the key 'a' is given twice"),
        ("? [a]\n: b", "is not YAML"),
    ],
)
def test_the_rest_is_one_line(text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_yaml_text(text, name="c.yaml")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600
