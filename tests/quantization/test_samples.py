"""Samples are inputs of the network, finite, few enough for memory, and enough held back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.reporter import Failed, Reporter
from archc.quantization.samples import MOST_SAMPLES, Samples, fewest_held_back, read_samples
from archc.runtime.metadata import ModelRecord
from archc.runtime.model_input import ModelInput
from archc.runtime.preprocess import Preprocess
from archc.shapes.tensor_type import DType
from tests.unit.runtime.reporting import only

IMAGE = ModelInput("image", (1, 4, 6))
BYTES = ModelInput("image", (3, 4, 6), DType.UINT8, nhwc=True)
GRAY = Preprocess(color="gray", resize=(4, 6))
PICTURES = ModelRecord(inputs=(IMAGE,), preprocess=GRAY)
TWO = ModelRecord(inputs=(ModelInput("left", (2,)), ModelInput("right", (3,))), preprocess=GRAY)


def saved(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "samples.npz", **cast("Any", arrays))
    return folder / "samples.npz"


def found(path: Path, record: ModelRecord = PICTURES, least: float | None = None) -> Samples:
    reporter = Reporter()
    samples = read_samples(path, record, reporter, least=least)
    assert not reporter.diagnostics
    assert not isinstance(samples, Failed)
    return samples


def refused(path: Path, record: ModelRecord = PICTURES) -> Diagnostic:
    reporter = Reporter()
    assert isinstance(read_samples(path, record, reporter), Failed)
    return only(reporter)


def images(count: int = 12) -> np.ndarray:
    return np.ones((count, 1, 4, 6), np.float32)


@pytest.mark.parametrize(("number", "what"), [(np.nan, "NaN"), (np.inf, "infinity")])
@pytest.mark.parametrize("at", [0, 3, 11])
def test_numbers_that_are_not_finite_are_refused(
    tmp_path: Path, number: float, what: str, at: int
) -> None:
    array = images()
    array[at, 0, 2, 1] = number
    wrong = refused(saved(tmp_path, image=array))
    assert wrong.rule.slug == "quantize/wrong-samples"
    assert wrong.message.endswith(f"does not fit the input `image`: `image[{at}]` holds {what}")
    rows = wrong.helps[0].split("`")[1]
    assert len(eval(rows, {"image": array, "numpy": np})) == 11


@pytest.mark.parametrize(
    ("array", "entry", "message", "helps"),
    [
        (np.ones((9, 3, 4, 6), np.float32), IMAGE, "its shape is (9, 3, 4, 6), and the network "
         "takes float32 (N, 1, 4, 6)", "prepare samples as for the network itself"),
        (np.ones((9, 4, 6, 1), np.float32), IMAGE, "its shape is (9, 4, 6, 1)",
         "`numpy.moveaxis(image, -1, 1)`"),
        (np.ones((1, 4, 6), np.float32), IMAGE, "its shape is (1, 4, 6)", "`array[None]`"),
        (np.float32(1), IMAGE, "its shape is ()", "prepare samples"),
        (np.ones((9, 3, 4, 6), np.uint8), BYTES, "takes uint8 (N, 4, 6, 3)",
         "`numpy.moveaxis(image, 1, -1)`"),
        (np.ones((9, 1, 4, 6)), IMAGE, "its elements are float64, and the network takes float32",
         '`image.astype("float32")`'),
    ],
)  # fmt: skip
def test_what_does_not_fit_says_how_to_make_it_fit(
    tmp_path: Path, array: np.ndarray, entry: ModelInput, message: str, helps: str
) -> None:
    wrong = refused(saved(tmp_path, image=array), ModelRecord(inputs=(entry,)))
    assert wrong.rule.slug == "quantize/wrong-samples"
    assert message in wrong.message
    assert helps in wrong.helps[0]


def test_helps_for_axes_make_the_array_fit(tmp_path: Path) -> None:
    array = np.moveaxis(np.ones((9, 4, 6, 1), np.float32), -1, 1)
    assert found(saved(tmp_path, image=array)).seen[0]["image"].shape == (1, 1, 4, 6)
    pixels = np.moveaxis(np.ones((9, 3, 4, 6), np.uint8), 1, -1)
    samples = found(saved(tmp_path, image=pixels), ModelRecord(inputs=(BYTES,)))
    assert samples.seen[0]["image"].shape == (1, 4, 6, 3)


def test_files_that_are_no_arrays_are_no_samples(tmp_path: Path) -> None:
    path = tmp_path / "garbage.npz"
    path.write_bytes(b"garbage")
    np.save(tmp_path / "plain.npy", images())
    for wrong in (refused(path), refused(tmp_path / "plain.npy")):
        assert wrong.rule.slug == "quantize/wrong-samples"
        assert '`numpy.savez("samples.npz", image=…)`' in wrong.helps[0]
    Image.new("L", (6, 4)).save(tmp_path / "one.jpg")
    wrong = refused(tmp_path / "one.jpg")
    assert wrong.rule.slug == "quantize/wrong-samples"
    assert wrong.helps == (f"give its folder: `--calibrate {tmp_path}`",)


def test_a_path_that_leads_nowhere_has_a_help(tmp_path: Path) -> None:
    wrong = refused(tmp_path / "nowhere")
    assert wrong.rule.slug == "run/no-such-file"
    assert wrong.helps == ("give a folder of pictures, or an `.npz` file of inputs",)
    (tmp_path / "pictures").mkdir()
    assert refused(tmp_path / "picture").helps == (f"did you mean `{tmp_path / 'pictures'}`?",)


def test_arrays_beyond_the_bound_are_wrong_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archc.runtime.answers.MAX_ARRAY_BYTES", 100)
    wrong = refused(saved(tmp_path, image=images()))
    assert wrong.rule.slug == "quantize/wrong-samples"
    assert "`image` has 1152 bytes, and at most 100 are read" in wrong.message


def test_inputs_have_as_many_samples_each(tmp_path: Path) -> None:
    path = saved(tmp_path, left=np.ones((9, 2), np.float32), right=np.ones((8, 3), np.float32))
    wrong = refused(path, TWO)
    assert wrong.message.endswith("for its inputs: 9 of `left`, 8 of `right`")
    assert wrong.helps
    wrong = refused(saved(tmp_path, left=np.ones((9, 2), np.float32)), TWO)
    assert "it has no array `right`" in wrong.message
    assert '`numpy.savez("samples.npz", left=…, right=…)`' in wrong.helps[-1]


def test_pictures_for_several_inputs_are_arrays(tmp_path: Path) -> None:
    wrong = refused(tmp_path, TWO)
    assert wrong.rule.slug == "quantize/no-preprocess"
    assert "left=…, right=…" in wrong.helps[0]
    wrong = refused(tmp_path, ModelRecord(inputs=(IMAGE,)))
    assert "add `preprocess` to the spec" in wrong.helps[0]


@pytest.mark.parametrize(
    ("share", "needed"), [(0, 1), (0.5, 2), (0.75, 4), (0.9, 10), (0.97, 34), (0.99, 100), (1, 100)]
)
def test_a_share_takes_samples_that_can_show_it(share: float, needed: int) -> None:
    assert fewest_held_back(share) == needed
    if share not in (0, 1):
        assert (needed - 1) / needed >= share - 1e-12  # one less is still as demanded
        assert (needed - 2) / (needed - 1) < share


@pytest.mark.parametrize(
    ("count", "least", "held_back"),
    [
        (7, None, 0), (8, None, 2), (100, None, 25), (7, 0.5, 0), (100, 0.9, 25),
        (64, 0.96, 32), (300, 0.99, 100), (400, 0.99, 100), (199, 0.99, 99),
    ],
)  # fmt: skip
def test_more_are_held_back_where_a_share_takes_them(
    tmp_path: Path, count: int, least: float | None, held_back: int
) -> None:
    samples = found(saved(tmp_path, image=images(count)), least=least)
    assert len(samples.held_back) == held_back
    assert len(samples.seen) == count - held_back


def test_no_more_samples_are_kept_than_memory_is_for(tmp_path: Path) -> None:
    count = 3 * MOST_SAMPLES + 7
    x = np.arange(count, dtype=np.float32).reshape(-1, 1)
    record = ModelRecord(inputs=(ModelInput("x", (1,)),))
    samples = found(saved(tmp_path, x=x), record)
    places = [int(s["x"][0, 0]) for s in (*samples.seen, *samples.held_back)]
    assert len(places) == MOST_SAMPLES
    apart = np.diff(sorted(places))
    assert apart.min() >= 3
    assert apart.max() <= 4
    (note,) = samples.notes
    assert note.startswith(f"{MOST_SAMPLES} of {count:,} samples are used")


def test_pictures_are_capped_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archc.quantization.samples.MOST_SAMPLES", 4)
    for at in range(10):
        Image.new("L", (6, 4), at).save(tmp_path / f"{at}.png")
    (tmp_path / "1.png").write_bytes(b"not among the evenly spread ones")
    samples = found(tmp_path)
    assert [round(float(s["image"].max()) * 255) for s in samples.seen] == [0, 2, 5, 7]
    assert "4 of 10 samples are used" in samples.notes[0]


def test_other_files_among_pictures_are_passed_over_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/one.png", "two.PNG"):
        Image.new("L", (6, 4)).save(tmp_path / name)
    for name in ("README", "a/labels.csv", ".hidden.txt"):
        (tmp_path / name).write_text("no picture", encoding="utf-8")
    samples = found(tmp_path)
    assert len(samples.seen) == 2
    assert samples.notes == (
        f"no pictures by their names, and passed over: `README`, `{Path('a') / 'labels.csv'}`",
    )


def test_a_folder_of_other_files_alone_holds_no_samples(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    wrong = refused(tmp_path)
    assert wrong.rule.slug == "quantize/no-samples"
    assert "`notes.txt`" in wrong.notes[0]


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    given, other = tmp_path / "given", tmp_path / "other"
    given.mkdir()
    other.mkdir()
    Image.new("L", (6, 4)).save(given / "one.png")
    Image.new("L", (6, 4)).save(other / "two.png")
    (given / "link").symlink_to(other)
    (given / "loop").symlink_to(given)
    (other / "back").symlink_to(given)
    assert len(found(given).seen) == 2
