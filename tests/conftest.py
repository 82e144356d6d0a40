"""Here so that pytest puts `tests/` on the path: the builders of tests/tables.py are for all."""
