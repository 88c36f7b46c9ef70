"""Packages for inference servers and platforms, one module or folder a target."""
