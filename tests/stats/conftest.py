"""Libraries that the room imports when it needs them: imported first, so that no example of a property is slow."""

from __future__ import annotations

import scipy.optimize
import scipy.stats  # noqa: F401
import statsmodels.stats.contingency_tables
import statsmodels.stats.multitest
import statsmodels.stats.power  # noqa: F401
