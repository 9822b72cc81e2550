"""Writes the published vectors, `python/sealgate/vectors/*.json`: `python tests/write_vectors.py`."""

from __future__ import annotations

from pathlib import Path

import published
import published_values

VECTORS = Path(__file__).parent.parent / "python" / "sealgate" / "vectors"


def main() -> None:
    VECTORS.mkdir(exist_ok=True)
    wanted = {f"{name}.json": published.text_of(file) for name, file in (*published.files(), *published_values.files())}
    for path in VECTORS.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (VECTORS / name).write_text(text)
    print(f"{len(wanted)} files in {VECTORS}")


if __name__ == "__main__":
    main()
