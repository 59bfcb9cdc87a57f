"""What the panels show, without Qt: plain classes that turn engine objects into text and numbers."""
