"""Strict reading of JSON: a wrong value ends in one sentence naming the key, what was expected and what came."""

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from facedge.errors import BundleError

REPAIR = "export or enroll again, or fetch a clean copy"
MOST_WHOLE = 2**53  # larger integers have no exact float64, so JSON readers disagree about them (RFC 8259, section 6)
MOST_DIGITS = 17  # of a whole number, with its sign
MOST_VALUES = 1 << 19  # of one JSON file: golden.json of 3 cases of 65,536 numbers has fewer


def refuse(where: str, expected: str, got: object) -> NoReturn:
    """Raise the BundleError of a wrong value."""
    try:
        shown = repr(got)
    except (RecursionError, ValueError):  # nested too deeply; an integer of more digits than Python prints
        shown = f"a {type(got).__name__}"
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    raise BundleError(f"{where}: expected {expected}, got {shown}: {REPAIR}")


def parse_json(data: bytes, where: str) -> dict[str, Any]:
    """One JSON object: UTF-8, no duplicate keys, no NaN or Infinity, no unpaired surrogates, at most 524,288 values.

    A number without fraction and exponent, an int, lies in -2^53..2^53.
    """

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise BundleError(f"{where} has a key twice: {REPAIR}")
        return found

    def constant(name: str) -> NoReturn:
        raise BundleError(f"{where} contains {name}, which is not JSON: {REPAIR}")

    def integer(digits: str) -> int:
        found = int(digits) if len(digits) <= MOST_DIGITS else MOST_WHOLE + 1
        if abs(found) > MOST_WHOLE:
            raise BundleError(f"{where} has a whole number beyond 2^53, which JSON readers take differently: {REPAIR}")
        return found

    if data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_VALUES:  # before they take memory
        raise BundleError(f"{where} has more than {MOST_VALUES:,} values: {REPAIR}")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant, parse_int=integer)
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # fails for unpaired surrogates
    except (UnicodeError, ValueError, RecursionError) as problem:
        raise BundleError(f"{where} is not readable JSON: {REPAIR}") from problem
    if not isinstance(value, dict):
        refuse(where, "one JSON object", value)
    return value


def exact_keys(value: Mapping[str, Any], required: frozenset[str], where: str) -> None:
    """Exactly these keys: a format version fixes its keys, so another one means another writer or an edit."""
    missing = sorted(required - value.keys())
    extra = sorted(value.keys() - required)
    if missing:
        raise BundleError(f"{where} lacks {', '.join(missing)}: {REPAIR}")
    if extra:
        raise BundleError(f"{where} has unknown keys {', '.join(extra)[:80]}: {REPAIR}")


def text(value: object, where: str, *, limit: int = 2000) -> str:
    """A non-empty string of at most `limit` characters, without terminal control characters and surrogates."""
    if not isinstance(value, str) or not value.strip() or len(value) > limit:
        refuse(where, f"a text of 1 to {limit} characters", value)
    if any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 or _is_surrogate(c) for c in value):
        refuse(where, "a text without control characters", value)
    return value


def whole(value: object, where: str, *, least: int = 0, most: int = MOST_WHOLE) -> int:
    """An integer (not a bool) in [least, most]."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        span = f"of at least {least}" if most == MOST_WHOLE else f"from {least} to {most}"
        refuse(where, f"a whole number {span}", value)
    return value


def number(value: object, where: str, *, least: float = 0.0, most: float = 1.0) -> float:
    """A finite number (not a bool) in [least, most]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:  # NaN included
        refuse(where, f"a number from {least:g} to {most:g}", value)
    return float(value)


def flag(value: object, where: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        refuse(where, "true or false", value)
    return value


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        refuse(where, "a JSON object", value)
    return value


def sha256_hex(value: object, where: str) -> str:
    """64 lower-case hex digits."""
    if not isinstance(value, str) or len(value) != 64 or set(value) - set("0123456789abcdef"):
        refuse(where, "64 lower-case hex digits", value)
    return value


def json_value(value: object, where: str, depth: int = 0) -> object:
    """Plain JSON: finite numbers, text, booleans, null, lists and objects; tuples become lists."""
    if depth > 8:
        refuse(where, "at most 8 levels of nesting", "more")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and not any(map(_is_surrogate, value)):
        return value
    if isinstance(value, int) and abs(value) <= MOST_WHOLE:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [json_value(item, where, depth + 1) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: json_value(item, f"{where}.{key[:80]}", depth + 1) for key, item in value.items()}
    refuse(where, "a JSON value with finite numbers", value)


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
