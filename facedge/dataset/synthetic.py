"""Moved: facedge.demo.synthetic_dataset."""

from facedge.demo.synthetic_dataset import synthetic_face as synthetic_face
from facedge.demo.synthetic_dataset import write_photo_folders as write_photo_folders
from facedge.demo.synthetic_dataset import write_synthetic_celeba as write_synthetic_celeba
