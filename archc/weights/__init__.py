"""Checkpoints read without their frameworks, and weights drawn where there is no checkpoint."""
