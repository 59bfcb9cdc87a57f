"""A model behind HTTP: the page to draw on, and one small protocol for programs."""

from __future__ import annotations
