from .peak_scan import peak_scan as peak_scan
from .signal_table import pack_signal as pack_signal
