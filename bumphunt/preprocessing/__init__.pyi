from .decorrelation import SmoothDecorrelation as SmoothDecorrelation
from .scaling import QuantileFrontEnd as QuantileFrontEnd
from .splits import MassWindow as MassWindow
from .splits import assign_folds as assign_folds
from .splits import balanced_weights as balanced_weights
