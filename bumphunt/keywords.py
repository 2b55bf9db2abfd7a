"""Keywords that travel together in one value; given on their own, as in version 0.1, they work for one release."""

import warnings
from collections.abc import Callable
from dataclasses import fields, replace
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from bumphunt.errors import InputError

Given = ParamSpec("Given")
Returned = TypeVar("Returned")


def gathered(**values: type) -> Callable[[Callable[Given, Returned]], Callable[Given, Returned]]:
    """Let a function take fields of its values as keywords of their own, with a ``DeprecationWarning``.

    Parameters
    ----------
    **values : dataclass
        For each parameter of the function the class whose fields were keywords. What the parameter itself is given
        may be of that class, None, or the first field alone.
    """
    home: dict[str, str] = {field.name: parameter for parameter, kind in values.items() for field in fields(kind)}

    def decorate(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
        own = signature(function).parameters
        plain: Callable[..., Returned] = function

        @wraps(function)
        def call(*args: Given.args, **kwargs: Given.kwargs) -> Returned:
            given: dict[str, Any] = dict(kwargs)
            for parameter, kind in values.items():
                if isinstance(given.get(parameter), dict):
                    each = ", ".join(f"{key}=..." for key in given[parameter])
                    raise InputError(f"{parameter} is a dict; give {kind.__name__}({each})")
            for name in [name for name in given if name in home and name not in own]:
                parameter = home[name]
                kind = values[parameter]
                known: Any = given.get(parameter)
                if not isinstance(known, kind):
                    known = kind() if known is None else kind(known)
                given[parameter] = replace(known, **{name: given.pop(name)})
                warnings.warn(
                    f"{function.__name__}({name}=...) is {parameter}={kind.__name__}({name}=...) now",
                    DeprecationWarning,
                    stacklevel=2,
                )
            return plain(*args, **given)

        return call

    return decorate
