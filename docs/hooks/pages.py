"""The pages of the reference, made from the code: rooms, commands, configuration, columns."""

import ast
import re
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bumphunt"


def public_names(folder: Path) -> dict[str, str]:
    """Return the public names of a room, each with the place where it is defined."""
    stub = folder / "__init__.pyi"
    module = ".".join(folder.relative_to(ROOT).parts)
    names: dict[str, str] = {}
    for node in ast.parse((stub if stub.exists() else folder / "__init__.py").read_text("utf-8")).body:
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        source = f"{module}.{node.module}" if node.level else node.module
        for alias in node.names:
            if source.startswith("bumphunt") and not (alias.asname or alias.name).startswith("_"):
                names[alias.asname or alias.name] = f"{source}.{alias.name}"
    return names


def rooms() -> list[str]:
    """Return the names of all rooms with public names, in the order of the package's stub."""
    stub = (PACKAGE / "__init__.pyi").read_text("utf-8")
    listed = re.findall(r"^from \. import (\w+) as", stub, re.M)
    return [room for room in listed if (PACKAGE / room).is_dir() and public_names(PACKAGE / room)]


def first_line(path: Path) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]


def api_pages() -> dict[str, str]:
    """Return a page for each room and one for the names of the package itself."""
    pages = {}
    top = public_names(PACKAGE)
    pages["reference/api/bumphunt.md"] = _api("bumphunt", first_line(PACKAGE / "__init__.py"), top)
    for room in rooms():
        folder = PACKAGE / room
        name = f"bumphunt.{room}"
        pages[f"reference/api/{room}.md"] = _api(name, first_line(folder / "__init__.py"), public_names(folder))
    return pages


ALIASES = ("BoolArray", "FloatArray", "READABLE_VERSIONS", "SCHEMA_VERSION", "PRESETS")
"""Names of types and constants, which have no docstring of their own."""


def _api(title: str, says: str, names: dict[str, str]) -> str:
    shown = {name: place for name, place in names.items() if name not in ALIASES}
    lines = [f"# {title}", "", says, ""]
    for place in shown.values():
        lines += [f"::: {place}", ""]
    return "\n".join(lines)


def reference_index() -> str:
    """Return the list of what the reference holds."""
    lines = [
        "# Reference",
        "",
        "Made from the code: [commands and exit statuses](commands.md), [configuration](configuration.md), "
        "[columns](columns.md), [result.json](../result.md), and the public names of each room:",
        "",
        "| room | what it does | names |",
        "|---|---|---|",
    ]
    for page in api_pages():
        room = Path(page).stem
        folder = PACKAGE if room == "bumphunt" else PACKAGE / room
        names = ", ".join(f"`{name}`" for name in public_names(folder))
        title = "bumphunt" if room == "bumphunt" else f"bumphunt.{room}"
        lines.append(f"| [{title}](api/{room}.md) | {first_line(folder / '__init__.py')} | {names} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Return every verb with its arguments and options, and the exit statuses."""
    from bumphunt.cli import main
    from bumphunt.cli.group import STATUSES

    lines = ["# Commands", "", (main.help or "").split("\n")[0], "", "| exit status | meaning |", "|---|---|"]
    lines += [f"| {status} | {meaning} |" for status, meaning in STATUSES.items()]
    for verb in sorted(main.commands):
        command = main.commands[verb]
        context = click.Context(command, info_name=f"bumphunt {verb}")
        usage = " ".join(command.collect_usage_pieces(context))
        lines += ["", f"## {verb}", "", f"    bumphunt {verb} {usage}", "", _escape(command.help or ""), ""]
        options = [option for option in command.params if isinstance(option, click.Option)]
        if options:
            lines += ["| option | default | meaning |", "|---|---|---|"]
            lines += [_option(option, context) for option in options]
    return "\n".join(lines) + "\n"


def _option(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    written = record[0] if record else option.opts[0]
    text = re.sub(r"\s*\[(?:default: [^]]*|required)(?:;[^]]*)?\]$", "", record[1] if record else "")
    default = "required" if option.required else ("" if _unset(option) else f"`{option.default}`")
    return f"| `{_choices(written)}` | {default} | {_escape(text)} |"


def _choices(written: str) -> str:
    return written.replace("INTEGER RANGE", "N").replace("|", ", ")


def _unset(option: click.Option) -> bool:
    return option.default is None or option.default is False or "UNSET" in repr(option.default) or option.multiple


def configuration_page() -> str:
    """Return every key of the configuration: type, default, bounds, meaning."""
    from bumphunt.config import AnalysisConfig, default_yaml
    from bumphunt.config.sections import Section

    default = AnalysisConfig()
    schema = AnalysisConfig.model_json_schema()
    lines = [
        "# Configuration",
        "",
        "`bumphunt config` prints all of it with comments; leave out what you do not change. Unknown keys, wrong types "
        "and numbers outside their bounds are refused in a line.",
    ]
    top = []
    for name in AnalysisConfig.model_fields:
        value = getattr(default, name)
        if isinstance(value, Section):
            says = (type(value).__doc__ or "").strip().split("\n")[0]
            lines += ["", f"## {name}", "", _escape(says), "", *_HEAD]
            properties = schema["$defs"][type(value).__name__]["properties"]
            for key, field in type(value).model_fields.items():
                row = (properties[key], getattr(value, key), field.description)
                lines.append(_key(f"{name}.{key}", *row, schema=schema))
        else:
            row = (schema["properties"][name], value, AnalysisConfig.model_fields[name].description)
            top.append(_key(name, *row, schema=schema))
    lines += ["", "## Keys without a section", "", *_HEAD, *top, "", "## The default as printed", "", "```yaml"]
    return "\n".join([*lines, default_yaml().rstrip(), "```", ""])


_HEAD = ("| key | type | default | bounds | meaning |", "|---|---|---|---|---|")


def _key(name: str, described: dict[str, Any], value: Any, meaning: str | None, *, schema: dict[str, Any]) -> str:
    kinds, bounds = _described(described, schema)
    shown = "null" if value is None else _plain(value)
    return f"| `{name}` | {kinds} | `{shown}` | {bounds} | {_escape(meaning or '')} |"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(list(value) if isinstance(value, tuple) else value)


_BOUNDS = {
    "exclusiveMinimum": "> {}",
    "minimum": "≥ {}",
    "exclusiveMaximum": "< {}",
    "maximum": "≤ {}",
    "minItems": "{} or more",
    "maxItems": "at most {}",
}


def _described(described: dict[str, Any], schema: dict[str, Any]) -> tuple[str, str]:
    parts = described.get("anyOf", [described])
    kinds = [_kind(part) for part in parts]
    bounds = [
        text.format(f"{part[key]:g}") for part in parts for key, text in _BOUNDS.items() if part.get(key) is not None
    ]
    return " or ".join(kinds), ", ".join(bounds)


def _kind(part: dict[str, Any]) -> str:
    if "enum" in part:
        return ", ".join(f"`{choice}`" for choice in part["enum"])
    if "const" in part:
        return f"`{part['const']}`"
    kind = str(part.get("type", "value"))
    names = {"integer": "whole number", "string": "text", "boolean": "true or false", "object": "mapping"}
    if kind == "array":
        inner = part.get("items") or (part.get("prefixItems") or [{}])[0]
        return f"list of {_kind(inner)}" if inner else "list"
    return names.get(kind, kind)


def columns_page() -> str:
    """Return the columns of the event table with units and allowed values."""
    from bumphunt.events import COLUMNS

    lines = [
        "# Columns of the event table",
        "",
        "One row is one event. Other columns are allowed and can be named as features; another final state names its "
        "own ([any resonance](../any-resonance.md)). What is repaired, dropped and refused: [input](../input.md).",
        "",
        "| column | unit | required | allowed | meaning |",
        "|---|---|---|---|---|",
    ]
    for column in COLUMNS.values():
        allowed = f"{column.low:g} to {column.high:g}".replace("-inf to inf", "any").replace(" to inf", " or more")
        needed = "yes" if column.required else ""
        lines.append(f"| `{column.name}` | {column.unit} | {needed} | {allowed} | {column.meaning} |")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    text = " ".join(text.split()).replace("|", "\\|")
    return re.sub(r"(?<![`\w])<", "&lt;", text)


def generated_pages() -> dict[str, str]:
    """Return all pages by their path in the site."""
    return {
        "reference/index.md": reference_index(),
        "reference/commands.md": commands_page(),
        "reference/configuration.md": configuration_page(),
        "reference/columns.md": columns_page(),
        **api_pages(),
    }
