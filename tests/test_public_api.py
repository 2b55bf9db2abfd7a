"""The public names, here and in the rooms: they resolve, and each says what it takes and gives."""

import inspect
import re
from importlib.resources import files

import pytest

import bumphunt


def is_ours(thing):
    """Tell whether it is a function or class; ``FloatArray`` is a name for numpy's."""
    return inspect.isfunction(thing) or inspect.isclass(thing)


ROOMS = [name for name in bumphunt.__all__ if hasattr(getattr(bumphunt, name), "__all__")]
CALLABLES = {name: getattr(bumphunt, name) for name in bumphunt.__all__ if callable(getattr(bumphunt, name))}
for place in ROOMS:
    room = getattr(bumphunt, place)
    CALLABLES |= {f"{place}.{name}": getattr(room, name) for name in room.__all__ if is_ours(getattr(room, name))}
SECTIONS = ("Parameters", "Returns", "Raises", "Attributes", "Notes", "Examples", "Yields", "References", "See Also",
            "Methods", "Warns", "Warnings", "Other Parameters")  # fmt: skip


def section(text, name):
    """Return the body of a numpydoc section, or None."""
    found = re.search(rf"^{name}\n-{{3,}}\n(.*?)(?=^(?:{'|'.join(SECTIONS)})\n-{{3,}}\n|\Z)", text, re.M | re.S)
    return found and found.group(1)


def described(text):
    """Return the names that a Parameters section describes; ``a, b`` on one line are two."""
    heads = [line for line in (section(text, "Parameters") or "").splitlines() if line and not line[0].isspace()]
    return {name.strip().lstrip("*") for head in heads for name in head.split(" : ")[0].split(",")}


def arguments(thing):
    """Return the names of the arguments that a user may give."""
    signature = inspect.signature(thing)
    return [name for name, parameter in signature.parameters.items() if parameter.kind is not parameter.VAR_KEYWORD]


def test_what_is_public_fits_a_screen():
    assert len(set(bumphunt.__all__)) == len(bumphunt.__all__)
    assert set(dir(bumphunt)) == set(bumphunt.__all__)
    assert len(dir(bumphunt)) <= 40
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", bumphunt.__version__)


def test_type_checkers_of_users_read_its_types():
    assert files("bumphunt").joinpath("py.typed").is_file()  # PEP 561: without it every name is Any


@pytest.mark.parametrize("name", sorted(bumphunt._OLD_NAMES))
def test_an_old_name_still_works_and_says_where_it_is_now(name):
    room = bumphunt._OLD_NAMES[name]
    with pytest.warns(DeprecationWarning, match=rf"bumphunt\.{name} is {re.escape(room)}\.{name} now"):
        old = getattr(bumphunt, name)
    place = bumphunt
    for part in room.split(".")[1:]:
        place = getattr(place, part)
    assert old is getattr(place, name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        bumphunt.nonsense  # noqa: B018


@pytest.mark.parametrize("name", sorted(CALLABLES))
def test_every_name_has_a_docstring(name):
    text = inspect.getdoc(CALLABLES[name]) or ""
    first = text.split("\n", 1)[0]
    assert len(first.split()) >= 3, first
    assert first.endswith((".", ":")), first


# what is made by the package or from YAML, not by calling it with arguments
MADE_ELSEWHERE = ("AnalysisConfig", "InputError", *(f"results.{name}" for name in bumphunt.results.__all__))


@pytest.mark.parametrize("name", sorted(set(CALLABLES) - set(MADE_ELSEWHERE)))
def test_every_argument_is_described(name):
    thing = CALLABLES[name]
    missing = [argument for argument in arguments(thing) if argument not in described(inspect.getdoc(thing) or "")]
    assert not missing, f"{name}: {', '.join(missing)} not under Parameters"


@pytest.mark.parametrize("name", sorted(set(CALLABLES) - set(MADE_ELSEWHERE)))
def test_nothing_is_described_that_is_no_argument(name):
    thing = CALLABLES[name]
    names = {name for name in described(inspect.getdoc(thing) or "") if name.isidentifier()}
    assert names <= set(arguments(thing))


@pytest.mark.parametrize("name", [name for name in CALLABLES if inspect.isfunction(CALLABLES[name])])
def test_options_are_keyword_only_and_typed(name):
    signature = inspect.signature(CALLABLES[name])
    positional = [p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(positional) <= 4, f"{name}{signature}"
    assert not [p.name for p in signature.parameters.values() if p.annotation is p.empty]
    assert signature.return_annotation is not signature.empty


def test_configuration_fields_are_described():
    config = bumphunt.AnalysisConfig()
    for part in type(config).model_fields:
        section_model = getattr(config, part)
        fields = getattr(type(section_model), "model_fields", {part: type(config).model_fields[part]})
        for name, field in fields.items():
            assert field.description, f"{part}.{name}"
