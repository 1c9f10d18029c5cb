"""Decay: how much an event of a given age still counts.

Here: integer factors by age in days. Not here: applying them (`points`).
"""

import math

from engagement_pipeline.catalog.specs import Decay, HalfLife, Linear, SCurve
from engagement_pipeline.core.exact import BILLIONTH


def share(decay: Decay, age: int) -> float:
    """What remains after `age` days, 1 on the as-of date itself."""
    if isinstance(decay, HalfLife):
        return float(0.5 ** (age / decay.half_life))
    if isinstance(decay, Linear):
        return max(0.0, 1 - age / decay.linear)
    if isinstance(decay, SCurve):
        return max(0.0, (1 + math.cos(math.pi * min(1.0, age / (2 * decay.s_curve)))) / 2)
    return 1.0


def factors(weight: float, decay: Decay, window: int) -> tuple[int, ...]:
    """Weight × decay in whole billionths for the ages 0 to window - 1, halves upwards."""
    return tuple(math.floor(weight * share(decay, age) * BILLIONTH + 0.5) for age in range(window))
