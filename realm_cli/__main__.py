"""`realm` and `python -m realm_cli`."""

from __future__ import annotations

from realm_cli.cli.app import main

if __name__ == "__main__":
    main()
