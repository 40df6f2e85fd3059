"""Numbers as people read them."""


def percent(rate: float | None, digits: int | None = None) -> str:
    """0.8964 -> 89.6 %; small rates keep two significant digits; a dash where there is none."""
    if rate is None:
        return "–"
    if digits is None:
        digits = 1 if rate == 0 or rate >= 0.01 else 2 if rate >= 0.001 else 3 if rate >= 0.0001 else 4
    return f"{100 * rate:.{digits}f} %"


def rate(value: float) -> str:
    """A round rate, as one asks for it: 0.001 -> 0.1 %."""
    return f"{100 * value:.6g} %"


def interval(low: float | None, high: float | None, digits: int | None = None) -> str:
    """A range of percentages: 68.1 to 74.0 %."""
    if low is None or high is None:
        return "–"
    return f"{percent(low, digits).removesuffix(' %')} to {percent(high, digits)}"


def count(number: int) -> str:
    """7,104,510, with narrow spaces between the thousands."""
    return f"{number:,}".replace(",", "\u202f")


def spaced(name: str) -> str:
    """Mouth_Slightly_Open -> Mouth slightly open."""
    words = name.replace("_o_Clock", " o’clock").replace("_", " ").strip()
    return words[:1].upper() + words[1:].lower() if words else name
