"""Everything that learns and gives one number per event: higher is more anomalous."""
