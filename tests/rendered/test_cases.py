"""Every rule as a terminal shows it: exact texts, one for each rule at least.

The case of a rule is a scenario, or else the wrong example of its page.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from archc.cli.main import main
from archc.diagnostics.text import render_text
from archc.explanations.declared import slugs
from archc.explanations.explanation import diagnose
from archc.explanations.page import read_page, slugs_of_pages
from tests.conftest import Golden
from tests.rendered import scenarios
from tests.rendered.scenarios import SCENARIOS, Case

HERE = Path(__file__).parent
for _module in pkgutil.iter_modules(scenarios.__path__, f"{scenarios.__name__}."):
    importlib.import_module(_module.name)

PAGES = slugs_of_pages()
SPECS = {slug: pair for slug in PAGES if slug not in SCENARIOS and (pair := read_page(slug).specs)}
CASES = sorted({*SCENARIOS, *SPECS})


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """Gives back what a command sets for its whole process."""
    thresholds = gc.get_threshold()
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    umask = os.umask(0o022)
    yield
    os.umask(umask)
    gc.set_threshold(*thresholds)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_every_rule_has_a_page() -> None:
    _assert_none({*slugs()} - {*PAGES})


def test_every_page_is_of_a_rule() -> None:
    _assert_none({*PAGES} - {*slugs()})


def test_every_rule_has_a_case() -> None:
    _assert_none({*slugs()} - {*CASES})


def test_every_scenario_is_of_a_rule() -> None:
    _assert_none({*SCENARIOS} - {*slugs()})


def test_every_text_belongs_to_a_case() -> None:
    texts = {path.relative_to(HERE).with_suffix("").as_posix() for path in HERE.rglob("*.out")}
    _assert_none(texts - {*CASES})


def _assert_none(found: set[str]) -> None:
    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize("slug", PAGES)
def test_page_has_a_wrong_and_a_corrected_example(slug: str) -> None:
    page = read_page(slug)
    assert page.wrong
    assert page.corrected


@pytest.mark.parametrize("slug", CASES)
def test_message_is_as_reviewed(
    slug: str,
    golden: Golden,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if slug in SCENARIOS:
        text = _played(SCENARIOS[slug], tmp_path, capfd)
    else:
        text = render_text(diagnose(SPECS[slug][0]), width=100, color=False)
    assert text.count(f"[{slug}]: ") == 1
    assert str(tmp_path) not in text
    assert str(HERE.parents[1]) not in text
    golden(HERE / f"{slug}.out", f"{text.rstrip()}\n")


def _played(case: Case, folder: Path, capfd: pytest.CaptureFixture[str]) -> str:
    scene = case.scenario(folder)
    if isinstance(scene, tuple):
        text = render_text(scene, width=100, color=False)
    else:
        capfd.readouterr()
        main(scene)
        text = capfd.readouterr().err
    for pattern, shown in case.masks:
        text = re.sub(pattern, shown, text)
    return text


@pytest.mark.parametrize("slug", SPECS)
def test_wrong_example_breaks_its_rule_alone(slug: str) -> None:
    assert [found.rule.slug for found in diagnose(SPECS[slug][0])] == [slug]


@pytest.mark.parametrize("slug", SPECS)
def test_corrected_example_is_silent(slug: str) -> None:
    assert diagnose(SPECS[slug][1]) == ()
