"""``python -m bumphunt``, and what the command ``bumphunt`` calls."""

import os
import signal

_ENDS = {signal.SIGINT: (b"interrupted", 130), signal.SIGTERM: (b"terminated", 143)}


def _end(number: int, *_: object) -> None:
    said, status = _ENDS[signal.Signals(number)]
    os.write(2, b"bumphunt: " + said + b"\n")
    os._exit(status)


def main() -> None:
    """Run the command line; a signal that comes before it is loaded or after it is done gives no traceback either."""
    usual = {number: signal.getsignal(number) for number in _ENDS}
    # what a parent has told us to ignore stays ignored
    mine = [number for number, handler in usual.items() if handler in (signal.SIG_DFL, signal.default_int_handler)]
    for number in mine:
        signal.signal(number, _end)
    from bumphunt.address_space import be_frugal

    be_frugal(os.environ)
    from bumphunt.cli import main as run

    try:
        if signal.SIGINT in mine:
            signal.signal(signal.SIGINT, usual[signal.SIGINT])
        run()
    except KeyboardInterrupt:
        _end(signal.SIGINT)
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main()
