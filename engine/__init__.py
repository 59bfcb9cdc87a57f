"""Everything that computes: networks, data, training, files, C export and the command line. Knows no Qt."""

from __future__ import annotations

import os

__version__ = "0.1.0"

# Training runs replicas of the network in threads of its own. If BLAS starts threads below them, it is up to
# 37 times slower. OpenBLAS reads this variable once, when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
