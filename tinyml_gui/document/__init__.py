"""The document as frozen values, and all that outlives the window: settings, recovery files."""
