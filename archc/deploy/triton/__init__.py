"""Packages for NVIDIA's Triton Inference Server, and checks of its model repositories."""

from archc.deploy.triton.check import check_repository
from archc.deploy.triton.target import add_version, write

__all__ = ["add_version", "check_repository", "write"]
