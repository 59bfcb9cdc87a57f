"""How commands talk: results and messages in any encoding, progress, and what a signal means to a command."""
