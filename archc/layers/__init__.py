"""The layers: one file a family of ops, its arguments, shapes, weights and ONNX form together."""
