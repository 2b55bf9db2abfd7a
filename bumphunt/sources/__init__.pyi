from .lhco import iter_raw as iter_raw
