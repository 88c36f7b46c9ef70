"""NumPy's archives and folders: what numpy writes is read, and nothing else is."""

from __future__ import annotations

import io
import os
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from typing_extensions import override

from tests.unit.weights.reading import array, opened, refused, slug, values

Arrays = dict[str, npt.NDArray[np.generic]]

ARRAYS: Arrays = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "conv.bias": np.array([0.5, -1.5], np.float64),
}
HEADER = "{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"


def npy(stored: npt.NDArray[np.generic], version: tuple[int, int] | None = None) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, stored, version)
    return stream.getvalue()


def npy_of(descr: str, shape: str, data: bytes = b"") -> bytes:
    text = HEADER.format(descr=descr, shape=shape).encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def zipped(path: Path, members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def foldered(path: Path, members: Mapping[str, bytes]) -> Path:
    for name, data in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def written(path: Path, form: str, members: Mapping[str, bytes]) -> Path:
    if form == "folder":
        return foldered(path, members)
    return zipped(path, members, zipfile.ZIP_STORED if form == "plain" else zipfile.ZIP_DEFLATED)


@pytest.fixture(params=["plain", "deflated", "folder"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net"


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "dtype", ["<f4", ">f4", "<f2", ">f2", "<f8", ">f8", "<i8", ">i8", ">u4", ">i2", "|u1", "|b1"]
)
def test_what_numpy_writes_is_read_in_either_order(
    tmp_path: Path, dtype: str, compressed: bool
) -> None:
    whole = np.arange(24).reshape(2, 3, 4).astype(dtype)
    arrays: Arrays = {
        "in_c": whole,
        "in_fortran": np.asfortranarray(whole),
        "vector": whole[0, 0],
        "scalar": np.array(3).astype(dtype),
        "none": np.zeros((0, 3), dtype),
        "none_in_fortran": np.asfortranarray(np.zeros((2, 0, 3), dtype)),
    }
    path = tmp_path / "net.npz"
    # numpy's signature takes the arrays by any names, and one option.
    (np.savez_compressed if compressed else np.savez)(path, **arrays)  # type: ignore[arg-type]
    with opened(path) as checkpoint:
        assert checkpoint.format == "npz"
        assert checkpoint.layout is None
        assert list(checkpoint.tensors) == list(arrays)
        for name, stored in arrays.items():
            source = checkpoint.tensors[name]
            assert source.shape == stored.shape
            assert source.dtype == stored.dtype.newbyteorder("=").name
            for target in ("float32", "float16"):
                found = array(source, target)
                np.testing.assert_array_equal(found, stored.astype(target))
        for source in reversed(list(checkpoint.tensors.values())):  # again, and backwards
            assert sum(len(chunk) for chunk in source.chunks("float32")) == 4 * int(
                np.prod(source.shape)
            )


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_form_is_read(path: Path, form: str, version: tuple[int, int]) -> None:
    written(path, form, {f"{name}.npy": npy(a, version) for name, a in ARRAYS.items()})
    found = values(path)
    assert set(found) == set(ARRAYS)
    for name, stored in ARRAYS.items():
        np.testing.assert_array_equal(found[name], stored.astype(np.float32))


def test_large_arrays_are_read_in_chunks_that_do_not_end_with_elements(path: Path) -> None:
    large = np.arange(1_000_003, dtype=">f8")
    zipped(path, {"a.npy": npy(large), "b.npy": npy(np.asfortranarray(large[:-3].reshape(8, -1)))})
    found = values(path)
    np.testing.assert_array_equal(found["a"], large.astype(np.float32))
    np.testing.assert_array_equal(found["b"], large[:-3].reshape(8, -1).astype(np.float32))


def test_bfloat16_is_two_bytes_of_no_type(path: Path, form: str) -> None:
    bits = np.array([0x3F80, 0xC000, 0x7FC0], np.uint16)
    written(path, form, {"w.npy": npy_of("|V2", "(3,)", bits.tobytes())})
    with opened(path) as checkpoint:
        assert checkpoint.tensors["w"].dtype == "bfloat16"
        np.testing.assert_array_equal(array(checkpoint.tensors["w"]), [1, -2, np.nan])


def test_sizes_of_python_2_are_read(path: Path) -> None:
    zipped(path, {"w.npy": npy_of("<f4", "(2L, 1L)", bytes(8))})
    with opened(path) as checkpoint:
        assert checkpoint.tensors["w"].shape == (2, 1)


def test_names_are_those_of_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    np.savez(path, **{"Layer_0/kernel": np.ones(2), "module.x": np.ones(1)})  # type: ignore[arg-type]
    assert list(values(path)) == ["Layer_0/kernel", "module.x"]


def test_a_prefix_of_all_names_is_taken_off(path: Path, form: str) -> None:
    written(path, form, {f"module.{name}.npy": npy(a) for name, a in ARRAYS.items()})
    with opened(path) as checkpoint:
        assert set(checkpoint.tensors) == set(ARRAYS)
        assert checkpoint.notes == ("took the prefix `module.` off all names",)


def test_paths_in_a_folder_are_joined_with_dots(path: Path) -> None:
    members = {"conv/weight.npy": npy(ARRAYS["conv.weight"]), "conv/bn/bias.npy": npy(np.ones(2))}
    foldered(path, members | {"README": b"x", ".git/x.npy": b"", "conv/notes.txt": b""})
    with opened(path) as checkpoint:
        assert checkpoint.format == "folder of npy files"
        assert list(checkpoint.tensors) == ["conv.bn.bias", "conv.weight"]
        assert checkpoint.notes == ("left out what is no array: `README`, `conv/notes.txt`",)
        assert array(checkpoint.tensors["conv.bn.bias"]).tolist() == [1, 1]


def test_two_paths_of_one_name_are_refused(path: Path) -> None:
    foldered(path, {"a/b.npy": npy(np.ones(1)), "a.b.npy": npy(np.ones(1))})
    assert slug(path) == "weights/duplicate-name"


def test_texts_and_dates_are_left_out(path: Path, form: str) -> None:
    odd = {"labels": np.array(["cat"]), "raw": np.array([b"x"]), "day": np.array(["2020"], "M8[D]")}
    members = {name: npy(a) for name, a in (ARRAYS | odd).items()}
    members["day"] = npy_of("<M8", "(1,)", bytes(8))
    written(path, form, {f"{name}.npy": data for name, data in members.items()})
    with opened(path) as checkpoint:
        assert set(checkpoint.tensors) == set(ARRAYS)
        (note,) = checkpoint.notes
        assert note.startswith("left out arrays of texts and dates: ")


def test_objects_are_never_unpickled(tmp_path: Path, path: Path, form: str) -> None:
    canary = tmp_path / "canary"

    class Trap:
        @override
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(canary),)

    stored = np.array([Trap()], dtype=object)
    stream = io.BytesIO()
    np.lib.format.write_array(stream, stored, allow_pickle=True)
    written(path, form, {"a.npy": npy(np.ones(1)), "w.npy": stream.getvalue()})
    found = refused(path)
    assert found.rule.slug == "weights/object-array"
    assert "`w.npy`" in found.message
    assert not canary.exists()


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "malformed-array"),
        (b"\x93NUMPY", "malformed-array"),
        (b"\x93NUMPX\x01\x00" + bytes(80), "malformed-array"),
        (b"\x93NUMPY\x04\x00" + bytes(80), "malformed-array"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(80), "malformed-array"),
        (npy(np.ones(4))[:-1], "truncated"),
        (npy(np.ones(4)) + b"\0", "malformed-array"),
        (npy_of("<f4", "(3,)", bytes(11)), "truncated"),
        (npy_of("<f4", "(-3,)", bytes(12)), "malformed-array"),
        (npy_of("<f4", "(True,)", bytes(4)), "malformed-array"),
        (npy_of("<f4", "(1 << 40,)"), "malformed-array"),
        (npy_of("<f4", "(3)", bytes(12)), "malformed-array"),
        (npy_of("<f4", "3", bytes(12)), "malformed-array"),
        (npy_of("<f4", "(999999999999999999,)"), "truncated"),
        (npy_of("<f4", f"({'999999999999999999, ' * 60})"), "truncated"),
        (npy_of("<f4", f"({'9' * 19},)"), "malformed-array"),
        (npy_of("<f4", f"({'1, ' * 65})", bytes(4)), "malformed-array"),
        (npy_of("<f4", f"({'1, ' * 5000})", bytes(4)), "malformed-array"),
        (npy_of("<f4", f"(3,), **{'[' * 500}", bytes(12)), "malformed-array"),
        (npy_of("<f4", "(3,)")[:-1], "malformed-array"),
        (npy_of("<c8", "(1,)", bytes(8)), "element-type"),
        (npy_of("<f16", "(1,)", bytes(16)), "element-type"),
        (npy_of("|V3", "(1,)", bytes(3)), "element-type"),
        (npy_of("<f3", "(1,)", bytes(3)), "element-type"),
        (npy_of("nonsense", "(1,)", bytes(4)), "malformed-array"),
        (npy_of("', '<f4", "(1,)", bytes(4)), "malformed-array"),
        (npy(np.zeros(2, [("a", "<f4")])), "malformed-array"),
    ],
)
def test_malformed_arrays_are_refused(path: Path, form: str, data: bytes, rule: str) -> None:
    written(path, form, {"a.npy": npy(np.ones(2)), "w.npy": data})
    found = refused(path)
    assert found.rule.slug == f"weights/{rule}"
    assert "`w.npy`" in found.message
    assert len(found.message) < 300


def test_an_array_cut_anywhere_is_refused(path: Path, form: str) -> None:
    whole = npy(ARRAYS["conv.weight"])
    for length in (*range(0, 140, 3), *range(140, len(whole))):
        written(path, form, {"w.npy": whole[:length]})
        assert slug(path) in ("weights/malformed-array", "weights/truncated")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_cut_anywhere_is_refused(path: Path, method: int) -> None:
    zipped(path, {f"{name}.npy": npy(a) for name, a in ARRAYS.items()}, method)
    whole = path.read_bytes()
    for length in range(4, len(whole)):
        path.write_bytes(whole[:length])
        assert slug(path) in ("weights/truncated", "weights/malformed-zip")


@pytest.mark.parametrize("names", [[], ["labels"]])
def test_no_arrays_of_numbers_are_no_checkpoint(path: Path, form: str, names: list[str]) -> None:
    members = {f"{name}.npy": npy(np.array(["x"])) for name in names}
    if form == "folder":
        path.mkdir()
        rule = "no-tensors" if names else "not-a-file"
    else:
        rule = "no-tensors" if names else "unknown-zip"
    assert slug(written(path, form, members)) == f"weights/{rule}"


def test_archives_with_other_members_are_refused(path: Path) -> None:
    zipped(path, {"a.npy": npy(np.ones(1)), "../../x.sh": b""})
    assert slug(path) == "weights/malformed-zip"


def test_members_of_two_names_are_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        archive.writestr("a.npy", npy(np.ones(1)))
        archive.writestr("a.npy", npy(np.zeros(1)))
    assert slug(path) == "weights/duplicate-name"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compressions_are_refused(path: Path, method: int) -> None:
    assert slug(zipped(path, {"a.npy": npy(np.ones(1))}, method)) == "weights/malformed-zip"


def directory_entry(content: bytes, name: str) -> int:
    """The position of a member's entry in the directory at the archive's end."""
    return content.rindex(b"PK\x01\x02", 0, content.rindex(name.encode()))


def changed(path: Path, name: str, at: int, value: int, width: int = 4) -> None:
    content = bytearray(path.read_bytes())
    begin = directory_entry(bytes(content), name) + at
    content[begin : begin + width] = value.to_bytes(width, "little")
    path.write_bytes(content)


def test_encrypted_members_are_refused(path: Path) -> None:
    zipped(path, {"a.npy": npy(np.ones(1))})
    changed(path, "a.npy", 8, 1, 2)
    assert slug(path) == "weights/malformed-zip"


def test_more_bytes_than_deflate_can_stand_for_are_refused(path: Path) -> None:
    data = npy_of("<f4", "(1000000000,)", bytes(1000))
    zipped(path, {"a.npy": data})
    changed(path, "a.npy", 24, len(data) - 1000 + 4_000_000_000)
    found = refused(path)
    assert found.rule.slug == "weights/malformed-zip"
    assert "can stand for" in found.message


def test_a_bomb_unpacks_no_further_than_it_declares(path: Path) -> None:
    bomb = npy_of("<f4", "(1000,)", bytes(200_000_000))
    zipped(path, {"a.npy": bomb})
    size = len(bomb) - 200_000_000 + 4000
    changed(path, "a.npy", 24, size)
    tracemalloc.start()
    with opened(path) as checkpoint, pytest.raises(OSError, match="more than its"):
        array(checkpoint.tensors["a"])
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_an_honest_bomb_takes_memory_for_a_chunk(path: Path) -> None:
    count = 25_000_000
    zipped(path, {"a.npy": npy(np.zeros(count, np.float32)), "b.npy": npy(np.ones(1))})
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    with opened(path) as checkpoint:
        total = sum(len(chunk) for chunk in checkpoint.tensors["a"].chunks("float32"))
    assert total == 4 * count
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        (16, 0, "checksum"),  # the CRC
        (20, 40, "less than its"),  # deflated bytes
    ],
)
def test_a_damaged_member_is_an_error_when_it_is_read(
    path: Path, at: int, value: int, said: str
) -> None:
    random = np.random.default_rng(0).standard_normal(300)
    zipped(path, {"a.npy": npy(random)})
    changed(path, "a.npy", at, value)
    try:
        with opened(path) as checkpoint, pytest.raises(OSError, match=said) as caught:
            array(checkpoint.tensors["a"])
    except AssertionError:  # so few bytes do not hold the header
        assert slug(path) == "weights/unreadable"
    else:
        assert caught.value.filename == str(path)


def test_flipped_bits_of_deflated_bytes_are_found(path: Path) -> None:
    stored = np.random.default_rng(0).standard_normal(50)
    zipped(path, {"a.npy": npy(stored)})
    whole = path.read_bytes()
    begin = whole.index(b"a.npy") + 5
    end = whole.index(b"PK\x01\x02")
    for at in range(begin, end):
        content = bytearray(whole)
        content[at] ^= 1 << (at % 8)
        path.write_bytes(content)
        try:
            found = values(path)["a"]
        except (OSError, AssertionError):
            continue
        pytest.fail(f"byte {at} gave {found[:3]}")


def test_a_member_may_be_stored_in_several_deflated_blocks(path: Path) -> None:
    data = npy(np.arange(500_000, dtype=np.float32))
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    pieces = [
        packer.compress(data[at : at + 100_000]) + packer.flush(zlib.Z_FULL_FLUSH)
        for at in range(0, len(data), 100_000)
    ]
    zipped(path, {"a.npy": data}, zipfile.ZIP_STORED)
    content = path.read_bytes()
    packed = b"".join(pieces) + packer.flush()
    begin = content.index(b"a.npy") + 5
    directory = content.rindex(b"PK\x01\x02")
    end = content.rindex(b"PK\x05\x06")
    entry, tail = bytearray(content[directory:end]), bytearray(content[end:])
    entry[10:12] = (8).to_bytes(2, "little")
    entry[20:24] = len(packed).to_bytes(4, "little")
    tail[16:20] = (begin + len(packed)).to_bytes(4, "little")
    path.write_bytes(content[:begin] + packed + entry + tail)
    np.testing.assert_array_equal(values(path)["a"], np.arange(500_000))


class TestLinks:
    @pytest.fixture
    def secret(self, tmp_path: Path) -> Path:
        (tmp_path / "secret").mkdir()
        (tmp_path / "secret" / "key.npy").write_bytes(npy(np.full(2, 42.0)))
        return tmp_path / "secret" / "key.npy"

    def test_a_link_to_a_file_is_refused(self, path: Path, secret: Path) -> None:
        foldered(path, {"a.npy": npy(np.ones(1))})
        (path / "b.npy").symlink_to(secret)
        found = refused(path)
        assert found.rule.slug == "weights/outside-folder"
        assert "`b.npy` is a link" in found.message
        assert found.helps

    def test_a_link_to_a_folder_is_not_followed(self, path: Path, secret: Path) -> None:
        foldered(path, {"a.npy": npy(np.ones(1))})
        (path / "below").symlink_to(secret.parent)
        with opened(path) as checkpoint:
            assert list(checkpoint.tensors) == ["a"]
            assert checkpoint.notes == ("left out what is no array: `below`",)

    def test_a_loop_of_links_ends(self, path: Path) -> None:
        foldered(path, {"a.npy": npy(np.ones(1))})
        (path / "b.npy").symlink_to("b.npy")
        assert slug(path) == "weights/outside-folder"

    def test_the_folder_itself_may_be_a_link(self, tmp_path: Path, path: Path) -> None:
        foldered(path, {"a.npy": npy(np.ones(1))})
        (tmp_path / "link").symlink_to(path)
        assert list(values(tmp_path / "link")) == ["a"]

    def test_a_pipe_is_refused_without_waiting(self, path: Path) -> None:
        foldered(path, {"a.npy": npy(np.ones(1))})
        os.mkfifo(path / "b.npy")
        assert slug(path) == "weights/outside-folder"

    @pytest.mark.parametrize("folder", [False, True])
    def test_a_link_put_in_its_place_later_is_not_read(
        self, path: Path, secret: Path, folder: bool
    ) -> None:
        foldered(path, {"x/key.npy": npy(np.ones(2)), "key.npy": npy(np.ones(2))})
        with opened(path) as checkpoint:
            name = "x.key" if folder else "key"
            if folder:
                (path / "x").rename(path / "y")
                (path / "x").symlink_to(secret.parent)
            else:
                (path / "key.npy").unlink()
                (path / "key.npy").symlink_to(secret)
            with pytest.raises(OSError, match=r"`.*key\.npy`: ") as caught:
                array(checkpoint.tensors[name])
            assert caught.value.filename == str(path)

    def test_another_file_put_in_its_place_later_is_not_read(self, path: Path) -> None:
        foldered(path, {"a.npy": npy(np.ones(2))})
        with opened(path) as checkpoint:
            (path / "b.npy").write_bytes(npy(np.zeros(2)))
            (path / "b.npy").replace(path / "a.npy")
            with pytest.raises(OSError, match="exchanged"):
                array(checkpoint.tensors["a"])


def test_a_deep_folder_is_refused(path: Path) -> None:
    foldered(path, {"/".join("abcdefghijklmnopqrs") + "/x.npy": npy(np.ones(1))})
    assert slug(path) == "weights/too-many-entries"


def test_thousands_of_files_need_no_more_descriptors(path: Path) -> None:
    data = npy(np.ones(1, np.float32))
    foldered(path, {f"{number}.npy": data for number in range(1500)})
    with opened(path) as checkpoint:
        open_files = len(list(Path("/proc/self/fd").iterdir()))
        assert len(checkpoint.tensors) == 1500
        assert open_files < 200
        assert array(checkpoint.tensors["1499"]).tolist() == [1]


def test_a_closed_folder_is_not_read(path: Path) -> None:
    foldered(path, {"a.npy": npy(np.ones(1))})
    with opened(path) as checkpoint:
        source = checkpoint.tensors["a"]
    with pytest.raises(OSError, match=r"a\.npy"):
        array(source)
