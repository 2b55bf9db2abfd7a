"""Which events train on what, and in which coordinates: scaling, splits and decorrelation."""
