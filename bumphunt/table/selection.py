"""Rows chosen by an expression such as ``mj1 > 50 and tau21_1 < 0.5``, which can do nothing else."""

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.table.columns import LABEL, closest_column

BoolArray = npt.NDArray[np.bool_]

LONGEST = 1000
"""Characters that an expression may have."""
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_BOOLEAN: dict[type, Callable[[Any, Any], Any]] = {
    ast.And: operator.and_,
    ast.Or: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}


def select_rows(table: pd.DataFrame, expression: str, *, name: str = "events") -> BoolArray:
    """Return which rows fulfil an expression, shape (rows,).

    Parameters
    ----------
    table : pandas.DataFrame
        The events.
    expression : str
        Comparisons of columns and numbers with ``< <= > >= == !=``, arithmetic ``+ - * / **``, joined by
        ``and``, ``or``, ``not`` (or ``& | ~``). Nothing else is evaluated: no calls, no attributes, no texts.
    name : str
        What to call the table in messages.

    Raises
    ------
    InputError
        If the expression is anything else, names no column, or is not true or false for each row.

    Examples
    --------
    >>> select_rows(pd.DataFrame({"mj1": [40.0, 60.0], "mj2": [10.0, 20.0]}), "50 < mj1 and mj2 / mj1 < 0.5")
    array([False,  True])
    """
    if len(expression) > LONGEST:
        raise InputError(f"select: the expression has {len(expression)} characters; {LONGEST} are allowed")
    try:
        # as in pandas' queries, & and | bind like the words, so that comparisons need no brackets
        tree = ast.parse(expression.replace("&", " and ").replace("|", " or ").strip(), mode="eval")
        with np.errstate(all="ignore"):
            mask = _Evaluator(table, expression, name).value(tree.body)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise InputError(
            f"select: {expression!r} cannot be read; write it like 'mj1 > 50 and tau21_1 < 0.5'"
        ) from error
    if not (isinstance(mask, np.ndarray) and mask.dtype == np.bool_):
        raise InputError(
            f"select: {expression!r} is not true or false for each event; compare a column, as in 'mj1 > 50'"
        )
    return mask


class _Evaluator:
    """Walks an expression and knows only what is allowed."""

    def __init__(self, table: pd.DataFrame, expression: str, name: str) -> None:
        self.table, self.expression, self.name = table, expression, name

    def value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            return self._column(node.id)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return float(node.value)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.BoolOp):
            parts = [self._mask(part) for part in node.values]
            join = _BOOLEAN[type(node.op)]
            joined = parts[0]
            for part in parts[1:]:
                joined = join(joined, part)
            return joined
        if isinstance(node, ast.Compare):
            return self._compare(node)
        raise self._refusal(node)

    def _column(self, column: str) -> Any:
        if column == LABEL:
            raise InputError(f"select: {LABEL!r} is truth and must not choose events; use another column")
        if column not in self.table.columns:
            found = ", ".join(map(str, self.table.columns))
            near = closest_column(column, map(str, self.table.columns))
            meant = "" if near is None else f"; did you mean {near!r}?"
            raise InputError(f"{self.name}: select names {column!r}, which is not a column (found: {found}){meant}")
        values = self.table[column]
        if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_complex_dtype(values):
            raise InputError(f"{self.name}: select names {column!r}, which does not hold numbers ({values.dtype})")
        return values.to_numpy(dtype=np.float64, na_value=np.nan)

    def _unary(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not | ast.Invert):
            return ~self._mask(node.operand)
        value = self._number(node.operand)
        return -value if isinstance(node.op, ast.USub) else value

    def _binary(self, node: ast.BinOp) -> Any:
        if type(node.op) in _BOOLEAN:
            return _BOOLEAN[type(node.op)](self._mask(node.left), self._mask(node.right))
        left, right = self._number(node.left), self._number(node.right)
        if isinstance(node.op, ast.Pow):
            return np.power(left, right)
        if type(node.op) not in _ARITHMETIC:
            raise self._refusal(node)
        if isinstance(node.op, ast.Div):
            return np.divide(left, right)
        return _ARITHMETIC[type(node.op)](left, right)

    def _compare(self, node: ast.Compare) -> Any:
        values = [self._number(part) for part in (node.left, *node.comparators)]
        if not all(type(op) in _COMPARISONS for op in node.ops):
            raise self._refusal(node)
        mask = np.ones(len(self.table), dtype=np.bool_)
        for op, left, right in zip(node.ops, values[:-1], values[1:], strict=True):
            mask &= _COMPARISONS[type(op)](left, right)
        return mask

    def _mask(self, node: ast.expr) -> Any:
        value = self.value(node)
        if not (isinstance(value, np.ndarray) and value.dtype == np.bool_):
            raise self._refusal(node, "is not true or false; compare it with a number")
        return value

    def _number(self, node: ast.expr) -> Any:
        value = self.value(node)
        if isinstance(value, np.ndarray) and value.dtype == np.bool_:
            raise self._refusal(node, "is true or false, not a number; put it in brackets beside 'and'")
        return value

    def _refusal(
        self, node: ast.expr, why: str = "is not allowed; use columns, numbers, comparisons, and/or/not"
    ) -> InputError:
        return InputError(f"select: {ast.unparse(node)!r} in {self.expression!r} {why}")
