"""Moved: facedge.bundle.json_fields."""

from facedge.bundle.json_fields import exact_keys as exact_keys
from facedge.bundle.json_fields import mapping as mapping
from facedge.bundle.json_fields import number as number
from facedge.bundle.json_fields import parse_json as parse_json
from facedge.bundle.json_fields import refuse as refuse
from facedge.bundle.json_fields import text as text
from facedge.bundle.json_fields import whole as whole
