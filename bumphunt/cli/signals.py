"""Signals that end a program: as Ctrl-C does, wherever they come."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

MOMENT = 0.02
"""Seconds after which a signal that was lost comes again."""


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends the program as Ctrl-C does, so that what was begun is cleared away and children are stopped."""


@contextmanager
def termination() -> Iterator[None]:
    """Let SIGTERM raise :class:`Terminated` in the main thread; a second one ends the program at once.

    Python drops what is raised in a destructor or in the callback of a weak reference, and prints a traceback; a signal
    that comes just there is sent again a moment later.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Terminated

    def dropped(found: "UnraisableHookArgs") -> None:
        if found.exc_type is Terminated:
            signal.signal(signal.SIGTERM, terminate)
            _send_again(signal.SIGTERM)
        elif found.exc_type is KeyboardInterrupt:
            _send_again(signal.SIGINT)
        else:
            hook(found)

    before, hook = signal.signal(signal.SIGTERM, terminate), sys.unraisablehook
    sys.unraisablehook = dropped
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, before)


def _send_again(number: signal.Signals) -> None:
    main = threading.main_thread().ident
    if main is None or not hasattr(signal, "pthread_kill"):  # such systems know no signals but those one raises oneself
        again = threading.Timer(MOMENT, signal.raise_signal, (number,))
    else:
        again = threading.Timer(MOMENT, signal.pthread_kill, (main, number))
    again.daemon = True
    again.start()
