"""The language server: what an editor shows of a spec while it is written.

Each feature is a function of a `Document` and a place in it, in a file of its own; `server` and the
answers alone speak the protocol. Read `document` first, then `words`.
"""
