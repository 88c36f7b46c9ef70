"""Tree to words: sequences of layers, their arguments, branches and control items."""

from __future__ import annotations

from archc.diagnostics.place import Source, Span
from archc.editor.lsp.words import Declaration, Names, Role, Word
from archc.language.spec import CONTROL_KEYS, MODIFIERS
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree
from archc.layers.catalog import OPS, layer_class

_LONG_BRANCH = frozenset(("layers", "from", "when"))
_HEADS = ("for", "in", "if", "else", "do")


class SequenceReader:
    """Collects words; a `Word` also says where reading stands."""

    def __init__(self) -> None:
        self.words: list[Word] = []

    def here(self, names: Names) -> Word:
        """The place at the top of a spec."""
        nothing = Scalar(None, "", Span(self._nowhere(), 1, 1, 1, 1))
        return Word(nothing, Role.VALUE, names)

    @staticmethod
    def _nowhere() -> Source:
        return Source("", "")

    def add(
        self,
        scalar: Scalar,
        role: Role,
        here: Word,
        *,
        whole: Span | None = None,
        beside: tuple[str, ...] = (),
    ) -> None:
        """Takes a word."""
        self.words.append(here._replace(scalar=scalar, role=role, whole=whole, beside=beside))

    def scalars(self, tree: Tree, role: Role, here: Word) -> None:
        """Takes a scalar, or all that stand in a node, with one role."""
        if isinstance(tree, Scalar):
            self.add(tree, role, here)
        elif isinstance(tree, Sequence):
            for item in tree.items:
                self.scalars(item, role, here)
        else:
            for entry in tree:
                self.add(entry.key, role, here)
                self.scalars(entry.value, role, here)

    def value(self, tree: Tree, here: Word) -> None:
        """Takes a value: scalars, lists of them, or a layer with its arguments."""
        if isinstance(tree, Scalar):
            self.add(tree, Role.VALUE, here)
        elif isinstance(tree, Sequence):
            for item in tree.items:
                self.value(item, here)
        elif tree.entries:
            self._with_arguments(tree, tree.entries, here._replace(layer=None))

    def keyed(self, tree: Tree, here: Word) -> None:
        """Takes a section of fixed keys with values below them."""
        if isinstance(tree, Sequence):
            for item in tree.items:
                self.keyed(item, here)
        elif isinstance(tree, Scalar):
            self.add(tree, Role.VALUE, here)
        else:
            for entry in tree:
                inside = here._replace(argument=entry.key.text)
                self.add(entry.key, Role.KEY, here, beside=tree.names)
                self.keyed(entry.value, inside)

    # Sequences.

    def sequence(self, tree: Tree, here: Word) -> None:
        """Takes a list or a mapping of layers."""
        if isinstance(tree, Scalar):
            self.add(tree, Role.OP, here._replace(layer=tree))
        elif isinstance(tree, Sequence):
            for item in tree.items:
                self._item(item, here)
        else:
            beside = tree.names
            for entry in tree:
                whole = _from_to(entry.key.span, entry.value.span)
                at = here._replace(layer=entry.value, op=None, argument=None)
                self.add(entry.key, Role.LAYER_NAME, at, whole=whole, beside=beside)
                self._layer(entry.value, at)

    def _item(self, tree: Tree, here: Word) -> None:
        is_control = isinstance(tree, Mapping) and any(n in _HEADS for n in tree.names)
        if isinstance(tree, Mapping) and is_control:
            self._control(tree, here, is_branches=False)
        else:
            self._layer(tree, here._replace(layer=tree, op=None, argument=None))

    def _control(self, tree: Mapping, here: Word, *, is_branches: bool) -> None:
        loop = tree.get("for")
        names = here.names
        if loop is not None:
            names = Names(here.names, {})
            values = tree.get("in")
            for name in _scalars(loop.value):
                value = values.value if values is not None else None
                names.declared[name.text] = Declaration(Role.LOOP_NAME, name, value, here.block)
        inside = here._replace(names=names, op=None, argument=None)
        for entry in tree:
            key = entry.key.text
            self.add(entry.key, Role.CONTROL, here, beside=tree.names)
            if key == "for":
                self.scalars(entry.value, Role.LOOP_NAME, inside)
            elif key in ("do", "else"):
                self._branches(entry.value, inside) if is_branches else self.sequence(
                    entry.value, inside
                )
            elif key in CONTROL_KEYS:
                self.value(entry.value, here._replace(op=None, argument=key))

    # Layers.

    def _layer(self, tree: Tree, here: Word) -> None:
        if isinstance(tree, Scalar):
            self.add(tree, Role.OP, here)
        elif isinstance(tree, Sequence):
            self.sequence(tree, here._replace(layer=None))
        else:
            entries = self._modifiers(tree, here)
            if entries and entries[0].key.text == "layers":
                self.add(entries[0].key, Role.MODIFIER, here, beside=tree.names)
                self.sequence(entries[0].value, here._replace(layer=None))
            elif entries:
                self._with_arguments(tree, entries, here)

    def _modifiers(self, tree: Mapping, here: Word) -> tuple[Entry, ...]:
        """Takes the modifiers of a layer, and gives the other entries."""
        others = tuple(e for e in tree if e.key.text not in MODIFIERS)
        op = others[0].key if others else None
        for entry in tree:
            key = entry.key.text
            if key not in MODIFIERS:
                continue
            self.add(entry.key, Role.MODIFIER, here._replace(op=op), beside=tree.names)
            if key in ("from", "weights"):
                self.scalars(entry.value, Role.PATH, here._replace(argument=key))
            elif key == "name":
                self.scalars(entry.value, Role.LAYER_NAME, here)
            elif key == "first" and isinstance(entry.value, Mapping):
                self._arguments(entry.value.entries, entry.value.names, here._replace(op=op))
            else:
                self.value(entry.value, here._replace(op=None, argument=key))
        return others

    def _with_arguments(self, tree: Mapping, entries: tuple[Entry, ...], here: Word) -> None:
        first, *rest = entries
        self.add(first.key, Role.OP, here, beside=tree.names)
        inside = here._replace(op=first.key)
        if isinstance(first.value, Mapping):
            beside = (*first.value.names, *(e.key.text for e in rest))
            self._arguments(first.value.entries, beside, inside)
        else:
            self._argument(first.value, None, inside)
        self._arguments(tuple(rest), tree.names[1:], inside)

    def _arguments(self, entries: tuple[Entry, ...], beside: tuple[str, ...], here: Word) -> None:
        for entry in entries:
            name = entry.key.text
            self.add(entry.key, Role.ARGUMENT, here._replace(argument=name), beside=beside)
            self._argument(entry.value, name, here)

    def _argument(self, tree: Tree, name: str | None, here: Word) -> None:
        cls = layer_class(here.op.text) if here.op is not None and here.op.text in OPS else None
        inside = here._replace(argument=name)
        if cls is not None and cls.takes_branches and name in (None, "branches"):
            self._branches(tree, here._replace(layer=None, op=None, argument=None))
        elif cls is not None and cls.path_argument is not None:
            principal = next(iter(cls.model_fields))
            is_path = (name or principal) == cls.path_argument
            self.scalars(tree, Role.PATH if is_path else Role.VALUE, inside)
        else:
            self.value(tree, inside)

    # Branches.

    def _branches(self, tree: Tree, here: Word) -> None:
        if not isinstance(tree, Sequence):
            self.sequence(tree, here)
            return
        for item in tree.items:
            if isinstance(item, Mapping) and any(n in ("do", "for", "if") for n in item.names):
                self._control(item, here, is_branches=True)
            elif isinstance(item, Mapping) and _LONG_BRANCH.issuperset(item.names):
                self.long_branch(item, here)
            else:
                self.sequence(item, here)

    def long_branch(self, tree: Mapping, here: Word) -> None:
        """Takes a branch, or a side output, in its long form."""
        for entry in tree:
            key = entry.key.text
            self.add(entry.key, Role.MODIFIER, here, beside=tree.names)
            if key == "layers":
                self.sequence(entry.value, here)
            elif key == "from":
                self.scalars(entry.value, Role.PATH, here._replace(argument=key))
            else:
                self.value(entry.value, here._replace(argument=key))


def _scalars(tree: Tree) -> list[Scalar]:
    if isinstance(tree, Scalar):
        return [tree]
    items = tree.items if isinstance(tree, Sequence) else ()
    return [item for item in items if isinstance(item, Scalar)]


def _from_to(start: Span, end: Span) -> Span:
    if (end.end_line, end.end_column) < (start.end_line, start.end_column):
        return start
    return Span(start.source, start.line, start.column, end.end_line, end.end_column)
