"""What a plot is given: the result that it draws, or a line that says where that is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from types import UnionType
from typing import Any, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from bumphunt.errors import InputError
from bumphunt.results.base import Result

Plot = TypeVar("Plot", bound=Callable[..., Any])


def checked(plot: Plot) -> Plot:
    """Return a plot that refuses what is not of the annotated type, and says where in it the right one is."""
    parameter, hint = next(iter(get_type_hints(plot).items()))

    @wraps(plot)
    def draw(*args: Any, **kwargs: Any) -> Any:
        result = args[0] if args else kwargs.get(parameter)
        if (args or parameter in kwargs) and not _fits(result, hint):
            found = "None" if result is None else type(result).__name__
            raise InputError(f"plots.{plot.__name__} takes {_name(hint)}, found {found}{_remedy(result, hint)}")
        return plot(*args, **kwargs)

    return draw  # type: ignore[return-value] # with the signature of the plot, by wraps


def _fits(value: Any, hint: Any) -> bool:
    kind = get_origin(hint) or hint
    if kind in (Mapping, Sequence):
        items = value.values() if isinstance(value, Mapping) else value
        return isinstance(value, kind) and all(_fits(each, get_args(hint)[-1]) for each in items)
    if Protocol in getattr(kind, "__mro__", ()):
        return all(hasattr(value, name) for name in dir(kind) if not name.startswith("_"))
    if not isinstance(kind, type) or kind is UnionType:  # numbers in any form, or several sets of them
        sets = value.values() if isinstance(value, Mapping) else [value]
        return all(map(_is_numbers, sets))
    return not issubclass(kind, Result) or isinstance(value, kind)


def _is_numbers(value: Any) -> bool:
    try:
        return np.asarray(value, dtype=np.float64).size > 0
    except (TypeError, ValueError):
        return False


def _name(hint: Any) -> str:
    if get_origin(hint) in (UnionType, Union):
        return "numbers, or a mapping of names to them"
    if get_origin(hint) not in (Mapping, Sequence):
        return f"{'an' if hint.__name__[0] in 'AEIOU' else 'a'} {hint.__name__}"
    items = get_args(hint)[-1]
    many = "a sequence of" if get_origin(hint) is Sequence else "a mapping of names to"
    return f"{many} {items.__name__ if get_origin(items) is None else 'arrays'}"


def _remedy(given: Any, hint: Any) -> str:
    if given is None:
        return "; a search has none where there was nothing to fit"
    if get_origin(hint) in (UnionType, Union):
        return ""
    places = [name for name, value in _parts(given) if value != () and _fits(value, hint)]
    return f"; give its .{places[0]}" if places else ""


def _parts(given: Any) -> Iterator[tuple[str, Any]]:
    """Give the parts of a hunt or of its products, by name."""
    products = getattr(given, "products", given)
    names = [name for name in getattr(type(products), "__dataclass_fields__", ()) if not name.startswith("_")]
    for name in names:
        place = name if products is given or hasattr(given, name) else f"products.{name}"
        yield place, getattr(products, name)
