"""Work beside the window: one module knows threads, the others are generators that it steps."""
