"""Moved: facedge.runtime.embedder."""

from facedge.runtime.embedder import HEAD as HEAD
from facedge.runtime.embedder import VERIFIER as VERIFIER
from facedge.runtime.embedder import open_backbone as open_backbone
from facedge.runtime.embedder import open_head as open_head
from facedge.runtime.embedder import open_verifier as open_verifier
