"""Numbers as text, the same in the command line, the model card and the report."""


def percent(rate: float | None, digits: int | None = None) -> str:
    """0.8964 -> "89.6 %"; rates below 1 % keep two significant digits; "-" for None."""
    if rate is None:
        return "-"
    if digits is None:
        digits = 1 if rate == 0 or rate >= 0.01 else 2 if rate >= 0.001 else 3 if rate >= 0.0001 else 4
    return f"{100 * rate:.{digits}f} %"


def rate(value: float) -> str:
    """A rate that somebody asked for, without trailing zeros: 0.001 -> "0.1 %"."""
    return f"{100 * value:.6g} %"


def interval(low: float | None, high: float | None, digits: int | None = None) -> str:
    """An interval of rates: "68.1 to 74.0 %"; "-" where an end is None."""
    if low is None or high is None:
        return "-"
    return f"{percent(low, digits).removesuffix(' %')} to {percent(high, digits)}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A rate and its interval: "56.6 % (52.9 to 60.3)"; the rate alone where there is no interval."""
    if value is None or low is None or high is None:
        return percent(value)
    return f"{percent(value)} ({interval(low, high).removesuffix(' %')})"


def counted(number: int, one: str, several: str = "") -> str:
    """A number and its noun: "1 person", "2 people", "3,195 photos"."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def label_text(name: str) -> str:
    """An attribute name as text: "Mouth_Slightly_Open" -> "Mouth slightly open"."""
    words = name.replace("_o_Clock", " o’clock").replace("_", " ").strip()
    return words[:1].upper() + words[1:].lower() if words else name


def file_size(size: int) -> str:
    """Bytes: "21,230 B" up to 99,999, then "1,499 kB", from 10 MB on "12.3 MB" (decimal units)."""
    if size < 100_000:
        return f"{size:,} B"
    return f"{size / 1000:,.0f} kB" if size < 10_000_000 else f"{size / 1e6:,.1f} MB"


JOINERS = "\u200c\u200d"  # zero-width joiners part and join letters in Persian and Indic names


def printable(text: object, keep: str = "") -> str:
    """Text as one line that is safe on a terminal and in any encoding of Unicode: other characters become escapes.

    Control characters (line ends, escape sequences), invisible and direction-changing ones and unpaired surrogates are
    written as in a Python string: "\\n", "\\x1b", "\\u202e". A byte of a file name that is no UTF-8 is "\\xff".
    keep: characters that stay as they are.
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in JOINERS or c in keep else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # os.fsdecode puts an undecodable byte there (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
