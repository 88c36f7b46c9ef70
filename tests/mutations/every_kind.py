"""Every way to break a spec, by its name."""

from __future__ import annotations

from tests.mutations import lines, names, values
from tests.mutations.kinds import KINDS

SOURCES = (names, values, lines)
"""The modules that enter their kinds as they are imported."""

EVERY_KIND = dict(KINDS)
