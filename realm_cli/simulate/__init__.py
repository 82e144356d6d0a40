"""Annotators of known expertise, so that every estimate can be held against the truth."""
