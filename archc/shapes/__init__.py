"""Sizes in normal form, what is decided about them, tensor types and window arithmetic."""
