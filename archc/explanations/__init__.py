"""Explanations of the rules: what each is about, with a wrong and a corrected example.

A rule is a constant in the code, where it is reported; `declared` finds it. Its page, in `pages/`,
holds the examples; `page` reads it. `explanation` puts both together with what archc says of the
wrong example, and `as_text`, `as_markdown` and `as_json` show that.
"""
