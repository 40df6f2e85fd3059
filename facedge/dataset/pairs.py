"""Moved: facedge.dataset.lfw."""

from facedge.dataset.lfw import LfwPairs as LfwPairs
from facedge.dataset.lfw import read_lfw_pairs as read_lfw_pairs
