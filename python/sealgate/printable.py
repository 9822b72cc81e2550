"""Text from elsewhere, made safe to show: a name must not write to the terminal, nor look like another one."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    """With escapes for control characters, lone surrogates, and what reorders or hides text."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
