"""Against PyTorch itself: what `torch.save` writes is read to the values that were saved."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.weights.reading import array, opened, refused

torch: Any = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

FORMS = {"zip": True, "legacy": False}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def save(value: object, path: Path, form: str, **options: object) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=FORMS[form], **options)


def assert_same(path: Path, expected: dict[str, Any]) -> None:
    with opened(path) as checkpoint:
        assert list(checkpoint.tensors) == list(expected)
        for name, wanted in expected.items():
            source = checkpoint.tensors[name]
            assert source.shape == tuple(wanted.shape)
            assert source.dtype == str(wanted.dtype).removeprefix("torch.")
            for target in ("float32", "float16"):
                converted = wanted.detach().to(getattr(torch, target)).numpy()
                np.testing.assert_array_equal(array(source, target), converted)


def test_every_element_type(tmp_path: Path, form: str) -> None:
    torch.manual_seed(0)
    names = (
        "float32 float16 bfloat16 float64 int64 int32 int16 int8 uint8 bool uint16 uint32 uint64"
    )
    state = {
        name: (torch.randn(3, 5) * 100).abs().to(getattr(torch, name)) for name in names.split()
    }
    save(state, tmp_path / "net.pt", form)
    assert_same(tmp_path / "net.pt", state)


def test_views_shared_storages_and_odd_shapes(tmp_path: Path, form: str) -> None:
    torch.manual_seed(0)
    base = torch.randn(6, 8, 3, 3)
    state = {
        "base": base,
        "transposed": base.transpose(0, 1),
        "part": base[2:5, ::2],
        "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "expanded": torch.randn(3, 1).expand(3, 4),
        "scalar": torch.tensor(2.5),
        "none": torch.zeros(0, 3),
        "bfloat16_part": torch.randn(4, 4, dtype=torch.bfloat16)[:, 1:3],
        "large": torch.randn(500, 700).T,
        "parameter": torch.nn.Parameter(torch.randn(2)),
        "special": torch.tensor([float("nan"), float("inf"), -0.0, 1e-42]),
    }
    save(state, tmp_path / "net.pt", form)
    assert_same(tmp_path / "net.pt", state)


def network() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Flatten(), torch.nn.Linear(8, 4)
    )


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_state_of_a_network_in_every_protocol(tmp_path: Path, form: str, protocol: int) -> None:
    state = network().state_dict()
    save(state, tmp_path / "net.pt", form, pickle_protocol=protocol)
    assert_same(tmp_path / "net.pt", state)


def test_training_checkpoint(tmp_path: Path, form: str) -> None:
    import argparse

    net = torch.nn.DataParallel(network())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.randn(2, 3, 3, 3)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [30, 60])
    averaged = torch.optim.swa_utils.AveragedModel(net)
    value = {
        "epoch": 3,
        "state_dict": net.state_dict(),
        "model_ema": averaged.state_dict(),
        "best_acc1": torch.tensor(71.5),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": schedule.state_dict(),
        "args": argparse.Namespace(lr=0.1, out=Path("x")),
        "best": np.float64(0.5),
        "random": np.random.RandomState(0).get_state(),
        "rng": torch.get_rng_state(),
        "size": torch.Size([1, 2]),
        "device": torch.device("cpu"),
        "seen": {1, 2},
        "bytes": b"abc",
    }
    save(value, tmp_path / "net.pt", form)
    assert_same(
        tmp_path / "net.pt",
        OrderedDict((k.removeprefix("module."), v) for k, v in net.state_dict().items()),
    )
    with opened(tmp_path / "net.pt") as checkpoint:
        assert checkpoint.notes == (
            "used the weights under `state_dict`; the checkpoint also has `model_ema`",
            "took the prefix `module.` off all names",
        )


def test_averaged_model(tmp_path: Path, form: str) -> None:
    net = network()
    averaged = torch.optim.swa_utils.AveragedModel(net)
    save(averaged.state_dict(), tmp_path / "net.pt", form)
    assert_same(tmp_path / "net.pt", net.state_dict())


def test_whole_module_is_refused(tmp_path: Path, form: str) -> None:
    save(network(), tmp_path / "net.pt", form)
    found = refused(tmp_path / "net.pt")
    assert found.rule.slug == "weights/refused-global"
    assert "`torch.nn.modules.container.Sequential`" in found.message


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript_is_refused(tmp_path: Path) -> None:
    scripted = torch.jit.trace(network().eval(), torch.zeros(1, 3, 3, 3))
    torch.jit.save(scripted, str(tmp_path / "net.pt"))
    assert refused(tmp_path / "net.pt").rule.slug == "weights/torchscript"


def test_safetensors_of_torch(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    torch.manual_seed(0)
    state = {
        "a": torch.randn(3, 4).to(torch.bfloat16),
        "b": torch.randn(5),
        "c": torch.tensor(True),
    }
    save_file(state, tmp_path / "net")
    with opened(tmp_path / "net") as checkpoint:
        for name, wanted in state.items():
            np.testing.assert_array_equal(
                array(checkpoint.tensors[name]), wanted.to(torch.float32).numpy()
            )
