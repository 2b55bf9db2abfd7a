"""Events drawn from a trained decoder: what the latent variables follow, draws, and how close they come."""
