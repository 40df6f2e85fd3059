"""Deciding over time before a camera: frames fused into one decision, failures counted, a turn of the head asked."""
