"""Tree to words: the sections of a spec, their declarations and values."""

from __future__ import annotations

from archc.diagnostics.place import Span
from archc.editor.lsp.sequence_words import SequenceReader
from archc.editor.lsp.words import Declaration, Names, Role, Word
from archc.language.parameter_type import parse_type
from archc.language.tree import Entry, Mapping, Scalar, Sequence, Tree

_VARIANT_KEYS = ("expect", "description")


def read_words(tree: Tree) -> list[Word]:
    """The words of a spec in the order of the text; what is malformed gives those that it can."""
    reader = _SpecReader()
    reader.spec(tree)
    reader.words.sort(key=lambda word: (word.scalar.span.line, word.scalar.span.column))
    return reader.words


class _SpecReader(SequenceReader):
    def spec(self, tree: Tree) -> None:
        names = Names(None, {})
        if not isinstance(tree, Mapping):  # the first key of all may be about to be typed
            self.scalars(tree, Role.TOP_KEY, self.here(names))
            return
        for key in ("params", "let"):
            self._declare(tree.get(key), names, Role.PARAMETER if key == "params" else Role.LET)
        here = self.here(names)
        for entry in tree:
            inside = here._replace(section=entry.key.text)
            self.add(entry.key, Role.TOP_KEY, here, whole=_whole(entry), beside=tree.names)
            self._section(entry, inside)

    def _declare(self, section: Entry | None, names: Names, role: Role, block: str = "") -> None:
        if section is None or not isinstance(section.value, Mapping):
            return
        for entry in section.value:
            names.declared[entry.key.text] = Declaration(role, entry.key, entry.value, block)

    def _section(self, entry: Entry, here: Word) -> None:
        key, value = entry.key.text, entry.value
        if key == "imports" and isinstance(value, Sequence):
            for item in value.items:
                self.scalars(item, Role.IMPORT, here)
        elif key in ("params", "let", "variants", "blocks") and isinstance(value, Mapping):
            self._declarations(key, value, here)
        elif key == "layers":
            self.sequence(value, here)
        elif key == "outputs" and isinstance(value, Mapping):
            self._outputs(value, here)
        elif key in ("input", "preprocess", "weights", "expect"):
            self.keyed(value, here)
        elif key == "labels":
            self.scalars(value, Role.TEXT, here)
        else:
            self.value(value, here._replace(argument=key))

    def _declarations(self, key: str, tree: Mapping, here: Word) -> None:
        for entry in tree:
            if key == "params":
                self._parameter(entry, here, tree)
            elif key == "let":
                self.add(entry.key, Role.LET, here, whole=_whole(entry))
                self.value(entry.value, here._replace(argument=entry.key.text))
            elif key == "variants":
                self._variant(entry, here)
            else:
                self._block(entry, here)

    def _parameter(self, entry: Entry, here: Word, beside: Mapping) -> None:
        self.add(entry.key, Role.PARAMETER, here, whole=_whole(entry), beside=beside.names)
        inside = here._replace(argument=entry.key.text)
        value = entry.value
        if not isinstance(value, Mapping):
            is_type = isinstance(value, Scalar) and parse_type(value.text) is not None
            self.scalars(value, Role.TYPE, inside) if is_type else self.value(value, inside)
            return
        for part in value:
            self.add(part.key, Role.KEY, inside._replace(section="parameter"), beside=value.names)
            if part.key.text == "type":
                self.scalars(part.value, Role.TYPE, inside)
            elif part.key.text == "help":
                self.scalars(part.value, Role.TEXT, inside)
            else:
                self.value(part.value, inside)

    def _variant(self, entry: Entry, here: Word) -> None:
        self.add(entry.key, Role.VARIANT, here, whole=_whole(entry))
        if not isinstance(entry.value, Mapping):
            return
        for part in entry.value:
            is_key = part.key.text in _VARIANT_KEYS
            role = Role.KEY if is_key else Role.SETTING
            section = "variant" if is_key else here.section
            at = here._replace(section=section, argument=part.key.text)
            self.add(part.key, role, at, whole=_whole(part), beside=entry.value.names)
            if part.key.text == "expect":
                self.keyed(part.value, here._replace(section="expect"))
            else:
                self.value(part.value, here._replace(argument=part.key.text))

    def _block(self, entry: Entry, here: Word) -> None:
        name = entry.key.text
        self.add(entry.key, Role.BLOCK, here, whole=_whole(entry))
        if not isinstance(entry.value, Mapping):
            return
        names = Names(here.names, {})
        inside = here._replace(names=names, block=name)
        self._declare(entry.value.get("params"), names, Role.PARAMETER, name)
        self._declare(entry.value.get("let"), names, Role.LET, name)
        for part in entry.value:
            at = inside._replace(section="block")
            self.add(part.key, Role.KEY, at, whole=_whole(part), beside=entry.value.names)
            if part.key.text == "layers":
                self.sequence(part.value, inside)
            elif part.key.text in ("params", "let") and isinstance(part.value, Mapping):
                self._declarations(part.key.text, part.value, inside)
            else:
                self.scalars(part.value, Role.TEXT, inside)

    def _outputs(self, tree: Mapping, here: Word) -> None:
        for entry in tree:
            self.add(entry.key, Role.OUTPUT, here, whole=_whole(entry))
            if isinstance(entry.value, Mapping):
                self.long_branch(entry.value, here)
            else:
                self.scalars(entry.value, Role.PATH, here)


def _whole(entry: Entry) -> Span:
    start, end = entry.key.span, entry.value.span
    if (end.end_line, end.end_column) < (start.end_line, start.end_column):
        return start  # an alias stands for what is written above
    return Span(start.source, start.line, start.column, end.end_line, end.end_column)
