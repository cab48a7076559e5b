"""TLS with servers that are not ours. A handshake is computed in the event loop, so none may take long.

With Diffie-Hellman in a group of 10,000 bits, which the server chooses, one took 0.9 s.
"""

import ssl

# Those of Python 3.11 and later without finite fields. TLS 1.3 has others, which take no time.
CIPHERS = "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM"


def quick(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context: it offers elliptic curves only, and one handshake for each connection."""
    context.set_ciphers(CIPHERS)
    context.set_ecdh_curve("prime256v1")  # which every server has; TLS 1.3 would offer groups of up to 8,192 bits
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context
