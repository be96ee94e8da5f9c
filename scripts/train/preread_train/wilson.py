"""The Wilson score interval of a share (Wilson 1927)."""

import math

Z95 = 1.959963984540054


def wilson95(hits, total):
    """(low, high) of hits / total, 95 %."""
    share = hits / total
    centre = (share + Z95**2 / (2 * total)) / (1 + Z95**2 / total)
    half = Z95 / (1 + Z95**2 / total) * math.sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2))
    return max(0.0, centre - half), min(1.0, centre + half)
