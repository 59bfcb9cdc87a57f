"""What is made of the table of results: the best models, intervals over seeds, a page to read."""
