"""What logs of real servers become; the lines were taken from Triton 2.51 and MLServer 1.7.1."""

from __future__ import annotations

import pytest

from archc.serving.causes import find_cause

REFUSED = """
E1121 12:22:21.061711 12145 model_lifecycle.cc:642] "failed to load 'digits' version 1"
+--------+---------+---------------------------------------------------------------------+
| Model  | Version | Status                                                              |
+--------+---------+---------------------------------------------------------------------+
| digits | 1       | UNAVAILABLE: Internal: TritonModelException: the model has no       |
|        |         | output 'logitz'; it has 'logits'                                    |
|        |         |                                                                     |
|        |         | At:                                                                 |
|        |         |   /tmp/backends/onnxruntime/model.py(132): _refuse                  |
|        |         |   /tmp/backends/onnxruntime/model.py(71): initialize                |
| other  | 1       | READY                                                               |
+--------+---------+---------------------------------------------------------------------+

Error: Failed to initialize NVML
"""


def test_a_refused_model_is_named_with_the_reason_alone() -> None:
    cause = find_cause(REFUSED)
    assert cause.notes == ("`digits`: Internal: the model has no output 'logitz'; it has 'logits'",)
    assert cause.helps == ("`archc deploy --check DIR` says what a server refuses, and where",)
    assert not cause.is_port


@pytest.mark.parametrize(
    ("log", "note", "help_"),
    [
        (
            "[libprotobuf ERROR /a/text_format.cc:335] Error parsing text-format "
            'inference.ModelConfig: 11:9: Message type has no field named "nonsense".',
            "Error parsing text-format inference.ModelConfig: 11:9: Message type has no field "
            'named "nonsense".',
            None,
        ),
        (
            "Unsupported model IR version: 13, max supported IR version: 10",
            "the model has the IR version 13, and the server's ONNX Runtime reads up to 10",
            "archc build --opset 17",
        ),
        (
            "AttributeError: '_thread.RLock' object has no attribute '_recursion_count'",
            "the server's Python process has loaded the library of another Python",
            "environment",
        ),
        (
            "tritonserver: error while loading shared libraries: libdcgm.so.3: cannot open",
            "the server's program lacks the library `libdcgm.so.3`",
            None,
        ),
        (
            "tritonserver: /lib/libc.so.6: version `GLIBC_2.35' not found",
            "the server's program needs a newer C library: GLIBC_2.35",
            "--engine mlserver",
        ),
        (
            "ModuleNotFoundError: No module named 'onnxruntime'",
            "the server's Python has no package `onnxruntime`",
            None,
        ),
        (
            "instance group digits_0 of model digits has kind KIND_GPU but no GPUs are available",
            "the package is for a machine with a GPU, and the server finds none",
            "--device cpu",
        ),
        (
            "2026-11-20 10:00:00,000 [mlserver] ERROR - Model digits could not be loaded",
            "Model digits could not be loaded",
            None,
        ),
        ("error: creating server: Internal - bad", "creating server: Internal - bad", None),
        ("something else\n\nhappened at last\n", "happened at last", None),
    ],
)
def test_known_causes_are_told_in_our_words(log: str, note: str, help_: str | None) -> None:
    cause = find_cause(log)
    assert cause.notes[-1] == note
    assert help_ is None or any(help_ in one for one in cause.helps)
    assert not cause.is_port


@pytest.mark.parametrize(
    "log",
    [
        'E1121 12:00:00.1 1 main.cc:9] "failed to start HTTP service: Unavailable - Socket '
        "'127.0.0.1:8000' already in use \"",
        "OSError: [Errno 98] error while attempting to bind: address already in use",
    ],
)
def test_a_port_that_is_taken_is_known(log: str) -> None:
    cause = find_cause(log)
    assert cause.is_port
    assert any("another program listens" in note for note in cause.notes)


def test_what_a_machine_without_a_gpu_says_is_no_cause() -> None:
    cause = find_cause('E1121 1:1 1 a.cc:1] "CudaDriverHelper has not been initialized."\nlast')
    assert cause.notes == ("last",)


def test_long_and_unprintable_lines_are_cut_and_cleaned() -> None:
    (note,) = find_cause("error: \x1b[2J" + "x" * 5000).notes
    assert note.isprintable()
    assert len(note) < 500


def test_an_empty_log_has_no_cause() -> None:
    assert find_cause("") == ((), (), False)
