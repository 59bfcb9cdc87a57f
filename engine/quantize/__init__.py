"""From a float network to its int8 form: calibration, the int8 network, fine-tuning, comparison."""
