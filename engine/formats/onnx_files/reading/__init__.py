"""How an ONNX file is read: `read.py` follows its nodes, `operators.py` says what each of them is here."""
