"""The zoo's folders: how specs and variants in them are called, imported and suggested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import archc
from archc import SpecError
from archc.language import library
from tests.language.specs import HEAD

NETWORK = "params: {out: 4}\nvariants:\n  small: {out: 2}\ninput: {x: [3, 8, 8]}\n"


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A zoo of our own: a library, a network, and a folder with a network of the same name."""
    monkeypatch.setattr(library, "zoo_folder", lambda: tmp_path / "zoo")
    files = {
        "parts": "blocks: {part: {layers: {x: relu}}}",
        "net": f"{NETWORK}layers: [{{conv: $out, kernel: 1}}]",
        "other/parts": "blocks: {other_part: {layers: {y: tanh}}}",
        "other/net": f"imports: [parts.yaml, parts]\n{NETWORK}layers: [part, other_part]",
        "other/deep/lone": f"imports: [other/parts]\n{NETWORK}layers: [other_part]",
    }
    for name, text in files.items():
        path = tmp_path / "zoo" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + text, encoding="utf-8")
    library.zoo_variants.cache_clear()
    yield tmp_path / "zoo"
    library.zoo_variants.cache_clear()


def said(name: str | Path) -> list[str]:
    with pytest.raises(SpecError) as raised:
        archc.load(name)
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.rule.slug == "spec/not-found"
    return [diagnostic.message, *diagnostic.helps]


@pytest.mark.usefixtures("zoo")
def test_specs_and_variants_are_called_by_their_folder() -> None:
    assert library.zoo_specs() == ("net", "other/deep/lone", "other/net", "other/parts", "parts")
    assert library.zoo_variants() == {
        "small": "net",
        "other/small": "other/net",
        "other/deep/small": "other/deep/lone",
    }


@pytest.mark.usefixtures("zoo")
def test_a_variant_is_found_in_its_own_folder() -> None:
    assert [node.name for node in archc.elaborate("small").nodes] == ["0"]
    assert [node.name for node in archc.elaborate("other/small").nodes] == ["0.x", "1.y"]
    assert archc.elaborate("other/small").variant == "small"


@pytest.mark.usefixtures("zoo")
def test_imports_are_looked_up_beside_the_file_and_then_by_their_whole_name() -> None:
    assert [node.name for node in archc.elaborate("other/net").nodes] == ["0.x", "1.y"]
    assert [node.name for node in archc.elaborate("other/deep/lone").nodes] == ["0.y"]


@pytest.mark.usefixtures("zoo")
def test_a_name_of_another_folder_is_suggested() -> None:
    missing = "there is no file or built-in spec"
    assert said("lone") == [f"{missing} `lone`", "did you mean `other/deep/lone`?"]
    assert said("otter/small") == [
        f"{missing} `otter/small`",
        "did you mean `small` or `other/deep/small` or `other/small`?",
    ]
    assert said("other/smal") == [f"{missing} `other/smal`", "did you mean `other/small`?"]


def test_no_name_leads_out_of_the_zoo(zoo: Path) -> None:
    (zoo.parent / "outside.yaml").write_text(f"{HEAD}{NETWORK}layers: [relu]", encoding="utf-8")
    for name in ("../outside", str(zoo.parent / "outside"), "other//net", "other/../net"):
        assert said(name)[0].endswith(f"`{name}`")
