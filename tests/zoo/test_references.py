"""The committed facts are what the reference implementations say today."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zoo.variants import GOLDEN, TABLES, VARIANTS

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("name", VARIANTS)
def test_table_is_current(name: str) -> None:
    from tools.reference_tables import as_text, facts

    assert as_text(facts(name)) == (TABLES / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_answers_are_current(name: str) -> None:
    from tools.golden_answers import golden_text

    path = Path(__file__).parent / "golden" / f"{name}.json"
    committed, current = _numbers(path.read_text(encoding="utf-8")), _numbers(golden_text(name))
    assert committed == pytest.approx(current, rel=1e-6, abs=1e-8)


def _numbers(text: str) -> list[float]:
    cleaned = "".join(c if c in "0123456789.e+-" else " " for c in text)
    return [float(word) for word in cleaned.split() if word[-1].isdigit()]
