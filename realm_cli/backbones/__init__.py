"""Backbones: text -> option scores, one kind of model a file."""
