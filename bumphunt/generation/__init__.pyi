from .closeness import closeness as closeness
from .distributions import rank_distributions as rank_distributions
from .distributions import sample_distribution as sample_distribution
from .drawing import Residuals as Residuals
from .drawing import generate as generate
from .drawing import heavier_first as heavier_first
from .latent import fit_copula as fit_copula
from .latent import fit_mixture as fit_mixture
