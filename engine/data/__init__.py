"""Images and labels: readers for their files, the catalogue of known data sets, and splits."""

from __future__ import annotations

from engine.data.catalogue import Catalogue, DatasetInfo, default_data_dirs
from engine.data.dataset import Dataset
from engine.data.splits import stratified_split

__all__ = ["Catalogue", "Dataset", "DatasetInfo", "default_data_dirs", "stratified_split"]
