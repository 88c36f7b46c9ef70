"""No false alarm: what is right is silent, warnings included."""

from __future__ import annotations

from pathlib import Path

import pytest

from archc.diagnostics.reporter import Failed, Reporter
from archc.diagnostics.text import render_text
from archc.language.library import zoo_specs
from archc.pipeline.networks import Choices, validate_spec
from archc.pipeline.reading import load_spec

EXAMPLES = Path(__file__).parents[2] / "examples"
SPECS = [*zoo_specs(), *(str(path) for path in sorted(EXAMPLES.rglob("*.yaml")))]


@pytest.mark.parametrize("name", SPECS, ids=lambda name: Path(name).stem)
def test_every_variant_of_a_valid_spec_is_silent(name: str) -> None:
    reporter = Reporter()

    spec = load_spec(name, reporter)
    assert not isinstance(spec, Failed)
    graphs = validate_spec(spec, Choices(), reporter)

    assert render_text(reporter.diagnostics) == ""
    assert bool(graphs) is not spec.file.is_library
