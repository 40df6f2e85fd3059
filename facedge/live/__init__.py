"""Decisions over time from frames: tracking, attempts, lockout, challenge, and commands run on events."""
