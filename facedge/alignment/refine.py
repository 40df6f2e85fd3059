"""Moved: facedge.faces.landmarks."""

from facedge.faces.landmarks import FACE as FACE
from facedge.faces.landmarks import FACE_OF_CROP as FACE_OF_CROP
from facedge.faces.landmarks import LEAST_SCORE as LEAST_SCORE
from facedge.faces.landmarks import SAME_FACE as SAME_FACE
from facedge.faces.landmarks import WINDOW as WINDOW
from facedge.faces.landmarks import follow as follow
from facedge.faces.landmarks import refine as refine
