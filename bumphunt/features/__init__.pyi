from .dijets import event_table as event_table
from .dijets import padded as padded
