"""Moved: facedge.train.backbone, facedge.train.config and facedge.train.face_head."""

from facedge.train.backbone import train_backbone as run_backbone
from facedge.train.config import BackboneRequest as BackboneRequest
from facedge.train.face_head import HeadRequest as HeadRequest
from facedge.train.face_head import train_face_head as run_head

__all__ = ["BackboneRequest", "HeadRequest", "run_backbone", "run_head"]
