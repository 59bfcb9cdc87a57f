"""``python -m engine`` is the ``tinyml`` command."""

from __future__ import annotations

import multiprocessing
import sys

from engine.cli import main

if __name__ == "__main__":
    multiprocessing.freeze_support()  # a bundled program starts itself again for each process of a sweep
    sys.exit(main())
