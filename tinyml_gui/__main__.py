"""``python -m tinyml_gui`` starts the application."""

from __future__ import annotations

import sys

from tinyml_gui.program.app import main

if __name__ == "__main__":
    sys.exit(main())
