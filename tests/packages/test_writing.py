"""What a build writes: the same bytes each time, complete or not at all, in one file or two."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from typing_extensions import Buffer, override

import archc
from tests.packages.building import (
    Built,
    assert_close,
    build,
    draw_image,
    draw_weights,
    mistakes,
    rules,
    write_checkpoint,
    write_spec,
)

NET = """\
params: {classes: 4, widths: [3, 5]}
variants: {large: {widths: [7, 9], expect: {parameters: 761}}}
input: {image: {shape: [2, H, W], dtype: uint8, layout: nhwc}, facts: [3]}
layers:
  stem: [{for: width, in: $widths, do: [{conv: $width, kernel: 3, padding: same}, relu]}]
  both: {mul: [[], [{mean: [height, width]}, sigmoid]]}
  up: {upsample: {size: [$input.height, $input.width]}}
  pool: {global_avg_pool: {keep_dims: false}}
  all: {concat: [[], {from: facts}]}
  fc: {dense: $classes}
  out: softmax
outputs: {scores: out, maps: up}
"""
DENSE = "input: {x: [%d]}\nlayers: [{dense: %d}]"
HUGE = DENSE % (30_000, 30_000)
"""3.6 GB of weights."""


class TestBytes:
    def test_other_processes_write_the_same(self, tmp_path: Path) -> None:
        spec = write_spec(tmp_path, NET)
        script = "import sys, archc; archc.build(sys.argv[1], sys.argv[2], seed=3, variant='large')"
        for number in range(2):
            environment = os.environ | {"PYTHONHASHSEED": str(number + 1)}
            target = str(tmp_path / f"{number}.onnx")
            subprocess.run([sys.executable, "-c", script, str(spec), target], check=True,
                           env=environment, cwd=Path(__file__).parents[2])  # fmt: skip
        here = archc.build_bytes(spec, seed=3, variant="large")
        assert (tmp_path / "0.onnx").read_bytes() == here
        assert (tmp_path / "1.onnx").read_bytes() == here

    def test_opsets_and_settings_change_them(self, tmp_path: Path) -> None:
        builds = [
            build(tmp_path, NET), build(tmp_path, NET, opset=13),
            build(tmp_path, NET, settings={"classes": 5}), build(tmp_path, NET, variant="large"),
        ]  # fmt: skip
        assert len({b.content for b in builds}) == len(builds)

    def test_file_stream_and_bytes_are_the_same(self, tmp_path: Path) -> None:
        spec, target, stream = write_spec(tmp_path, NET), tmp_path / "net.onnx", io.BytesIO()
        to_file = archc.build(spec, target)
        to_stream = archc.build(spec, stream)
        whole = archc.build_bytes(spec)
        assert target.read_bytes() == stream.getvalue() == whole
        assert to_file.path == target
        assert to_stream.path is None
        assert to_file.bytes_written == to_stream.bytes_written == len(whole)

    def test_a_path_may_be_a_text(self, tmp_path: Path) -> None:
        archc.build(str(write_spec(tmp_path, NET)), str(tmp_path / "net.onnx"))
        assert Built((tmp_path / "net.onnx").read_bytes()).session.get_outputs()

    @pytest.mark.parametrize("opset", range(13, 22))
    def test_every_opset_passes_the_checks_of_onnx(self, opset: int, tmp_path: Path) -> None:
        model = build(tmp_path, NET, opset=opset)
        assert [(o.domain, o.version) for o in model.proto.opset_import] == [("", opset)]
        onnx.checker.check_model(model.proto, full_check=True)
        image = np.random.default_rng(0).integers(0, 9, (2, 6, 5, 2), np.uint8)
        given = model.run(image=image, facts=draw_image(2, 3))
        assert_close(given["scores"].sum(axis=1), np.ones(2))

    @pytest.mark.parametrize("opset", [12, 22, 0, -1])
    def test_other_opsets_are_refused(self, opset: int, tmp_path: Path) -> None:
        assert rules(mistakes(tmp_path, NET, opset=opset)) == ["build/opset"]


class TestExternalData:
    def test_weights_lie_beside_the_model(self, tmp_path: Path) -> None:
        spec = write_spec(tmp_path, DENSE % (40, 50))
        weights = draw_weights({"0.weight": (50, 40), "0.bias": (50,)})
        checkpoint = write_checkpoint(tmp_path, weights)
        target = tmp_path / "net.onnx"
        built = archc.build(spec, target, weights=checkpoint, external_data=True)
        beside = tmp_path / "net.onnx.data"
        assert built.external_path == beside
        assert built.bytes_written == target.stat().st_size + beside.stat().st_size
        assert target.stat().st_size < 2000
        proto = onnx.load(target)
        for name, array in weights.items():
            (found,) = (i for i in proto.graph.initializer if i.name == name)
            assert np.array_equal(onnx.numpy_helper.to_array(found), array)
        x = draw_image(3, 40)
        (given,) = archc.session(target).run(None, {"x": x})
        assert_close(given, x @ weights["0.weight"].T + weights["0.bias"])

    def test_two_builds_write_the_same_two_files(self, tmp_path: Path) -> None:
        spec = write_spec(tmp_path, NET)
        pairs = []
        for _ in range(2):
            archc.build(spec, tmp_path / "net.onnx", external_data=True)
            pairs.append([(tmp_path / f"net.onnx{e}").read_bytes() for e in ("", ".data")])
        assert pairs[0] == pairs[1]

    def test_metadata_are_those_of_a_single_file(self, tmp_path: Path) -> None:
        spec = write_spec(tmp_path, NET)
        archc.build(spec, tmp_path / "two.onnx", external_data=True)
        archc.build(spec, tmp_path / "one.onnx")
        one, two = (onnx.load(tmp_path / f"{n}.onnx").metadata_props for n in ("one", "two"))
        assert [(e.key, e.value) for e in one] == [(e.key, e.value) for e in two]

    def test_a_stream_has_no_place_beside_it(self, tmp_path: Path) -> None:
        stream = Watched()
        with pytest.raises(archc.SpecError) as caught:
            archc.build(write_spec(tmp_path, NET), stream, external_data=True)
        assert rules(caught.value.diagnostics) == ["build/no-place-beside"]
        assert not stream.was_written

    def test_two_files_replace_what_was_there_only_when_complete(self, tmp_path: Path) -> None:
        spec, target = write_spec(tmp_path, DENSE % (300, 1000)), tmp_path / "net.onnx"
        archc.build(spec, target, external_data=True)
        before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

        def stop(done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            archc.build(spec, target, seed=7, external_data=True, progress=stop)
        assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


class Watched(io.BytesIO):
    """A stream that knows whether something was written to it."""

    was_written = False

    @override
    def write(self, data: Buffer, /) -> int:
        self.was_written = True
        return super().write(data)


class TestSizes:
    def test_a_model_over_2_gb_is_refused_before_a_byte_is_written(self, tmp_path: Path) -> None:
        stream = Watched()
        with pytest.raises(archc.SpecError) as caught:
            archc.build(write_spec(tmp_path, HUGE), stream)
        assert rules(caught.value.diagnostics) == ["build/too-large"]
        assert "3600120" in caught.value.diagnostics[0].message
        assert not stream.was_written

    def test_nor_is_a_single_file_of_it(self, tmp_path: Path) -> None:
        with pytest.raises(archc.SpecError) as caught:
            archc.build(write_spec(tmp_path, HUGE), tmp_path / "net.onnx", external_data=False)
        assert rules(caught.value.diagnostics) == ["build/too-large"]
        assert [p.name for p in tmp_path.iterdir()] == ["net.yaml"]

    def test_sizes_beyond_all_files_are_refused_as_well(self, tmp_path: Path) -> None:
        errors = mistakes(tmp_path, DENSE % (2**31 - 1, 2**31 - 1))
        assert rules(errors) == ["build/too-large"]

    def test_bytes_are_a_stream_too(self, tmp_path: Path) -> None:
        assert rules(mistakes(tmp_path, HUGE)) == ["build/too-large"]


class TestTargets:
    def test_a_build_that_is_stopped_leaves_the_target_as_it_was(self, tmp_path: Path) -> None:
        spec, target = write_spec(tmp_path, NET), tmp_path / "net.onnx"
        target.write_bytes(b"before")

        def stop(done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            archc.build(spec, target, progress=stop)
        assert target.read_bytes() == b"before"
        assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "net.yaml"]

    def test_a_spec_with_mistakes_writes_nothing(self, tmp_path: Path) -> None:
        target = tmp_path / "net.onnx"
        with pytest.raises(archc.SpecError):
            archc.build(write_spec(tmp_path, NET.replace("softmax", "sofmax")), target)
        assert not target.exists()

    @pytest.mark.parametrize("target", ["", "none/net.onnx"])
    def test_a_target_that_cannot_be_written_is_a_diagnostic(
        self, target: str, tmp_path: Path
    ) -> None:
        with pytest.raises(archc.SpecError) as caught:
            archc.build(write_spec(tmp_path, NET), tmp_path / target)
        assert rules(caught.value.diagnostics) == ["build/output"]
        assert [p.name for p in tmp_path.iterdir()] == ["net.yaml"]

    def test_a_full_disk_is_a_diagnostic_and_leaves_nothing(self, tmp_path: Path) -> None:
        class Full(io.BytesIO):
            @override
            def write(self, data: Buffer, /) -> int:
                raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.raises(archc.SpecError, match="no space left"):
            archc.build(write_spec(tmp_path, NET), Full())

    def test_a_reader_that_goes_away_is_no_mistake_of_the_spec(self, tmp_path: Path) -> None:
        class Gone(io.BytesIO):
            @override
            def write(self, data: Buffer, /) -> int:
                raise BrokenPipeError

        with pytest.raises(BrokenPipeError):
            archc.build(write_spec(tmp_path, NET), Gone())

    def test_progress_ends_at_the_bytes_written(self, tmp_path: Path) -> None:
        seen: list[tuple[int, int]] = []
        spec = write_spec(tmp_path, DENSE % (1000, 700))
        built = archc.build(
            spec, tmp_path / "net.onnx", progress=lambda done, total: seen.append((done, total))
        )
        assert {total for _, total in seen} == {built.bytes_written}
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        assert seen[-1][0] == built.bytes_written
        assert len(seen) > 3
