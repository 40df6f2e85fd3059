"""Functions for worker processes, which import them by name; test modules have no importable name."""

import os
import time


def slow_square(number: int) -> int:
    time.sleep(0.02 if number % 3 == 0 else 0)
    return number * number


def die_at_five(number: int) -> int:
    if number == 5:
        os._exit(9)  # as the kernel does when memory runs out
    return number


def fail_at_five(number: int) -> int:
    if number == 5:
        raise ValueError("five")
    return number
