"""Moved: facedge.faces.quality."""

from facedge.faces.quality import ADVICE as ADVICE
from facedge.faces.quality import LEAST_BRIGHTNESS as LEAST_BRIGHTNESS
from facedge.faces.quality import LEAST_CONTRAST as LEAST_CONTRAST
from facedge.faces.quality import LEAST_EYES as LEAST_EYES
from facedge.faces.quality import LEAST_SHARPNESS as LEAST_SHARPNESS
from facedge.faces.quality import MOST_BRIGHTNESS as MOST_BRIGHTNESS
from facedge.faces.quality import MOST_YAW as MOST_YAW
from facedge.faces.quality import Measures as Measures
from facedge.faces.quality import eye_distance as eye_distance
from facedge.faces.quality import fault as fault
from facedge.faces.quality import measure as measure
from facedge.faces.quality import yaw as yaw
