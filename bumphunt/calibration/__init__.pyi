from .false_alarms import false_alarms as false_alarms
from .pseudo_data import smooth_box as smooth_box
from .pseudo_data import subsample_box as subsample_box
from .pseudo_data import with_signal as with_signal
from .pulls import summarise_pulls as summarise_pulls
