"""Deciding over time in front of a camera: frames fused to decisions, lockout after failures, a liveness challenge."""
