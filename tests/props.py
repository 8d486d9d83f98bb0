"""How property tests run here: seeded, without deadlines, few enough to be quick."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

quick = settings(deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
