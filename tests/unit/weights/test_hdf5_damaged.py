"""Damaged and hostile HDF5 files: a refusal or tensors, whatever is cut, flipped or forged."""

from __future__ import annotations

import random
import re
import struct
import tracemalloc
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pytest

from archc.weights.hdf5 import image, object_header, superblock
from archc.weights.hdf5.image import Fields, Image
from archc.weights.hdf5.lookup3 import lookup3
from archc.weights.refusal import CheckpointError
from tests.unit.weights.hdf5_files import (
    KERNEL,
    Array,
    read,
    refused,
    slug,
    state_of,
    write_named,
    write_structure,
)
from tests.unit.weights.reading import array

ROUNDS = 100
FORMS = [
    (form, libver)
    for form in ("named", "structure", "crowded")
    for libver in ("earliest", "v108", "latest")
]
every_form = pytest.mark.parametrize(("form", "libver"), FORMS)


def write(path: Path, form: str, libver: str) -> bytes:
    with h5py.File(path, "w", libver=libver) as file:
        if form == "named":
            write_named(file.create_group("model_weights"))
            return finished(file, path)
        write_structure(file)
        inner = file.create_group("layers/chunked/vars")
        inner.attrs["name"] = "chunked"
        grown = {"maxshape": (None, None)} if form == "crowded" else {}
        value = np.arange(120, dtype=np.float16).reshape(6, 20)
        inner.create_dataset("0", data=value, chunks=(2, 7), compression="gzip", **grown)
        inner.create_dataset("1", data=value, chunks=(6, 20), shuffle=True, **grown)
        for number in range(10 if form == "crowded" else 0):
            inner.attrs[f"attribute {number}"] = "text" * number
            file.create_group(f"layers/empty_{number}/vars").attrs["name"] = f"empty {number}"
        return finished(file, path)


def finished(file: h5py.File, path: Path) -> bytes:
    file.close()
    return path.read_bytes()


@dataclass
class Blocks:
    """Where the structure of a file lies: blocks as they are read, and those with checksums."""

    read: list[tuple[int, int]] = field(default_factory=list)
    sealed: list[tuple[int, int]] = field(default_factory=list)
    recording: bool = True

    @property
    def bytes(self) -> list[int]:
        """Positions of all bytes of structure."""
        return sorted({at for begin, size in self.read for at in range(begin, begin + size)})

    def seal(self, data: bytearray) -> None:
        """Makes the checksums right again."""
        for begin, size in self.sealed:
            end = begin + size - 4
            if end + 4 <= len(data):
                data[end : end + 4] = lookup3(bytes(data[begin:end])).to_bytes(4, "little")


@pytest.fixture(name="blocks")
def _blocks(monkeypatch: pytest.MonkeyPatch) -> Blocks:
    """The blocks of what the test reads, while it records them."""
    blocks = Blocks()
    read_block, unseal = Image.block, image.without_checksum

    def block(self: Image, address: int, size: int, what: str) -> Fields:
        if blocks.recording:
            blocks.read.append((self.begin + address, size))
        return read_block(self, address, size, what)

    def without_checksum(fields: Fields) -> Fields:
        if blocks.recording:
            blocks.sealed.append((fields.begin, len(fields.data)))
        return unseal(fields)

    monkeypatch.setattr(Image, "block", block)
    for module in (image, object_header, superblock):
        monkeypatch.setattr(module, "without_checksum", without_checksum)
    return blocks


def recorded(path: Path, blocks: Blocks) -> dict[str, Array]:
    """The values of an intact file, whose blocks are recorded."""
    values = read(path)
    blocks.recording = False
    return values


def attempt(path: Path) -> dict[str, Array] | None:
    """The values; None where the file is refused, at once or when a chunk is read."""
    failure: CheckpointError | OSError
    try:
        with state_of(path) as state:
            return {name: array(tensor) for name, tensor in state.tensors.items()}
    except CheckpointError as error:
        failure, message = error, error.message
    except OSError as error:
        failure, message = error, str(error.strerror)
    assert message.isprintable()
    assert len(message) < 400
    assert isinstance(failure, CheckpointError) or failure.filename == str(path)
    return None


def with_end(data: bytes, end: int) -> bytes:
    """A file cut after `end` bytes, whose superblock says so."""
    cut = bytearray(data[:end])
    if data[8] < 2:
        if end >= 48:
            cut[40:48] = end.to_bytes(8, "little")
    elif end >= 48:
        cut[28:36] = end.to_bytes(8, "little")
        cut[44:48] = lookup3(bytes(cut[:44])).to_bytes(4, "little")
    return bytes(cut)


@every_form
def test_truncated_file_is_refused(tmp_path: Path, blocks: Blocks, form: str, libver: str) -> None:
    path = tmp_path / "net.h5"
    whole = write(path, form, libver)
    intact = recorded(path, blocks)
    assert intact
    ends = {end for begin, size in blocks.read for end in (begin, begin + 1, begin + size - 1)}
    chance = random.Random(f"cut {form} {libver}")
    ends = set(chance.sample(sorted(ends), min(len(ends), ROUNDS)))
    for end in sorted(ends | {0, 4, 8, 9, len(whole) - 1}):
        path.write_bytes(whole[:end])
        assert slug(path) in {"weights/truncated", "weights/malformed-hdf5"}
        path.write_bytes(with_end(whole, end))
        found = attempt(path)
        # What lies behind the last thing that is read may be cut off.
        assert found is None or found.keys() == intact.keys()


@every_form
def test_flipped_bit_gives_tensors_or_a_refusal(
    tmp_path: Path, blocks: Blocks, form: str, libver: str
) -> None:
    path = tmp_path / "net.h5"
    whole = write(path, form, libver)
    recorded(path, blocks)
    sealed = {at for begin, size in blocks.sealed for at in range(begin, begin + size)}
    chance = random.Random(f"archc {form} {libver}")
    places = blocks.bytes
    for at in chance.sample(places, min(len(places), ROUNDS)):
        changed = bytearray(whole)
        changed[at] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        found = attempt(path)
        assert found is None or at not in sealed, f"byte {at} has a checksum"


@every_form
def test_forged_structure_gives_tensors_or_a_refusal(
    tmp_path: Path, blocks: Blocks, form: str, libver: str
) -> None:
    """A bounded fuzzer: values that hurt, copied bytes and flips, with right checksums."""
    path = tmp_path / "net.h5"
    whole = write(path, form, libver)
    recorded(path, blocks)
    chance = random.Random(f"forged {form} {libver}")
    places = blocks.bytes
    begins = [begin for begin, _ in blocks.read]
    seal = Blocks(sealed=list(dict.fromkeys(blocks.sealed)))
    outcomes = {True: 0, False: 0}
    for _ in range(ROUNDS):
        changed = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 4))):
            forge(changed, chance, chance.choice(places), begins)
        seal.seal(changed)
        path.write_bytes(changed)
        outcomes[attempt(path) is None] += 1
    assert min(outcomes.values()) > ROUNDS // 50


def forge(data: bytearray, chance: random.Random, at: int, begins: list[int]) -> None:
    width = min(chance.choice((1, 2, 4, 8)), len(data) - at)
    match chance.randrange(5):
        case 0:
            data[at] ^= 1 << chance.randrange(8)
        case 1:
            value = chance.choice((0, 1, 255, 256, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1))
            data[at : at + width] = (value % 256**width).to_bytes(width, "little")
        case 2:
            data[at : at + width] = chance.choice(begins).to_bytes(8, "little")[:width]
        case 3:
            other = chance.randrange(len(data) - width)
            data[at : at + width] = data[other : other + width]
        case _:
            data[at : at + width] = chance.randbytes(width)


def patched(path: Path, at: int, new: bytes, sealed: tuple[int, int] | None = None) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + len(new)] = new
    if sealed:
        Blocks(sealed=[sealed]).seal(data)
    path.write_bytes(data)


def write_many(path: Path, libver: str) -> None:
    with h5py.File(path, "w", libver=libver) as file:
        base = file.create_group("layers")
        for number in range(1200):
            base.create_group(f"layer {number}")
        base["layer/vars/0"] = KERNEL


def test_a_tree_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    write_many(path, "earliest")
    data = path.read_bytes()
    levels = {found.start(): data[found.start() + 5] for found in re.finditer(rb"TREE\0", data)}
    root = max(levels, key=lambda at: levels[at])
    assert levels[root] > 0
    child, other = (int.from_bytes(data[at : at + 8], "little") for at in (root + 32, root + 48))
    for at, target in ((root + 32, root), (root + 48, child), (child + 32, other)):
        path.write_bytes(data)
        patched(path, at, target.to_bytes(8, "little"))
        error = refused(path)
        assert error.rule.slug == "weights/malformed-hdf5"
        assert re.search("itself|level|symbols", error.message)


def test_a_newer_tree_that_leads_to_itself_is_refused(tmp_path: Path, blocks: Blocks) -> None:
    path = tmp_path / "net.h5"
    write_many(path, "latest")
    data = path.read_bytes()
    read(path)
    leaves = {begin for begin, _ in blocks.sealed if data[begin:].startswith(b"BTLF")}
    nodes = [block for block in blocks.sealed if data[block[0] :].startswith(b"BTIN")]
    assert nodes
    for node in nodes:
        begin, size = node
        places = [
            at
            for at in range(begin, begin + size - 8)
            if int.from_bytes(data[at : at + 8], "little") in leaves
        ]
        for place in places[:3]:
            for target in (begin, *sorted(leaves)[:2]):
                if data[place : place + 8] == target.to_bytes(8, "little"):
                    continue
                path.write_bytes(data)
                patched(path, place, target.to_bytes(8, "little"), node)
                assert slug(path) == "weights/malformed-hdf5"


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_header_that_continues_in_itself_is_refused(
    tmp_path: Path, blocks: Blocks, libver: str
) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", libver=libver) as file:
        write_structure(file)
        for number in range(7):
            file.attrs[f"attribute {number}"] = "text"
            file.attrs[f"attribute {number}"] = "text" * 20
    data = path.read_bytes()
    read(path)
    kinds = rb"\x10\0\x10\0\0\0\0\0" if libver == "earliest" else rb"\x10\x10\0\0"
    found = [match.end() for match in re.finditer(kinds, data)]
    refusals = 0
    for at in found:
        target, size = struct.unpack_from("<QQ", data, at)
        owner = next((b for b in blocks.sealed if b[0] <= at < b[0] + b[1]), None)
        if (target, size) not in blocks.read:
            continue
        # The continuation becomes a copy of what leads to it: its own address, or its own block.
        copied = bytearray(data)
        block = struct.pack("<QQ", target, size)
        message = data[at - (8 if libver == "earliest" else 4) : at] + block
        begin = target + (4 if libver == "latest" else 0)
        copied[begin : begin + len(message)] = message
        Blocks(sealed=[(target, size)] if owner else []).seal(copied)
        path.write_bytes(copied)
        assert slug(path) == "weights/malformed-hdf5"
        refusals += 1
    assert refusals


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_shape_that_the_bytes_do_not_hold_is_refused(tmp_path: Path, libver: str) -> None:
    for shape in ((2**20, 2**20), (2**40, 3), (0xFFFFFFFF, 0xFFFFFFFF)):
        path = tmp_path / "net.h5"
        with h5py.File(path, "w", libver=libver) as file:
            inner = file.create_group("layers/layer/vars")
            made = inner.create_dataset(
                "0", shape, "f4", chunks=(2, 3), maxshape=(None, None), compression="gzip"
            )
            made.id.write_direct_chunk((0, 0), zlib.compress(bytes(24)))
        assert slug(path) in {"weights/too-many-entries", "weights/malformed-hdf5"}


def test_a_chunk_that_unpacks_to_more_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    packed = zlib.compress(bytes(50_000_000), 1)
    for stored in (
        packed,
        zlib.compress(bytes(4000)) + b"x",
        zlib.compress(bytes(3999)),
        packed[:-1],
    ):
        with h5py.File(path, "w") as file:
            inner = file.create_group("layers/layer/vars")
            made = inner.create_dataset("0", (1000,), "f4", chunks=(1000,), compression="gzip")
            made.id.write_direct_chunk((0,), stored)
        tracemalloc.start()
        with state_of(path) as state, pytest.raises(OSError, match="damaged") as caught:
            array(state.tensors["0"] if "0" in state.tensors else state.tensors["layer.0"])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert caught.value.filename == str(path)
        assert peak < 4_000_000


def test_a_chunk_that_is_too_small_for_its_elements_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as file:
        inner = file.create_group("layers/layer/vars")
        made = inner.create_dataset("0", (10**9,), "f4", chunks=(10**9,), compression="gzip")
        made.id.write_direct_chunk((0,), zlib.compress(b"tiny"))
    error = refused(path)
    assert error.rule.slug == "weights/malformed-hdf5"
    assert "cannot hold" in error.message


def test_a_list_that_repeats_a_long_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    texts = ["x" * 1_000_000] + ["y"] * 2000
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = texts
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<I", 1_000_000))
    data[at : at + 16 * len(texts)] = data[at : at + 16] * len(texts)
    path.write_bytes(data)
    assert slug(path) == "weights/too-large"


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_arrays_that_share_bytes_are_refused(tmp_path: Path, blocks: Blocks, libver: str) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", libver=libver) as file:
        inner = file.create_group("layers/layer/vars")
        inner["0"], inner["1"] = KERNEL, KERNEL
        places = [inner[name].id.get_offset() for name in "01"]
    read(path)
    data = path.read_bytes()
    for place in (places[0], places[0] + 4):
        at = data.index(struct.pack("<QQ", places[1], KERNEL.nbytes))
        owner = next((b for b in blocks.sealed if b[0] <= at < b[0] + b[1]), None)
        path.write_bytes(data)
        patched(path, at, place.to_bytes(8, "little"), owner)
        assert slug(path) == "weights/overlap"


def test_names_that_are_no_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    for name in (b"..", b"a/b", b"\xff\xfe", b"x\x1b[2J/"):
        with h5py.File(path, "w") as file:
            write_structure(file)
            file.create_group("layers/" + "Q" * len(name))
        data = path.read_bytes()
        assert data.count(b"\0" + b"Q" * len(name) + b"\0") == 1
        path.write_bytes(data.replace(b"Q" * len(name), name))
        error = refused(path)
        assert error.rule.slug == "weights/malformed-hdf5"
        assert "which is no name" in error.message
