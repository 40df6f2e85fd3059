"""Open a lock for three seconds at each accept: a relay at a Raspberry Pi's pin, by gpiozero.

facedge verify --camera 0 -b ana --watch --on-accept 'python3 open_lock.py'

Needs gpiozero, which Raspberry Pi OS brings (elsewhere pip install gpiozero, and a pin library such as lgpio).
facedge runs this program at each accept, with the event as JSON on its stdin. The pin is in LOCK_PIN (17 by default).
A relay that needs a low level to switch: LOCK_ACTIVE_LOW=1.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

SECONDS = 3.0


def open_lock(event: Mapping[str, Any], pin: int, seconds: float = SECONDS, *, active_low: bool = False) -> bool:
    """Switch the relay on for so many seconds; False, with the lock shut, for any event but an accept."""
    if event.get("event") != "accept":
        return False
    from gpiozero import OutputDevice

    with OutputDevice(pin, active_high=not active_low, initial_value=False) as relay:
        relay.on()
        time.sleep(seconds)
        relay.off()
    return True


def main() -> int:
    """Read the event, and open; exit code 1 for what is no accept, so that a wrong call never opens."""
    try:
        event = json.load(sys.stdin)
    except json.JSONDecodeError:
        event = {}
    pin, active_low = int(os.environ.get("LOCK_PIN", "17")), os.environ.get("LOCK_ACTIVE_LOW") == "1"
    return 0 if isinstance(event, dict) and open_lock(event, pin, active_low=active_low) else 1


if __name__ == "__main__":
    sys.exit(main())
