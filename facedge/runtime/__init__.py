"""Running a bundle: onnxruntime sessions, embeddings, decisions. Never imports torch, onnx or the command line."""
