"""Networks: described, given parameters, bound to buffers and run, forward and backward."""
