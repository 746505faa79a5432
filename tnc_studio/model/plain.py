"""Values of the model as JSON and back, by their type annotations: what comes back may come from anywhere.

Only what a type allows is accepted, nothing is executed, and unknown fields of an object are left out, so that files of
other versions stay readable.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from codec.errors import InputError

T = TypeVar("T")
INFINITIES = {"inf": math.inf, "-inf": -math.inf}
MAX_GRID = 1 << 20
"""Largest number of values in a grid."""


def to_plain(value: object) -> Any:
    """Value as JSON types: dataclasses as objects, enums as their value, grids as lists of rows, infinity as a text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field for field in dataclasses.fields(value) if field.init]
        return {field.name: to_plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.ndarray | np.generic):
        return to_plain(value.tolist())
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, Mapping):
        return {str(key): to_plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(entry) for entry in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} has no plain form")


def from_plain(kind: type[T] | Any, plain: object, where: str) -> T:
    """Value of a type from its plain form.

    Parameters
    ----------
    kind : type
        A dataclass, enum, tuple, mapping, optional, `numpy.ndarray` (a grid of whole numbers), or a simple type.
    plain : object
        From `json.loads`.
    where : str
        Names the value in errors.

    Raises
    ------
    InputError
        If the plain form does not fit the type, or the type itself refuses the values.
    """
    try:
        value: T = _read(kind, plain, where)
    except InputError:
        raise
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InputError(f"makes no sense: {error}", where=where) from error
    return value


def _read(kind: Any, plain: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _read_union(kind, plain, where)
    if origin is not None and origin.__name__ == "Literal":
        return _checked(plain, plain in get_args(kind), where)
    if origin is tuple:
        return _read_tuple(get_args(kind), plain, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key_kind, value_kind = get_args(kind)
        _checked(plain, isinstance(plain, dict), where)
        read_key = int if key_kind is int else str
        return {read_key(key): _read(value_kind, value, f"{where}.{key}") for key, value in plain.items()}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        _checked(plain, isinstance(plain, list), where)
        return [_read(get_args(kind)[0], entry, where) for entry in plain]
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(kind, plain, where)
    return _read_simple(kind, plain, where)


def _read_simple(kind: Any, plain: Any, where: str) -> Any:
    if kind is np.ndarray:
        return _read_grid(plain, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        _checked(plain, plain in [member.value for member in kind], where)
        return kind(plain)
    if kind in (object, Any):
        return plain
    if kind is float:
        if isinstance(plain, str):
            _checked(plain, plain in INFINITIES, where)
            return INFINITIES[plain]
        _checked(plain, isinstance(plain, int | float) and not isinstance(plain, bool), where)
        return float(_checked(plain, math.isfinite(plain), where))
    if kind in (bool, int, str):
        return _checked(plain, type(plain) is kind, where)
    raise TypeError(f"{kind} cannot be read")


def _read_union(kind: Any, plain: Any, where: str) -> Any:
    choices = get_args(kind)
    if plain is None and type(None) in choices:
        return None
    trouble: InputError | None = None
    for choice in choices:
        if choice is not type(None):
            try:
                return _read(choice, plain, where)
            except InputError as error:
                trouble = error
    raise trouble or InputError("has no value", where=where)


def _read_tuple(kinds: tuple[Any, ...], plain: Any, where: str) -> tuple[Any, ...]:
    _checked(plain, isinstance(plain, list), where)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_read(kinds[0], entry, where) for entry in plain)
    _checked(plain, len(plain) == len(kinds), where)
    return tuple(_read(one, entry, where) for one, entry in zip(kinds, plain, strict=True))


def _read_dataclass(kind: Any, plain: Any, where: str) -> Any:
    _checked(plain, isinstance(plain, dict), where)
    hints = get_type_hints(kind)
    values = {
        field.name: _read(hints[field.name], plain[field.name], f"{where}.{field.name}")
        for field in dataclasses.fields(kind)
        if field.init and field.name in plain
    }
    return kind(**values)


def _read_grid(plain: Any, where: str) -> np.ndarray:
    _checked(plain, isinstance(plain, list) and bool(plain) and all(isinstance(row, list) for row in plain), where)
    width = len(plain[0])
    fits = width > 0 and len(plain) * width <= MAX_GRID and all(len(row) == width for row in plain)
    whole = fits and all(type(value) is int and -(1 << 15) <= value < 1 << 15 for row in plain for value in row)
    _checked(plain, whole, where)
    return np.array(plain, np.int16)


def _checked(plain: Any, valid: bool, where: str) -> Any:
    if not valid:
        shown = repr(plain)
        raise InputError(f"cannot be {shown if len(shown) <= 40 else shown[:40] + '...'}", where=where)
    return plain
