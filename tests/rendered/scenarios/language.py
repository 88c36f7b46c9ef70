"""Scenarios of specs that take several files, a command, or more text than a page shows."""

from __future__ import annotations

from pathlib import Path

from tests.rendered.scenarios import Scene, scenario

HEADER = "archc: 1\nname: net\ninput: {image: [3, 32, 32]}\n"
LAUGHS = "layers:\n  - &l0 [relu, relu]\n" + "".join(
    f"  - &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]\n" for i in range(1, 7)
)


def _validate(text: str) -> Scene:
    Path("net.yaml").write_text(text, encoding="utf-8")
    return ["validate", "net.yaml"]


def _expand(text: str) -> Scene:
    Path("net.yaml").write_text(f"archc: 1\nname: net\n{text}", encoding="utf-8")
    return ["expand", "net.yaml"]


@scenario("expand/size-not-found")
def size_not_found(folder: Path) -> Scene:
    return _expand("""\
input: {image: [4, H, W]}
blocks:
  inner: {params: {height: int}, layers: {up: {upsample: {size: [$height, $input.width]}}}}
  outer: {layers: {conv: {conv: 4, kernel: 3}, inner: {inner: $input.height}}}
layers: {stem: {conv: 4, kernel: 3}, outer: outer}
""")


@scenario("expand/weights-left-out")
def weights_left_out(folder: Path) -> Scene:
    return _expand("""\
input: {image: [4, 8, 8]}
layers:
  a: {conv: 4, kernel: 1}
  b: {conv: 4, kernel: 1, weights: a, from: image}
""")


@scenario("imports/itself")
def import_of_itself(folder: Path) -> Scene:
    return _validate(f"{HEADER}imports: [net.yaml]\nlayers: [relu]\n")


@scenario("imports/required-parameter")
def import_of_a_required_parameter(folder: Path) -> Scene:
    parts = "blocks:\n  stem: {layers: [{conv: $width, kernel: 3}, relu]}\n"
    Path("parts.yaml").write_text(
        f"archc: 1\nname: parts\nparams: {{width: int}}\n{parts}", encoding="utf-8"
    )
    return _validate(f"{HEADER}imports: [parts.yaml]\nlayers: [stem]\n")


@scenario("spec/library")
def library(folder: Path) -> Scene:
    text = "archc: 1\nname: parts\nblocks: {stem: {layers: [relu]}}\n"
    Path("parts.yaml").write_text(text, encoding="utf-8")
    return ["build", "parts.yaml", "-o", "net.onnx"]


@scenario("spec/not-found")
def not_found(folder: Path) -> Scene:
    return ["validate", "resnt50"]


@scenario("spec/unreadable")
def unreadable(folder: Path) -> Scene:
    Path("net.yaml").write_bytes(f"# a café\n{HEADER}layers: [relu]\n".encode("latin-1"))
    return ["validate", "net.yaml"]


@scenario("variant/unknown")
def unknown_variant(folder: Path) -> Scene:
    return ["summary", "mobilenet_v3", "--variant", "mobilenet_v3_smal"]


@scenario("yaml/number")
def long_number(folder: Path) -> Scene:
    return _validate(f"{HEADER}layers: {{conv: {{conv: 1{'0' * 300}, kernel: 3}}}}\n")


@scenario("yaml/too-deep")
def too_deep(folder: Path) -> Scene:
    return _validate(f"{HEADER}layers: {'[' * 101}relu{']' * 101}\n")


@scenario("yaml/too-large")
def too_large(folder: Path) -> Scene:
    return _validate(HEADER + "layers:\n" + "  - relu\n" * 500_000)


@scenario("yaml/expansion")
def expansion(folder: Path) -> Scene:
    return _validate(HEADER + LAUGHS)


@scenario("expression/too-long")
def long_expression(folder: Path) -> Scene:
    return _validate(f"{HEADER}layers: [{{conv: $(max({'1 + ' * 600}1)), kernel: 1}}]\n")
