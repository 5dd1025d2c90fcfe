"""Networks by name: their layers, their weights, and their export to ONNX."""
