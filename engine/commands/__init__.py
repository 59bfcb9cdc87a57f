"""The commands of ``tinyml``, one module each; `engine.cli` lists them.

A module has ``register(commands)``, which adds its parser. The parser names a function
``run(arguments, console)`` that returns the exit code. It raises `TinyMLError` for faults that the user can
mend.
"""

from __future__ import annotations
