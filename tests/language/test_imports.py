"""Imports: where files are found, what their blocks see, and what is said of those that fail."""

from __future__ import annotations

from pathlib import Path

from tests.language.specs import HEAD, Found, validate


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + text, encoding="utf-8")
    return folder


def names(found: Found) -> list[str]:
    return [node.name for node in found.graph.nodes]


def test_paths_are_relative_to_the_file_that_imports(tmp_path: Path) -> None:
    write(
        tmp_path,
        sub__a_yaml="imports: [b.yaml, ../c.yaml]\nblocks: {a: {layers: [b, c]}}",
        sub__b_yaml="blocks: {b: {layers: {x: relu}}}",
        c_yaml="blocks: {c: {layers: {y: tanh}}}",
    )

    found = validate("imports: [sub/a.yaml]\nlayers: [a]", folder=tmp_path)

    assert names(found) == ["0.0.x", "0.1.y"]


def test_blocks_are_not_passed_on(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_yaml="imports: [b.yaml]\nblocks: {a: {layers: [b]}}",
        b_yaml="blocks: {b: {layers: [relu]}}",
    )

    found = validate("imports: [a.yaml]\nlayers: [a, b]", folder=tmp_path)

    assert found.rules == ["layer/unknown-op"]


def test_files_may_import_each_other(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_yaml="imports: [b.yaml]\nblocks: {a: {layers: [b]}, d: {layers: [relu]}}",
        b_yaml="imports: [a.yaml, spec.yaml]\nblocks: {b: {layers: [d, own]}}",
    )
    text = "imports: [a.yaml]\nblocks: {own: {layers: [tanh]}}\nlayers: [a]"
    write(tmp_path, spec_yaml=text)

    assert names(validate(text, folder=tmp_path)) == ["0.0.0.0", "0.0.1.0"]


def test_recursion_through_files_is_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_yaml="imports: [b.yaml]\nblocks: {a: {layers: [b]}}",
        b_yaml="imports: [a.yaml]\nblocks: {b: {layers: [a]}}",
    )

    assert validate("imports: [a.yaml]\nlayers: [a]", folder=tmp_path).rules == ["block/recursion"]


def test_names_are_looked_up_in_the_file_that_wrote_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        library_yaml=(
            "params: {act: {type: layer, default: own}}\n"
            "blocks:\n"
            "  own: {layers: {library: relu}}\n"
            "  use: {params: {a: {type: layer, default: own}, b: $act}, layers: [$a, $b, own]}\n"
        ),
    )

    found = validate(
        """
        imports: [library.yaml]
        blocks: {mine: {layers: {here: tanh}}}
        layers: [use, {use: mine}, {use: {b: {mine: }}}]
        """,
        folder=tmp_path,
    )

    parts = [name.split(".")[-1] for name in names(found)]
    assert parts == ["library"] * 3 + ["here"] + ["library"] * 2 + ["library", "here", "library"]


def test_params_of_an_imported_file_are_at_their_defaults(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_yaml=(
            "params: {width: 5}\nlet: {wide: $(width + 1)}\n"
            "blocks: {b: {layers: [{conv: $wide, kernel: 1}]}}"
        ),
    )

    found = validate(
        "params: {width: 9}\nlet: {wide: 10}\nimports: [a.yaml]\nlayers: [b]",
        folder=tmp_path,
        settings={"width": 11},
    )

    assert found.graph.type_of(found.graph.outputs[0].value).sizes[0] == 6


def test_network_may_be_imported_for_its_blocks(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_yaml="input: {x: 3}\nblocks: {b: {layers: [relu]}}\nlayers: [b]\nexpect: {parameters: 9}",
    )

    assert names(validate("imports: [a.yaml]\nlayers: [b]", folder=tmp_path)) == ["0.0"]


def test_mistake_of_an_imported_file_is_reported_there(tmp_path: Path) -> None:
    write(tmp_path, a_yaml="blocks:\n  b: {layer: [relu]}\n  c: {layers: [rleu]}\n")

    found = validate("imports: [a.yaml]\nlayers: [b, c]", folder=tmp_path)

    assert found.rules == ["spec/unknown-key", "layer/unknown-op"]
    assert {Path(d.span.file).name for d in found.diagnostics} == {"a.yaml"}


def test_required_parameter_is_asked_for_only_by_a_block_that_uses_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_yaml=(
            "params: {width: int}\n"
            "blocks: {b: {layers: [{conv: $width, kernel: 1}]}, c: {layers: [relu]}}"
        ),
    )

    assert validate("imports: [a.yaml]\nlayers: [c]", folder=tmp_path).diagnostics == ()
    found = validate("imports: [a.yaml]\nlayers: [b]", folder=tmp_path)
    assert found.rules == ["imports/required-parameter"]


def test_file_that_cannot_be_read_is_one_report(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"archc: 1\nname: \xff\n")
    (tmp_path / "b.yaml").write_text("archc: [", encoding="utf-8")

    found = validate("imports: [a.yaml, b.yaml]\nlayers: [x, y]", folder=tmp_path)

    assert found.rules == ["spec/unreadable", "yaml/syntax"]


def test_names_that_no_file_can_have_are_not_found(tmp_path: Path) -> None:
    long = "a" * 5_000

    found = validate(
        f'imports: [{long}.yaml, "a\\0.yaml", ".", ""]\nlabels: {long}\nlayers: [flatten]',
        folder=tmp_path,
    )

    assert sorted(found.rules) == ["labels/not-found", *["spec/not-found"] * 4]
