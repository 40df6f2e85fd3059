"""From torch to the bundle: ONNX, parity, quantization, calibration. torch and onnx live here and in `train` only.

assemble.py             the order of it all: a request in, a bundle out
backbone.py             torch -> backbone.onnx, head.onnx
parity.py, checks.py    what an export must prove: torch, the files and verifier.onnx answer alike
preprocessing_graph.py, verifier.py, graph_builder.py
                        verifier.onnx: any H and W, the kernel's bits
evaluate.py, calibrate.py
                        figures on held-out faces; the threshold and the evidence for it
quantize.py, int8.py    backbone.int8.onnx, and the gate it has to pass
"""
