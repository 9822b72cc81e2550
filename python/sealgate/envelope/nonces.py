"""Nonces, drawn many at once: to ask the system for a few octets takes a tenth of the time that sealing takes."""

from __future__ import annotations

import os
import secrets

__all__ = ["nonce"]

_DRAWN = 64
_DIGITS = 32
_left: list[str] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_left.clear)  # or parent and child would give the same ones


def nonce() -> str:
    """32 hexadecimal digits, which are given once."""
    while True:
        try:
            return _left.pop()  # of several threads, each gets its own
        except IndexError:
            digits = secrets.token_hex(_DIGITS // 2 * _DRAWN)
            _left.extend(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS))
