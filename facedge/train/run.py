"""Moved: facedge.train.run_folder, and load_head to facedge.train.face_head."""

from facedge.train.face_head import load_head as load_head
from facedge.train.run_folder import embed_faces as embed_faces
from facedge.train.run_folder import load_backbone as load_backbone
from facedge.train.run_folder import read_backbone_config as read_backbone_config
from facedge.train.run_folder import read_metrics as read_metrics
from facedge.train.run_folder import save_weights as save_weights
from facedge.train.run_folder import weights_sha256 as weights_sha256
from facedge.train.run_folder import write_config as write_config
