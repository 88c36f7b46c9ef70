"""What editors want of a spec: its schema, its canonical form, and a language server in `lsp`."""
