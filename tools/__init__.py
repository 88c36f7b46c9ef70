"""Commands for developers: facts and answers from the reference implementations."""
