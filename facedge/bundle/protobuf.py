"""The protobuf wire format, as much of it as ONNX files need: reading fields, writing fields.

A message is a sequence of fields; a field is a key (field number and wire type, one varint) and a value. Source:
https://protobuf.dev/programming-guides/encoding/. Neither the protobuf nor the onnx package is needed on a device.
"""

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # wire types
MOST_FIELD_NUMBER = (1 << 29) - 1  # protobuf's limit; some parsers cut larger numbers off and read another field


class ProtobufError(ValueError):
    """The bytes do not parse as protobuf."""


class Field(NamedTuple):
    """One field: `value` holds a varint (else 0); the content is data[start:end], key included data[begin:end]."""

    number: int
    wire: int
    value: int
    begin: int
    start: int
    end: int


def fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """The fields of the message data[start:end], in order; ProtobufError where the bytes are no message."""
    at, end = start, len(data) if end is None else end
    while at < end:
        begin = at
        key, at = _read_varint(data, at, end)
        number, wire = key >> 3, key & 7
        value, content = 0, at
        if wire == VARINT:
            value, at = _read_varint(data, at, end)
        elif wire == LENGTH:
            length, content = _read_varint(data, at, end)
            at = content + length
        elif wire in (FIXED64, FIXED32):
            at += 8 if wire == FIXED64 else 4
        else:
            raise ProtobufError(f"wire type {wire}")
        if at > end:
            raise ProtobufError("cut short")
        if not 1 <= number <= MOST_FIELD_NUMBER:
            raise ProtobufError(f"field {number}")
        yield Field(number, wire, value, begin, content, at)


def messages(data: bytes, number: int) -> Iterator[bytes]:
    """The contents of the length-delimited fields of this number."""
    return (data[f.start : f.end] for f in fields(data) if f.number == number and f.wire == LENGTH)


def first_message(data: bytes, number: int) -> bytes:
    """The content of the first length-delimited field of this number; KeyError where there is none."""
    for content in messages(data, number):
        return content
    raise KeyError(number)


def _read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at < end and data[at] < 0x80:  # the most common case: a bundle is read at every start
        return data[at], at + 1
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise ProtobufError("cut short")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ProtobufError("a varint of more than 10 bytes")


def number_field(number: int, value: int) -> bytes:
    """A field with a varint, of a value of at least 0."""
    return _varint(number << 3 | VARINT) + _varint(value)


def message_field(number: int, content: bytes) -> bytes:
    """A length-delimited field: a message, bytes, or packed numbers."""
    return _varint(number << 3 | LENGTH) + _varint(len(content)) + content


def text_field(number: int, text: str) -> bytes:
    """A string field, UTF-8."""
    return message_field(number, text.encode())


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
