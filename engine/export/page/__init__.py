"""The page in the browser: one HTML file on which a visitor draws and sees the answers of an int8 model."""

from __future__ import annotations

from engine.export.page.assemble import assemble, script_of, service_page
from engine.export.page.javascript import as_javascript
from engine.export.page.try_out import prove_by_node
from engine.export.page.web_assembly import as_web_assembly

__all__ = ["as_javascript", "as_web_assembly", "assemble", "prove_by_node", "script_of", "service_page"]
