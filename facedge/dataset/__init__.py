"""Datasets without torch: CelebA and photo folders in, arrays on disk, splits and pairs out."""
