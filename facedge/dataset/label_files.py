"""CelebA's label files: the official text files (columns separated by runs of blanks) or Kaggle's CSV files.

Liu et al., "Deep Learning Face Attributes in the Wild", ICCV 2015. Every error names the file and the line.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from facedge.dataset.attribute_names import ATTRIBUTE_NAMES
from facedge.dataset.splits import PARTITIONS
from facedge.errors import DatasetError
from facedge.types import UInt8Array

_VALUES: Final = {"1": 1, "-1": 0, "0": 0}  # official files hold -1, some copies 0
_INT32_MAX: Final = 2**31 - 1

INDEX_COLUMN: Final = "there is a column before image_id, remove it (pandas writes none with index=False)"

Row = tuple[int, list[str]]  # line number from 1, fields


@dataclass(frozen=True)
class AttributeTable:
    """The attribute file: image names in its order, and uint8 (N, 40) in the official column order."""

    names: list[str]
    values: UInt8Array


def read_attributes(path: Path) -> AttributeTable:
    """Parse list_attr_celeba.txt or .csv; raises DatasetError with file and line."""
    rows = _rows(path)
    line, fields = _first(rows, path)
    count: int | None = None
    if len(fields) == 1 and fields[0].isdecimal():
        count = int(fields[0])
        line, fields = _first(rows, path)
    columns = _columns(path, line, fields)
    names: list[str] = []
    values = bytearray()
    for line, fields in rows:
        if len(fields) != len(ATTRIBUTE_NAMES) + 1:
            raise _problem(
                path, line, f"expected an image name and {len(ATTRIBUTE_NAMES)} values, found {len(fields)} columns"
            )
        try:
            values += bytes([_VALUES[field] for field in fields[1:]])
        except KeyError as wrong:
            raise _problem(path, line, f"expected -1 or 1 in every column, found {wrong}") from None
        names.append(_image_name(path, line, fields[0]))
    _check_unique(path, names)
    if count is not None and count != len(names):
        raise _problem(path, 1, f"the file announces {count} images and lists {len(names)}: it was cut short or edited")
    if not names:
        raise DatasetError(f"{path} lists no image: expected one line per image below the header")
    table = np.frombuffer(bytes(values), dtype=np.uint8).reshape(len(names), len(ATTRIBUTE_NAMES))
    return AttributeTable(names, np.ascontiguousarray(table[:, columns]))


def read_identities(path: Path) -> dict[str, int]:
    """Parse identity_CelebA.txt or .csv: image name -> identity (0 or more)."""
    return _read_numbers(path, "an identity", _INT32_MAX)


def read_partition(path: Path) -> dict[str, int]:
    """Parse list_eval_partition.txt or .csv: image name -> 0 train, 1 validation, 2 test."""
    return _read_numbers(path, "a partition", len(PARTITIONS) - 1)


def _read_numbers(path: Path, what: str, most: int) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for order, (line, fields) in enumerate(_rows(path)):
        if len(fields) != 2:
            remedy = f": {INDEX_COLUMN}" if "image_id" in fields[1:] else ""
            raise _problem(path, line, f"expected an image name and {what}, found {len(fields)} columns{remedy}")
        name, text = fields
        if order == 0 and path.suffix.lower() == ".csv" and not text.lstrip("-").isdecimal():
            continue  # the header of a CSV
        if not (text.isascii() and text.isdecimal() and int(text) <= most):
            raise _problem(path, line, f"expected {what} from 0 to {most}, found {text!r}")
        if name in numbers:
            raise _problem(path, line, f"{name} is listed twice")
        numbers[_image_name(path, line, name)] = int(text)
    if not numbers:
        raise DatasetError(f"{path} lists no image: expected one line per image, with its name and {what}")
    return numbers


def _rows(path: Path) -> Iterator[Row]:
    """The lines of a table that are not blank, as fields; a byte order mark and both line endings are allowed."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise DatasetError(f"cannot read {path} as text ({problem}): download it again") from problem
    lines = text.split("\n")  # reading has made CRLF one character
    _check_separator(path, lines)
    if path.suffix.lower() != ".csv":
        return ((k, fields) for k, line in enumerate(lines, 1) if (fields := line.split()))
    return _csv_rows(path, lines)


def _check_separator(path: Path, lines: list[str]) -> None:
    """DatasetError where the first line with a separator has semicolons, or commas in a file that is named .txt."""
    is_csv = path.suffix.lower() == ".csv"
    line, first = next(((k, text) for k, text in enumerate(lines, 1) if set(text.strip()) & set(" \t,;")), (1, ""))
    if ";" in first and "," not in first:
        wanted = "commas" if is_csv else "blanks"
        raise _problem(path, line, f"columns are separated by semicolons: save the file with {wanted} instead")
    if not is_csv and "," in first and len(first.split()) == 1:
        raise _problem(path, line, f"columns are separated by commas: rename the file to {path.stem}.csv")


def _csv_rows(path: Path, lines: list[str]) -> Iterator[Row]:
    reader = csv.reader(lines, strict=True)
    try:
        for fields in reader:
            if fields:
                yield reader.line_num, [field.strip() for field in fields]
    except csv.Error as problem:
        raise _problem(path, reader.line_num, f"not a line of a CSV file ({problem})") from problem


def _first(rows: Iterator[Row], path: Path) -> Row:
    row = next(rows, None)
    if row is None:
        raise DatasetError(f"{path} ends before its header: download it again")
    return row


def _columns(path: Path, line: int, fields: list[str]) -> list[int]:
    """The position of each official attribute in the header; CSV files have image_id before them."""
    header = fields[1:] if fields[0] not in ATTRIBUTE_NAMES else fields
    lacking = [name for name in ATTRIBUTE_NAMES if name not in header]
    if not lacking and len(header) == len(ATTRIBUTE_NAMES):
        return [header.index(name) for name in ATTRIBUTE_NAMES]
    extra = next((name for name in header if name not in ATTRIBUTE_NAMES), None)
    if lacking:
        what = f"{lacking[0]} is not among them"
    elif extra == "image_id":
        what = INDEX_COLUMN
    else:
        what = f"{extra!r} is none of them" if extra is not None else "one occurs twice"
    raise _problem(path, line, f"expected CelebA's {len(ATTRIBUTE_NAMES)} attribute names, found {len(header)}: {what}")


def _image_name(path: Path, line: int, name: str) -> str:
    """`name` where it is a plain file name: a path could lead outside the folder of images."""
    if not name or name.startswith(".") or any(mark in name for mark in "/\\:\0"):
        raise _problem(path, line, f"expected the file name of an image, found {name!r}")
    return name


def _check_unique(path: Path, names: list[str]) -> None:
    if len(set(names)) != len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DatasetError(f"{path} lists {twice} twice: remove one of the lines")


def _problem(path: Path, line: int, what: str) -> DatasetError:
    return DatasetError(f"{path}, line {line}: {what}")
