"""Moved: facedge.preprocessing.reference."""

from facedge.preprocessing.reference import GREY_MIDDLE as GREY_MIDDLE
from facedge.preprocessing.reference import GREY_SCALE as GREY_SCALE
from facedge.preprocessing.reference import LUMA_ONE as LUMA_ONE
from facedge.preprocessing.reference import WEIGHT_ONE as WEIGHT_ONE
from facedge.preprocessing.reference import accumulate as accumulate
from facedge.preprocessing.reference import normalise as normalise
from facedge.preprocessing.reference import to_bytes as to_bytes
