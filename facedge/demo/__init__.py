"""Drawn faces and the summary of `facedge demo`: everything that needs no real photos."""
