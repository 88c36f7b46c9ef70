from __future__ import annotations

import subprocess
import sys
from functools import cache
from itertools import permutations

import grimp

from archc.layers.catalog import OPS
from tests.architecture.sources import ROOT


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("archc", exclude_type_checking_imports=True, cache_dir=None)


def test_the_import_contracts_are_kept() -> None:
    check = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    run = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_no_module_imports_the_root() -> None:
    assert imports().find_modules_that_directly_import("archc") == set()


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = imports()
    cycles = {
        " > ".join(chain)
        for module in graph.modules
        for other in graph.find_modules_directly_imported_by(module)
        if (chain := graph.find_shortest_chain(importer=other, imported=module))
    }
    assert cycles == set()


def test_families_of_layers_do_not_import_each_other() -> None:
    families = {f"archc.layers.{file}" for file in OPS.values()}
    graph = imports()
    assert families <= graph.modules
    found = {
        f"{importer} > {imported}"
        for importer, imported in permutations(sorted(families), 2)
        if graph.chain_exists(importer=importer, imported=imported)
    }
    assert found == set()
