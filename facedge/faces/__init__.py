"""Faces in photos: detection, landmarks, alignment, and the quality of a crop."""
