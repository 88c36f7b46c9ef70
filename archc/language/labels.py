"""The names of a classifier's classes: a list in the spec, or a text file with one a line."""

from __future__ import annotations

import re
from pathlib import Path

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.nearest import did_you_mean
from archc.diagnostics.place import Place
from archc.diagnostics.reporter import FAILED, Failed, Reporter
from archc.language.library import is_file, read_source, zoo_folder
from archc.language.tree import Mapping, Scalar, Sequence, Tree, kind_of, shown

LABELS = Rule(
    "labels/form", "the labels are neither a list of names nor a text file",
    "they name the classes in the order of the network's output",
)  # fmt: skip
NOT_FOUND = Rule("labels/not-found", "the file of labels is not there", "it lists the class names")


def read_labels(tree: Tree, file_name: str, reporter: Reporter) -> tuple[str, ...] | Failed:
    """The class names that a spec gives; a file is looked up beside the spec, then in the zoo.

    Reports:
        labels/form, labels/not-found, spec/unreadable.
    """
    if isinstance(tree, Mapping):
        message = f"`labels` is a list of names or a text file, not {kind_of(tree)}"
        return reporter.error(LABELS, message, Place(tree.span))
    if isinstance(tree, Sequence):
        for item in tree.items:
            if not isinstance(item, Scalar) or item.is_null:
                message = f"a label is a text, not {kind_of(item)}"
                return reporter.error(LABELS, message, Place(item.span))
        return tuple(item.text for item in tree.items if isinstance(item, Scalar))
    if not isinstance(tree.value, str):
        message = f"`labels` is a list of names or a text file, not {kind_of(tree)}"
        return reporter.error(LABELS, message, Place(tree.span))
    path = _find(tree.text, Path(file_name).parent)
    if path is None:
        near = [p.name for p in Path(file_name).parent.glob("*.txt")]
        helps = did_you_mean(tree.text, near)
        message = f"there is no file `{shown(tree.text)}` beside the spec"
        return reporter.error(NOT_FOUND, message, Place(tree.span), helps=helps)
    source = read_source(path, Place(tree.span), reporter)
    if isinstance(source, Failed):
        return FAILED
    return tuple(line.strip() for line in source.text.splitlines() if line.strip())


def _find(name: str, folder: Path) -> Path | None:
    if is_file(folder / name):
        return folder / name
    if re.fullmatch(r"[A-Za-z0-9_.\-]+", name) and is_file(zoo_folder() / name):
        return zoo_folder() / name
    return None
