"""What the user asks for, turned into changes of the document and into background work."""
