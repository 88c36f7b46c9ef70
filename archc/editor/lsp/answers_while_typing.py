"""The server's answers while a spec is written: completion, quick fixes, formatting."""

from __future__ import annotations

from lsprotocol import types

from archc.diagnostics.reporter import Failed, Reporter
from archc.editor.format import format_text
from archc.editor.lsp.completion import complete
from archc.editor.lsp.completion_item import Item, Sort
from archc.editor.lsp.fixes import quick_fixes
from archc.editor.lsp.protocol import offset_of, position, range_of_offsets
from archc.editor.lsp.server import SpecServer

_KINDS = {
    Sort.OP: types.CompletionItemKind.Class,
    Sort.BLOCK: types.CompletionItemKind.Module,
    Sort.ARGUMENT: types.CompletionItemKind.Property,
    Sort.MODIFIER: types.CompletionItemKind.Keyword,
    Sort.NAME: types.CompletionItemKind.Variable,
    Sort.FUNCTION: types.CompletionItemKind.Function,
    Sort.WORD: types.CompletionItemKind.EnumMember,
    Sort.PATH: types.CompletionItemKind.Reference,
    Sort.FILE: types.CompletionItemKind.File,
    Sort.KEY: types.CompletionItemKind.Keyword,
}
_TRIGGERS = ["$", "(", "{", "[", ".", " ", "/"]


def register_typing(server: SpecServer) -> None:
    """Registers the answers."""
    _completing(server)
    _fixing(server)
    _formatting(server)


def _completing(server: SpecServer) -> None:
    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=_TRIGGERS)
    )
    @server.guarded
    def on_completion(params: types.CompletionParams) -> types.CompletionList | None:
        document = server.document(params.text_document.uri)
        found = complete(document, offset_of(document, params.position)) if document else None
        if document is None or found is None:
            return None
        at = range_of_offsets(document, found.start, found.end)
        has_snippets = server.takes_snippets
        items = [_item(item, number, at, has_snippets) for number, item in enumerate(found.items)]
        return types.CompletionList(is_incomplete=False, items=items)


def _item(item: Item, number: int, at: types.Range, has_snippets: bool) -> types.CompletionItem:
    is_snippet = has_snippets and "$" in item.snippet
    text = item.snippet if is_snippet else item.plain
    return types.CompletionItem(
        item.label,
        kind=_KINDS[item.sort],
        detail=item.detail or None,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, item.about)
        if item.about
        else None,
        sort_text=f"{number:04}",
        filter_text=item.label,
        insert_text_format=types.InsertTextFormat.Snippet
        if is_snippet
        else types.InsertTextFormat.PlainText,
        text_edit=types.TextEdit(at, text),
    )


def _fixing(server: SpecServer) -> None:
    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
    )
    @server.guarded
    def on_code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        document = server.document(params.text_document.uri)
        if document is None:
            return []
        actions = []
        for found in server.checker.found_in(document.path):
            shown = server.converter.diagnostic(found)
            if not _touch(shown.range, params.range):
                continue
            fixes = quick_fixes(document, found)
            actions += [
                types.CodeAction(
                    fix.title,
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[shown],
                    is_preferred=len(fixes) == 1,
                    edit=server.converter.edits([fix.change]),
                )
                for fix in fixes
            ]
        return actions


def _touch(a: types.Range, b: types.Range) -> bool:
    """Whether two ranges have a place in common, their ends included."""
    starts = ((r.start.line, r.start.character) for r in (a, b))
    ends = ((r.end.line, r.end.character) for r in (a, b))
    return max(starts) <= min(ends)


def _formatting(server: SpecServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    @server.guarded
    def on_formatting(params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
        document = server.document(params.text_document.uri)
        if document is None:
            return None
        formatted = format_text(document.source, Reporter())
        if isinstance(formatted, Failed) or formatted == document.lines.text:
            return None
        whole = types.Range(types.Position(0, 0), position(document.lines.end))
        return [types.TextEdit(whole, formatted)]
