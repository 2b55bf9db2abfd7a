from .presets import PRESETS as PRESETS
from .request import Sample as Sample
from .samples import simulate_sample as simulate_sample
