"""Keywords of version 0.1 that are in a value of their own now."""

from dataclasses import dataclass

import pytest

from bumphunt.keywords import gathered


@dataclass(frozen=True)
class Size:
    number: int = 1
    unit: str = "m"


@gathered(size=Size)
def tell(name: str, *, size: int | Size | None = None, seed: int = 1) -> tuple:
    """Say what came."""
    return name, size, seed


@pytest.mark.parametrize("given", [{}, {"size": 4}, {"size": Size(4, "km")}, {"size": None}, {"seed": 3}])
def test_what_is_given_in_one_value_is_handed_on(given):
    assert tell("a", **given) == ("a", given.get("size"), given.get("seed", 1))


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({"unit": "km"}, Size(1, "km")),
        ({"unit": "km", "size": 4}, Size(4, "km")),
        ({"unit": "km", "size": Size(5, "m")}, Size(5, "km")),
    ],
)
def test_a_keyword_of_its_own_still_works_and_says_where_it_is_now(given, size):
    with pytest.warns(DeprecationWarning, match=r"tell\(unit=\.\.\.\) is size=Size\(unit=\.\.\.\) now"):
        assert tell("a", **given) == ("a", size, 1)


def test_an_unknown_keyword_is_an_error():
    with pytest.raises(TypeError, match="colour"):
        tell("a", colour="red")
