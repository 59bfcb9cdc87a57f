"""Sweeps on a Dask cluster, whose workers come and go. Dask is of the extra ``cluster`` and imported late."""
