"""Hypothesis strategies for hostile request lines and headers, without line breaks."""

import re

from hypothesis import strategies as st

from tests.integration.hostile import MARKER, UNKNOWN

RAW = st.binary(max_size=12).map(lambda raw: re.sub(rb"[\r\n]", b"?", raw))
PIECES = st.sampled_from(
    [
        *(
            b"%00",
            b"%ff",
            b"%ed%a0%80",
            b"%0d%0a",
            b"%2e%2e%2f",
            b"..",
            b"%",
            b"%zz",
            b"+",
            b"&",
            b"=",
            b";",
            b"\xff\xfe",
        ),
        *(b"-1", b"9" * 400, b"1e400", b"NaN", "\u0661".encode(), b"null", b"[]", b"{}", b"'--", b"${x}", b"%1b%5b31m"),
        *(MARKER.encode(), UNKNOWN.encode(), UNKNOWN.upper().encode(), b"SOL", b"USDC", b"pending", b"raydium", b"1"),
    ]
)
LINES = st.lists(PIECES | RAW, min_size=1, max_size=3).map(b"".join)
WORDS = LINES.map(lambda line: re.sub(rb"[\x00-\x20#\x7f]", b"_", line))  # in a path or query
PARAMETERS = st.sampled_from(
    [
        *(b"status", b"tokenIn", b"tokenOut", b"venue", b"limit", b"cursor", b"after", b"amount", b"owner", b"orderId"),
        *(b"ticket", b"slippage", b"sort", MARKER.encode()),
    ]
)
QUERIES = st.lists(st.tuples(PARAMETERS, WORDS), max_size=4).map(
    lambda pairs: b"&".join(name + b"=" + value for name, value in pairs)
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *(b"Idempotency-Key", b"X-Idempotency-Key", b"X-Request-Id", b"Last-Event-ID", b"Accept", b"Origin"),
                *(b"Host", b"Authorization", b"X-API-Key", b"Cookie", b"X-Forwarded-For", b"X-Forwarded-Proto"),
                *(
                    b"Content-Type",
                    b"Content-Encoding",
                    b"Expect",
                    b"Range",
                    b"Upgrade",
                    b"Access-Control-Request-Method",
                ),
                *(b"Sec-WebSocket-Key", b"Sec-WebSocket-Version", b"Connection", b"X-" + MARKER.encode()),
            ]
        )
        | LINES,
        LINES | st.sampled_from([b"", b"websocket", b"upgrade", b"Bearer oe_", b"application/json", b"13", b"gzip"]),
    ),
    max_size=4,
)
METHODS = st.sampled_from(
    [b"GET", b"GET", b"GET", b"POST", b"DELETE", b"OPTIONS", b"HEAD", b"PUT", b"TRACE", b"X" + MARKER.encode()]
)
