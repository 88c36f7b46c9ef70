"""The target `web`: a static page that classifies pictures in the browser."""

from archc.deploy.web.target import write

__all__ = ["write"]
