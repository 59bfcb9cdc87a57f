"""`.tinyml` files: what is in them, and how zips from anyone are read within limits."""
