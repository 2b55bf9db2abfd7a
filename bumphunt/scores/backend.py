"""Keras on TensorFlow, imported only when a network is wanted, and quietly."""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from bumphunt.address_space import NEEDED_BY_NETWORKS, check_room
from bumphunt.errors import ConfigError

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_START_UP = re.compile(
    rb"^(?:[IWE]\d{4} \d\d:\d\d:\d|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] |WARNING: All log messages before absl)"
)


def import_keras() -> Any:
    """Import Keras on its TensorFlow backend and return the module.

    TensorFlow's start-up messages are silenced unless the user chose a log level. Nothing else
    about the process is changed: no global seed, no thread count, no memory setting.

    Raises
    ------
    ConfigError
        If Keras is configured for another backend.
    InputError
        If the address space is too small for it.
    """
    _check_backend(os.environ.get("KERAS_BACKEND", "tensorflow"))
    check_room(NEEDED_BY_NETWORKS, what="TensorFlow")
    if "keras" in sys.modules:
        import keras
    else:
        with _without_start_up_messages():
            import keras
            import tensorflow

            # Looking for devices is what makes the CUDA libraries complain of there being none.
            tensorflow.config.list_physical_devices()
    _check_backend(keras.backend.backend())
    return keras


def import_tensorflow() -> Any:
    """Import TensorFlow as quietly as :func:`import_keras` does, and return the module."""
    import_keras()
    import tensorflow

    return tensorflow


def _check_backend(name: str) -> None:
    if name != "tensorflow":
        raise ConfigError(f"keras runs on the {name!r} backend; set KERAS_BACKEND=tensorflow before the first import")


@contextlib.contextmanager
def _without_start_up_messages() -> Iterator[None]:
    """Keep TensorFlow's start-up messages off standard error, and let everything else through.

    Some are written straight to the file descriptor before TensorFlow reads its log level, so the
    descriptor itself is diverted for the time of the import.
    """
    if _LOG_LEVEL in os.environ:
        yield
        return
    os.environ[_LOG_LEVEL] = "2"
    with tempfile.TemporaryFile() as diverted:
        try:
            sys.stderr.flush()
            original = os.dup(2)
        except (OSError, AttributeError, ValueError):  # no standard error to keep clean
            yield
            return
        try:
            os.dup2(diverted.fileno(), 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)
            diverted.seek(0)
            for line in diverted:
                if not _START_UP.match(line):
                    with contextlib.suppress(OSError):
                        os.write(2, line)
