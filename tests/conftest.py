"""What all tests share: how many examples hypothesis runs, and which suites explain a failure."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# Suites that several files of tests inherit: a comparison that fails there is to be shown as well.
pytest.register_assert_rewrite(
    "contract", "delivery_conformance", "kinds_of_request", "replay_conformance", "report_only", "signed_clients"
)

# The first call after a cold start can be slow on a busy machine: a deadline would make a red test of that.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

settings.register_profile("default", _PATIENT, max_examples=250)
settings.register_profile("thorough", _PATIENT, max_examples=10_000)
settings.register_profile("brief", _PATIENT, max_examples=50)  # on the second and the third Python
settings.load_profile("default")
