"""Moved: facedge.faces.detect, .options and .yunet."""

from facedge.faces.detect import Face as Face
from facedge.faces.detect import choose as choose
from facedge.faces.detect import detect as detect
from facedge.faces.detect import input_side as input_side
from facedge.faces.options import MIN_FACE as MIN_FACE
from facedge.faces.options import MIN_SCORE as MIN_SCORE
from facedge.faces.options import POLICIES as POLICIES
from facedge.faces.options import Policy as Policy
from facedge.faces.yunet import Detector as Detector
from facedge.faces.yunet import default_detector as default_detector
