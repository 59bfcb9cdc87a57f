"""Everything that computes: networks, data, training, files, C export and the command line. Knows no Qt."""

from __future__ import annotations

import os

__version__ = "0.1.0"

# Replicas of the network train in threads of their own; BLAS's threads below them were up to 37 times slower.
# OpenBLAS reads this once, when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
