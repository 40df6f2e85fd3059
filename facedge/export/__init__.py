"""From torch to the bundle: ONNX, parity, calibration, quantization. torch and onnx only here and in `train`.

bundle.py           export in order: a run folder in, a bundle out
onnx.py             torch -> backbone.onnx, head.onnx
verifier_graph.py   verifier.onnx: preprocessing for any H and W with the kernel's bits, backbone and head in one graph
parity.py           the comparison of torch, the files and verifier.onnx, and its images
adopt.py            `facedge adopt` in order: a recogniser by another maker in, a bundle out
recogniser.py       such a recogniser's ONNX file -> backbone.onnx: its input, attributes from its maps
held_out.py         figures of an exported backbone on held-out faces
calibrate.py        the threshold of a head, the evidence for it, and the cohort
calibration_table.py  calibration.json: the thresholds of enrollments, and what conditions ask of them
rounding.py         weights and cohort in fewer bits, for a smaller package
convert.py          `facedge bundle convert`: verifier.onnx for an older bundle; imports neither torch nor onnx
int8.py             backbone.int8.onnx, and the gate it has to pass
"""
