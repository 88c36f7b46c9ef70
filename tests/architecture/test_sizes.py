from __future__ import annotations

from tests.architecture.sources import ROOT, functions, trees

LONGEST_FILE = 500
LONGEST_FUNCTION = 60


def test_no_file_is_too_long() -> None:
    lengths = {path: len((ROOT / path).read_bytes().splitlines()) for path in trees()}
    assert {path: n for path, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    lengths = {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, tree in trees().items()
        for node in functions(tree)
    }
    assert {where: n for where, n in lengths.items() if n > LONGEST_FUNCTION} == {}
