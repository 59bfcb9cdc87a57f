"""Data sets that people have, in whichever form: read, set right and kept in the user's data folder.

A `DataReader` recognises one kind of file or folder and returns what it holds as it is found (`found`).
What images and labels mean is decided afterwards, the same way for every kind: `pixels` and `labels` bring
numbers into one form while they are read, `settle` turns, inverts and fits the images and splits off a test
part, and `store` writes the result, with a record of what was done.
"""

from __future__ import annotations

from engine.data.importing.importer import Imported, import_data
from engine.data.importing.options import TEST_PART_SEED, ImportOptions
from engine.data.importing.readers import READERS
from engine.data.importing.store import Place, remove

__all__ = ["READERS", "TEST_PART_SEED", "ImportOptions", "Imported", "Place", "import_data", "remove"]
