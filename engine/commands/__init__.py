"""The commands of ``tinyml``, one module a group; `engine.cli` lists them.

A module has ``register(commands)``, which adds its parsers. Each parser names a function
``run(arguments, console)`` that returns the exit code and raises `TinyMLError` for what the user can mend.
"""

from __future__ import annotations
