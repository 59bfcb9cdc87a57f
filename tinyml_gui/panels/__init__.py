"""One widget a file; what a panel shows is decided by its Qt-free view model."""
