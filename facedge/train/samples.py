"""Moved: facedge.train.data."""

from facedge.train.data import load_samples as load_samples
