"""Moved: facedge.faces.similarity."""

from facedge.faces.similarity import TARGET as TARGET
from facedge.faces.similarity import Sampling as Sampling
from facedge.faces.similarity import fit_similarity as fit_similarity
from facedge.faces.similarity import sampling_for as sampling_for
