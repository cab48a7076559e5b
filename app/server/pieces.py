"""The pieces in which a packet is parsed, so that limits are noticed before much memory is used."""

import re

PIECE = 16 * 1024  # bytes that are parsed at once; a packet can have 256 KiB
# Headers end with a blank line, so a piece that ends with the first one begins at most one request. But a body may
# consist of blank lines.
BLANK_LINE = re.compile(rb"\n\r?\n")
MIN_PIECE = 32
MIN_UNREAD = 2 * 1024  # the same for what is left of a request that was answered: a body of line breaks costs time


def end_of_piece(data: bytes, start: int, *, unread: bool) -> int:
    """`unread`: of a request that was answered before its end."""
    least = MIN_UNREAD if unread else MIN_PIECE
    blank = BLANK_LINE.search(data, start + least, start + PIECE)
    return blank.end() if blank else start + PIECE
