"""Mass spectra: binning, smooth background families, fits of one or many spectra, and their goodness."""
