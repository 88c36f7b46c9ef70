"""ONNX in and out: the emitter, the streaming writer, the reader, the checker and sessions."""
