"""What text is encoded in where it is not UTF-8, so that a message can name it."""

import codecs

_MARKS = (  # the longer ones first: UTF-32 begins as UTF-16 does
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def encoding_of(head: bytes) -> str | None:
    """Return the encoding that a file of text seems to have from its first bytes, None for UTF-8 or no text.

    Examples
    --------
    >>> encoding_of("mjj,mj1".encode("utf-16")), encoding_of("mjj,mj1".encode("utf-16-le"))
    ('UTF-16', 'UTF-16LE')
    >>> encoding_of("µ,mjj,mj1".encode("latin-1")), encoding_of("mjj,µ".encode()), encoding_of(bytes(range(99)))
    ('ISO-8859-1', None, None)
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    for zeros, others, name in ((head[1::2], head[::2], "UTF-16LE"), (head[::2], head[1::2], "UTF-16BE")):
        if len(others) > 3 and not any(zeros) and _is_text(others):
            return name
    if not _is_text(head):
        return None
    for cut in range(4):  # the head may end inside a character of several bytes
        try:
            head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return None
    return "ISO-8859-1"


def _is_text(part: bytes) -> bool:
    """Return whether these may be letters: no control characters, and mostly ASCII."""
    plain = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in part)
    control = any(byte < 32 and byte not in b"\t\r\n" for byte in part)
    return bool(part) and not control and plain >= 0.8 * len(part)
