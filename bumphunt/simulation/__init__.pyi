from .presets import PRESETS as PRESETS
from .samples import simulate_sample as simulate_sample
