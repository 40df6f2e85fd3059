"""Data sets without torch: CelebA and photo folders are read, and prepared as arrays on disk with splits."""
