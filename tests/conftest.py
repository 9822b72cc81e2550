"""How many examples the hypothesis tests run: the README's command, or `--hypothesis-profile=thorough`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# The first call after a cold start can be slow on a busy machine: a deadline would make a red test of that.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

settings.register_profile("default", _PATIENT, max_examples=250)
settings.register_profile("thorough", _PATIENT, max_examples=10_000)
settings.load_profile("default")
