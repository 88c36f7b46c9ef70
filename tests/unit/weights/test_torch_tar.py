"""PyTorch's tar archives: what is read of them, and that nothing else is."""

from __future__ import annotations

import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.unit.weights.reading import array, opened, refused, slug, values
from tests.unit.weights.tar_files import (
    MACHINE,
    TarStorage,
    TarTensor,
    members_of,
    ordered,
    storages_of,
    tensors_of,
    write_tar,
)
from tests.unit.weights.torch_files import (
    Built,
    Call,
    Global,
    New,
    Persistent,
    Raw,
    pickled,
)

Arrays = dict[str, npt.NDArray[np.generic]]

NUMBERS = np.arange(12, dtype=np.float32)
ARRAYS: Arrays = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "conv.bias": np.array([0.5, -1.5], np.float64),
}
FLOATS = TarStorage(7, "FloatStorage", NUMBERS.tobytes(), 12)
WEIGHT = TarTensor(8, 7, "FloatTensor", [3, 4])
PARAMETER = Global("torch.nn.parameter", "Parameter")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


def write(
    path: Path,
    *,
    storages: bytes | None = None,
    tensors: bytes | None = None,
    saved: object = None,
    machine: object = None,
) -> Path:
    """An archive of one tensor `w`, its members as they are given."""
    root = ordered({"w": Persistent("8")}) if saved is None else saved
    members = {
        "sys_info": pickled(MACHINE if machine is None else machine),
        "pickle": root if isinstance(root, bytes) else pickled(root),
        "tensors": tensors_of([WEIGHT]) if tensors is None else tensors,
        "storages": storages_of([FLOATS]) if storages is None else storages,
    }
    return write_tar(path, members)


@pytest.mark.parametrize("dtype", ["f4", "f2", "f8", "i8", "i4", "i2", "i1", "u1"])
def test_every_storage_is_read_as_float32(path: Path, dtype: str) -> None:
    arrays: Arrays = {
        "first": np.ones(3, np.float16),
        "fc.weight": np.array([[0, 1, 2], [100, 5, 6]]).astype(dtype),
    }
    write_tar(path, members_of(arrays))
    with opened(path) as checkpoint:
        assert checkpoint.format == "torch tar"
        assert checkpoint.layout is None
        assert list(checkpoint.tensors) == list(arrays)
        for name, stored in arrays.items():
            assert checkpoint.tensors[name].dtype == stored.dtype.name
            assert checkpoint.tensors[name].shape == stored.shape
            found = array(checkpoint.tensors[name])
            np.testing.assert_array_equal(found, stored.astype(np.float32))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_every_kind_of_tar_is_read(path: Path, form: int) -> None:
    write_tar(path, members_of(ARRAYS), form=form)
    assert list(values(path)) == list(ARRAYS)


def test_members_may_stand_in_any_order(path: Path) -> None:
    write_tar(path, dict(reversed(members_of(ARRAYS).items())))
    assert values(path)["conv.bias"].tolist() == [0.5, -1.5]


def test_storages_of_graphics_cards_are_read(path: Path) -> None:
    storage = TarStorage(7, "FloatStorage", NUMBERS.tobytes(), 12, "cuda:1")
    write(path, storages=storages_of([storage]))
    assert values(path)["w"].tolist() == NUMBERS.reshape(3, 4).tolist()


def test_strides_offsets_and_views_are_followed(path: Path) -> None:
    tensors = [
        TarTensor(8, 7, "FloatTensor", [4, 2], [1, 4], 2),
        TarTensor(9, 20, "FloatTensor", [2], [2], 1),
        TarTensor(10, 7, "FloatTensor", []),
        TarTensor(11, None, "HalfTensor", []),
    ]
    names = {"turned": "8", "part": "9", "none": "10", "bare": "11", "storage": "7"}
    write(
        path,
        storages=storages_of([FLOATS], [(20, 7, 5, 4)]),
        tensors=tensors_of(tensors),
        saved=ordered({name: Persistent(key) for name, key in names.items()}),
    )
    found = values(path)
    assert found["turned"].tolist() == [[2, 6], [3, 7], [4, 8], [5, 9]]
    assert found["part"].tolist() == [6, 8]
    # A tensor without axes had no elements then, and none of its storage is one.
    assert found["none"].shape == found["bare"].shape == (0,)
    with opened(path) as checkpoint:
        assert checkpoint.notes == ("left out what is no tensor: `storage`",)


@pytest.mark.parametrize(
    "parameter",
    [
        Call(PARAMETER, (Persistent("8"),)),
        New(PARAMETER, (Persistent("8"),)),
        Built(Call(PARAMETER, (Persistent("8"),)), (True, False, None)),
        Built(New(PARAMETER), (Persistent("8"), None, None, True, False)),
        Built(
            New(Global("torch.autograd.variable", "Variable")),
            (Persistent("8"), Persistent("8"), {}, False, False),
        ),
    ],
)
def test_parameters_are_their_tensors(path: Path, parameter: object) -> None:
    write(path, saved={"model": ordered({"module.w": parameter}), "epoch": 3})
    with opened(path) as checkpoint:
        assert checkpoint.notes == (
            "used the weights under `model`",
            "took the prefix `module.` off all names",
        )
        assert array(checkpoint.tensors["w"]).tolist() == NUMBERS.reshape(3, 4).tolist()


@pytest.mark.parametrize(
    "saved",
    [
        ordered({"w": Call(PARAMETER)}),
        ordered({"w": Call(PARAMETER, (3,))}),
        ordered({"w": Built(Call(PARAMETER), (3, None, None, True, False))}),
        ordered({"w": Built(Persistent("8"), {"data": 1})}),
        ordered({"w": Persistent("9")}),
        ordered({"w": Persistent(8)}),
        ordered({"w": Persistent("٨")}),
        ordered({"w": Persistent("8" * 5000)}),
        ordered({"w": Persistent(("8", None, None))}),
    ],
)
def test_odd_references_are_refused(path: Path, saved: object) -> None:
    assert slug(write(path, saved=saved)) in ("weights/malformed-pickle", "weights/malformed-tar")


@pytest.mark.parametrize(
    ("machine", "rule"),
    [
        (MACHINE | {"protocol_version": 1001}, "malformed-tar"),
        ([1000], "malformed-tar"),
        (MACHINE | {"little_endian": False}, "byte-order"),
        ({"protocol_version": 1000}, "byte-order"),
        (Global("collections", "OrderedDict"), "refused-global"),
    ],
)
def test_other_machines_are_refused(path: Path, machine: object, rule: str) -> None:
    assert slug(write(path, machine=machine)) == f"weights/{rule}"


@pytest.mark.parametrize(
    ("storages", "rule"),
    [
        (pickled("1"), "malformed-tar"),
        (pickled(-1), "malformed-tar"),
        (pickled(1 << 40), "too-many-entries"),
        (pickled(2) + FLOATS.entry() + pickled([]), "malformed-tar"),
        (pickled(0) + FLOATS.entry() + pickled([]), "refused-global"),
        (storages_of([FLOATS, FLOATS]), "duplicate-name"),
        (storages_of([TarStorage(7, "FloatStorage", b"", -1)]), "malformed-tar"),
        (storages_of([TarStorage(7, "FloatStorage", bytes(48), 1 << 60)]), "truncated"),
        (storages_of([TarStorage("7", "FloatStorage", bytes(48), 12)]), "malformed-tar"),
        (storages_of([TarStorage(-7, "FloatStorage", bytes(48), 12)]), "malformed-tar"),
        (storages_of([TarStorage(10**30, "FloatStorage", bytes(48), 12)]), "malformed-tar"),
        (storages_of([TarStorage(7, "FloatTensor", bytes(48), 12)]), "refused-global"),
        (storages_of([TarStorage(7, "load", bytes(48), 12)]), "refused-global"),
        (pickled(1) + pickled((7, "cpu")) + pickled([]), "malformed-tar"),
        (pickled(1) + pickled((7, "cpu", None)) + pickled([]), "malformed-tar"),
        (storages_of([FLOATS], {}), "malformed-tar"),
        (storages_of([FLOATS], [(20, 7, 5)]), "malformed-tar"),
        (storages_of([FLOATS], [(20, 9, 5, 4)]), "malformed-tar"),
        (storages_of([FLOATS], [(20, 7, -1, 4)]), "malformed-tar"),
        (storages_of([FLOATS], [(20, 7, 9, 4)]), "outside-storage"),
        (storages_of([FLOATS], [(7, 7, 0, 4)]), "duplicate-name"),
        (storages_of([FLOATS], [("20", 7, 0, 4)]), "malformed-tar"),
        (storages_of([FLOATS]) + b"\0", "malformed-tar"),
    ],
)
def test_malformed_storages_are_refused(path: Path, storages: bytes, rule: str) -> None:
    assert slug(write(path, storages=storages)) == f"weights/{rule}"


def tensor_head(axes: int, *numbers: int) -> bytes:
    head = pickled(1) + pickled((8, 7, Global("torch", "FloatTensor")))
    return head + struct.pack(f"<ii{len(numbers)}q", axes, 0, *numbers)


@pytest.mark.parametrize(
    ("tensors", "rule"),
    [
        (pickled(None), "malformed-tar"),
        (pickled(1 << 40), "too-many-entries"),
        (pickled(2) + WEIGHT.entry(), "truncated"),
        (pickled(0) + WEIGHT.entry(), "malformed-tar"),
        (tensors_of([WEIGHT, WEIGHT]), "duplicate-name"),
        (tensors_of([TarTensor(7, 7, "FloatTensor", [3, 4])]), "duplicate-name"),
        (tensors_of([TarTensor(8, 9, "FloatTensor", [3, 4])]), "malformed-pickle"),
        (tensors_of([TarTensor(8, "7", "FloatTensor", [3, 4])]), "malformed-pickle"),
        (tensors_of([TarTensor(8, 7, "DoubleTensor", [3, 5])]), "outside-storage"),
        (tensors_of([TarTensor(8, 7, "FloatTensor", [3], [5], 2)]), "outside-storage"),
        (tensors_of([TarTensor(8, 7, "FloatTensor", [3], [1], -1)]), "malformed-pickle"),
        (tensors_of([TarTensor(8, 7, "FloatTensor", [-3])]), "malformed-pickle"),
        (tensors_of([TarTensor(8, 7, "FloatTensor", [1 << 40], [0])]), "expanded"),
        (
            tensors_of([TarTensor(8, 7, "FloatTensor", [1 << 62] * 3, [1 << 62] * 3)]),
            "malformed-pickle",
        ),
        (tensors_of([TarTensor(8, 7, "FloatStore", [3, 4])]), "refused-global"),
        (pickled(1) + pickled((8, 7, 9)) + bytes(16), "malformed-pickle"),
        (pickled(1) + pickled([8, 7, 9]) + bytes(16), "malformed-pickle"),
        (tensor_head(-1, 0), "malformed-pickle"),
        (tensor_head((1 << 31) - 1, 0), "malformed-pickle"),
        (tensor_head(3, 1), "truncated"),
        (tensors_of([WEIGHT]) + b"\0", "malformed-tar"),
    ],
)
def test_malformed_tensors_are_refused(path: Path, tensors: bytes, rule: str) -> None:
    assert slug(write(path, tensors=tensors)) == f"weights/{rule}"


@pytest.mark.parametrize("member", ["sys_info", "pickle", "tensors", "storages"])
def test_nothing_that_a_member_names_is_run(tmp_path: Path, path: Path, member: str) -> None:
    canary = tmp_path / "canary"
    payloads = (
        Call(Global("os", "mkdir"), (str(canary),)),
        Call(Global("builtins", "eval"), (f"open({str(canary)!r}, 'w')",)),
        Call(Global("builtins", "getattr"), (Global("torch", "Size"), "__class__")),
        Raw(b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93(X\x04\x00\x00\x00echotR"),
    )
    for payload in payloads:
        members = members_of(ARRAYS)
        members[member] = pickled(payload) + members[member]
        assert slug(write_tar(path, members)) == "weights/refused-global"
    assert not canary.exists()


@pytest.mark.parametrize("member", ["sys_info", "pickle", "tensors", "storages"])
def test_a_member_cut_anywhere_is_refused(path: Path, member: str) -> None:
    members = members_of(ARRAYS)
    whole = members[member]
    for length in range(len(whole)):
        assert slug(write_tar(path, members | {member: whole[:length]})).startswith("weights/")


def test_an_archive_cut_at_any_block_is_refused(path: Path) -> None:
    write_tar(path, members_of(ARRAYS))
    whole = path.read_bytes()
    data_end = len(whole.rstrip(b"\0"))
    blocks_end = -(-data_end // 512) * 512 + 1024
    for block in range(512, blocks_end, 512):
        for length in (block - 1, block, block + 1):
            if length < blocks_end:
                path.write_bytes(whole[:length])
                rule = "truncated" if length >= 512 else "unknown-format"
                assert slug(path) == f"weights/{rule}"
    path.write_bytes(whole[:blocks_end])
    assert list(values(path)) == list(ARRAYS)


def test_bytes_behind_the_end_are_refused(path: Path) -> None:
    write_tar(path, members_of(ARRAYS))
    whole = path.read_bytes()
    path.write_bytes(whole + b"x")
    assert slug(path) == "weights/malformed-tar"
    path.write_bytes(whole + bytes(2_000_000))
    assert slug(path) == "weights/malformed-tar"


def header_at(content: bytes, name: str) -> int:
    """The position of a member's own header."""
    return content.index(name.encode() + bytes(100 - len(name)))


def with_checksum(block: bytes) -> bytes:
    total = sum(block[:148]) + sum(block[156:]) + 8 * 32
    return block[:148] + f"{total:06o}\0 ".encode() + block[156:]


@pytest.mark.parametrize(
    ("begin", "field", "rule"),
    [
        (124, b"77777777777\0", "truncated"),
        (124, b"\x80" + b"\x00" * 3 + b"\xff" * 8, "truncated"),
        (124, b"\xff" * 12, "malformed-tar"),
        (124, b"        -1\0\0", "malformed-tar"),
        (124, b"00000000000\0", "malformed-tar"),
        (124, b"9" * 11 + b"\0", "malformed-tar"),
        (156, b"1", "malformed-tar"),
        (156, b"2", "malformed-tar"),
        (156, b"3", "malformed-tar"),
        (156, b"5", "malformed-tar"),
        (156, b"g", "malformed-tar"),
        (156, b"L", "malformed-tar"),
        (156, b"S", "malformed-tar"),
        (156, b"x", "malformed-tar"),
        (345, b"folder", "unknown-tar"),
        (0, b"tensors\0", "duplicate-name"),
        (0, b"../age\0", "unknown-tar"),
    ],
)
def test_odd_headers_are_refused(path: Path, begin: int, field: bytes, rule: str) -> None:
    write_tar(path, members_of(ARRAYS))
    content = bytearray(path.read_bytes())
    at = header_at(bytes(content), "storages")
    content[at + begin : at + begin + len(field)] = field
    content[at : at + 512] = with_checksum(bytes(content[at : at + 512]))
    path.write_bytes(content)
    assert slug(path) == f"weights/{rule}"


def test_a_header_with_another_checksum_is_refused(path: Path) -> None:
    write_tar(path, members_of(ARRAYS))
    content = bytearray(path.read_bytes())
    content[header_at(bytes(content), "storages") + 100] ^= 1
    path.write_bytes(content)
    assert slug(path) == "weights/malformed-tar"
    content[0] ^= 1
    path.write_bytes(content)
    assert slug(path) == "weights/malformed-tar"


@pytest.mark.parametrize(
    ("headers", "rule"),
    [
        ({"path": "../../etc/passwd"}, "malformed-tar"),
        ({"linkpath": "x"}, "malformed-tar"),
        ({"GNU.sparse.size": "1"}, "malformed-tar"),
        ({"size": "-1"}, "malformed-tar"),
        ({"size": "99999999999999"}, "truncated"),
        ({"size": "9" * 5000}, "malformed-tar"),
        ({"comment": "x" * 70_000}, "malformed-tar"),
    ],
)
def test_odd_extended_headers_are_refused(path: Path, headers: dict[str, str], rule: str) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.pax_headers = headers

    write_tar(path, members_of(ARRAYS), change=change)
    assert slug(path) == f"weights/{rule}"


def test_a_size_may_stand_in_the_extended_header(path: Path) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.pax_headers = {"size": str(info.size)}

    write_tar(path, members_of(ARRAYS), change=change)
    assert list(values(path)) == list(ARRAYS)


@pytest.mark.parametrize("records", [b"x", b"9 a=b\n", b"00000000", b"5 ab\n", b"1" * 600])
def test_damaged_records_are_refused(path: Path, records: bytes) -> None:
    write_tar(path, {".": records} | members_of(ARRAYS), form=tarfile.USTAR_FORMAT)
    content = bytearray(path.read_bytes())
    content[156:157] = b"x"
    content[:512] = with_checksum(bytes(content[:512]))
    path.write_bytes(content)
    assert slug(path) == "weights/malformed-tar"


def _link(info: tarfile.TarInfo) -> None:
    if info.name == "storages":
        info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0


def _hard_link(info: tarfile.TarInfo) -> None:
    if info.name == "storages":
        info.type, info.linkname, info.size = tarfile.LNKTYPE, "tensors", 0


@pytest.mark.parametrize("change", [_link, _hard_link])
def test_links_are_refused(path: Path, change: Callable[[tarfile.TarInfo], None]) -> None:
    write_tar(path, members_of(ARRAYS), change=change)
    assert slug(path) == "weights/malformed-tar"


@pytest.mark.parametrize(
    "members",
    [
        {"storages": b"\x80\x02K\x00."},
        {"model/net.pth": b"x"},
        {"../storages": b"x", "/pickle": b""},
        members_of(ARRAYS) | {"extra": b""},
        {"./" + name: data for name, data in members_of(ARRAYS).items()},
    ],
)
def test_other_tar_archives_are_named(path: Path, members: dict[str, bytes]) -> None:
    found = refused(write_tar(path, members))
    assert found.rule.slug == "weights/unknown-tar"
    assert found.message.isprintable()
