"""Error rates of a verifier and of attribute predictions, with their uncertainty (numpy only).

Scores follow one rule everywhere: higher means more alike, and a comparison is accepted when `score >= threshold`.
FAR is the share of impostor comparisons accepted, FRR the share of genuine comparisons rejected; for single
comparisons ISO/IEC 19795-1 calls them FMR and FNMR. TAR is 1 - FRR.

Every interval is a 95 % interval that resamples *identities*, never images: twenty photos of one person are not twenty
independent observations.
"""
