"""The `sealgate` command: loads the command line, or says in one line how to get it."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs `sealgate`; click comes with the extra `[cli]`."""
    try:
        from sealgate.cli import main as run
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        sys.exit(f"sealgate: the command line needs {error.name}: pip install 'sealgate[cli]'")
    run()


if __name__ == "__main__":
    main()
