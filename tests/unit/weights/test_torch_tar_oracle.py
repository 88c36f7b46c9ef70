"""Against PyTorch itself: the tar archives of these tests are such as `torch.load` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.unit.weights.reading import opened, values
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
from tests.unit.weights.torch_files import Built, Call, Global, New, Persistent, pickled

torch: Any = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

PARAMETER = Global("torch.nn.parameter", "Parameter")


def assert_same(path: Path) -> None:
    expected = torch.load(path, weights_only=False)
    found = values(path)
    assert list(found) == list(expected)
    with opened(path) as checkpoint:
        for name, wanted in expected.items():
            kind = str(wanted.dtype).removeprefix("torch.")
            assert checkpoint.tensors[name].dtype == kind
            np.testing.assert_array_equal(found[name], wanted.detach().float().numpy())


def test_torch_refuses_them_in_its_safe_mode(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "net.pth", members_of({"w": np.ones(3, np.float32)}))
    with pytest.raises(Exception, match=r"legacy \.tar format"):
        torch.load(path, weights_only=True)
    assert values(path)["w"].tolist() == [1, 1, 1]


def test_every_element_type(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    arrays: dict[str, npt.NDArray[np.generic]] = {
        kind: (random.random((3, 5)) * 100).astype(kind)
        for kind in ("f4", "f2", "f8", "i8", "i4", "i2", "i1", "u1")
    }
    assert_same(write_tar(tmp_path / "net.pth", members_of(arrays)))


def test_strides_views_and_parameters(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).standard_normal(60).astype(np.float32)
    storage = TarStorage(7, "FloatStorage", numbers.tobytes(), 60)
    tensors = [
        TarTensor(1, 7, "FloatTensor", [3, 4, 5]),
        TarTensor(2, 7, "FloatTensor", [5, 4], [1, 10], 3),
        TarTensor(3, 20, "FloatTensor", [4, 2], [2, 1], 1),
        TarTensor(4, 7, "FloatTensor", [3, 2], [1, 0], 50),
    ]
    state = {
        "whole": Persistent("1"),
        "turned": Call(PARAMETER, (Persistent("2"),)),
        "part": Built(New(PARAMETER), (Persistent("3"), None, None, True, False)),
        "expanded": Built(Call(PARAMETER, (Persistent("4"),)), (False, False, None)),
        "again": Persistent("1"),
    }
    members = {
        "sys_info": pickled(MACHINE),
        "pickle": pickled(ordered(state)),
        "tensors": tensors_of(tensors),
        "storages": storages_of([storage], [(20, 7, 11, 20)]),
    }
    assert_same(write_tar(tmp_path / "net.pth", members))


def test_state_of_a_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Flatten(), torch.nn.Linear(8, 4)
    )
    state = {name: t for name, t in net.state_dict().items() if t.ndim}
    path = write_tar(tmp_path / "net.pth", members_of({n: t.numpy() for n, t in state.items()}))
    assert_same(path)
    net.load_state_dict(torch.load(path, weights_only=False), strict=False)
