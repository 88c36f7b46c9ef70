"""Pages are read into what is said, the wrong and the corrected examples."""

from __future__ import annotations

from archc.explanations.page import Fence, Page, parse_page, read_page

SPEC = "layers:\n\n  - relu\n"


def page(wrong: str, corrected: str, more: str = "") -> Page:
    return parse_page(f"{more}Wrong:\n\n{wrong}\nCorrected:\n\n{corrected}")


def test_page_without_sentences_has_examples() -> None:
    found = page(f"```yaml\n{SPEC}```\n", "```yaml\nlayers: []\n```\n")

    assert found.more == ()
    assert found.wrong == (Fence("yaml", SPEC),)
    assert found.specs == (SPEC, "layers: []\n")


def test_paragraphs_stand_before_and_between_examples() -> None:
    found = page(
        "```console\n$ a\n```\nor\n```console\n$ b\n```\n", "```json\n{}\n```\n", "One\ntwo.\n\n"
    )

    assert found.more == ("One\ntwo.",)
    assert found.wrong == (Fence("console", "$ a\n"), "or", Fence("console", "$ b\n"))
    assert found.corrected == (Fence("json", "{}\n"),)
    assert found.specs is None


def test_words_of_a_page_may_stand_in_an_example() -> None:
    found = page("```text\nCorrected:\n```\n", "```text\nWrong:\n```\n")

    assert found.wrong == (Fence("text", "Corrected:\n"),)
    assert found.corrected == (Fence("text", "Wrong:\n"),)


def test_examples_of_several_files_are_no_spec() -> None:
    file = f"```yaml\n{SPEC}```\n"

    assert page(file + file, file).specs is None
    assert page("```console\n$ a\n```\n" + file, file).specs is None


def test_rule_without_a_page_has_an_empty_one() -> None:
    assert read_page("no-such/rule") == Page()
