"""Moved: facedge.faces.detect."""

from facedge.faces.detect import MIN_FACE as MIN_FACE
from facedge.faces.detect import MIN_SCORE as MIN_SCORE
from facedge.faces.detect import POLICIES as POLICIES
from facedge.faces.detect import FaceOptions as FaceOptions
from facedge.faces.detect import Policy as Policy
