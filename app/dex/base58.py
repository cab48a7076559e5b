"""Base58, the encoding of Solana addresses and signatures."""

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
MAX_DIGITS = 2_048  # more than a transaction has; the time for many grows with their square, to hours for megabytes
_FIVE_PAIRS = 58**10  # fits a machine word; each division of a long number costs time in proportion to its length


def encode(data: bytes) -> str:
    """Without a checksum. Each leading zero byte becomes a leading `1`."""
    number, pairs = int.from_bytes(data, "big"), []
    while number:
        number, rest = divmod(number, _FIVE_PAIRS)
        for _ in range(5):
            rest, pair = divmod(rest, 58 * 58)
            pairs.append(_PAIRS[pair])
    digits = "".join(reversed(pairs)).lstrip("1")
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def is_address(text: str) -> bool:
    """Whether it is 32 bytes, as the address of a mint is."""
    try:
        return len(text) <= 44 and len(decode(text)) == 32
    except ValueError:
        return False


def decode(text: str) -> bytes:
    """Raises `ValueError` for a character outside the alphabet, and for more than `MAX_DIGITS`."""
    if len(text) > MAX_DIGITS:
        raise ValueError("longer than a transaction")
    number = 0
    for character in text:
        number = number * 58 + _ALPHABET.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
