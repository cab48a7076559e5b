"""The SQL of the simulated chain: its tables and the statements on them.

It shares only the server with the engine: no migration creates this schema, and no foreign key refers to it. A backup
of the engine leaves it alone: to restore it would undo the world. Time is
the database's clock in milliseconds. A height is that time divided by the block time.
"""

from typing import Any

OPEN = """
CREATE SCHEMA IF NOT EXISTS chain;
CREATE TABLE IF NOT EXISTS chain.transactions (
    signature          text PRIMARY KEY,
    memo               text NOT NULL,
    status             text NOT NULL CHECK (status IN ('landed', 'failed', 'dropped')),
    code               text,
    amount_out         numeric(20, 0),
    slot               bigint NOT NULL,
    landed_at          timestamptz NOT NULL,
    last_valid_height  bigint NOT NULL,
    sent_at            timestamptz NOT NULL,
    -- What it moves; NULL in rows of older versions.
    venue              text,
    token_in           text,
    token_out          text,
    amount_in          numeric(20, 0),
    CHECK ((status = 'landed') = (amount_out IS NOT NULL)),
    CHECK ((status = 'landed') = (code IS NULL)),
    CHECK (slot <= last_valid_height)
);
ALTER TABLE chain.transactions
    ADD COLUMN IF NOT EXISTS venue text, ADD COLUMN IF NOT EXISTS token_in text,
    ADD COLUMN IF NOT EXISTS token_out text, ADD COLUMN IF NOT EXISTS amount_in numeric(20, 0);
CREATE INDEX IF NOT EXISTS transactions_by_order ON chain.transactions (split_part(memo, ' ', 1));
-- Prices of the market that were set by hand: tokens out for one token in, from a market time on; NULL: released.
CREATE TABLE IF NOT EXISTS chain.set_prices (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_in   text NOT NULL,
    token_out  text NOT NULL,
    price      numeric,
    from_ms    bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS set_prices_by_time ON chain.set_prices (from_ms);
CREATE TABLE IF NOT EXISTS chain.launches (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue      text NOT NULL,
    symbol     text NOT NULL,
    name       text NOT NULL,
    decimals   int NOT NULL,
    usd        bigint NOT NULL,
    quote      text NOT NULL,
    depth_usd  bigint NOT NULL,
    UNIQUE (venue, symbol, quote)
);
CREATE INDEX IF NOT EXISTS transactions_newest ON chain.transactions (sent_at);
"""
# The last thing that OPEN makes: once it is there, a process that starts locks nothing.
IS_OPEN = "SELECT to_regclass('chain.transactions_newest') IS NOT NULL"

# Two processes that create the schema at the same time would fail in spite of IF NOT EXISTS.
OPEN_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('chain.open', 0))"


async def prepare(connection: Any) -> None:
    """Creates the schema, unless it is there."""
    if await connection.fetchval(IS_OPEN):
        return
    async with connection.transaction():
        await connection.execute(OPEN_LOCK)
        await connection.execute(OPEN)


# Whether its outcome is known. What was sent in the future is over: the clock was set back since.
OVER = "(t.landed_at <= clock.now OR t.sent_at > clock.now + interval '1 second')"
CLOCK = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

# One statement: it takes the locks of all signatures in order, then reads the clock, then writes only the transactions
# that may still be sent and can still land.
SEND = f"""
WITH decided AS MATERIALIZED (
        SELECT *, hashtextextended(signature, 0) AS lock FROM json_to_recordset($1) AS d(
            signature text, memo text, status text, code text, amount_out numeric, slot bigint, landed_ms bigint,
            last_valid_height bigint, now_ms bigint, send_by_ms bigint, venue text, token_in text, token_out text,
            amount_in numeric)
     ),
     held AS MATERIALIZED (
        SELECT pg_advisory_xact_lock(lock) FROM (SELECT lock FROM decided ORDER BY lock OFFSET 0) AS in_order
     ),
     clock AS MATERIALIZED (SELECT clock_timestamp() AS now FROM (SELECT count(*) FROM held) AS all_held),
     sent AS (
        INSERT INTO chain.transactions
            (signature, memo, status, code, amount_out, slot, landed_at, last_valid_height, sent_at, venue, token_in,
             token_out, amount_in)
        SELECT signature, memo, status, code, amount_out, slot, to_timestamp(landed_ms / 1000.0), last_valid_height,
               greatest(clock.now, to_timestamp(now_ms / 1000.0)), venue, token_in, token_out, amount_in
        FROM decided, clock
        WHERE floor(extract(epoch FROM clock.now) * 1000)::bigint / $2::bigint <= last_valid_height
          AND floor(extract(epoch FROM clock.now) * 1000)::bigint < send_by_ms
        ORDER BY signature
        ON CONFLICT DO NOTHING
        RETURNING signature, status, code, amount_out, slot, landed_at, sent_at
     )
SELECT d.signature, floor(extract(epoch FROM clock.now) * 1000)::bigint AS now_ms,
       t.status, t.code, t.amount_out, t.slot, {OVER} AS over
FROM clock CROSS JOIN decided AS d
LEFT JOIN (SELECT * FROM sent UNION ALL
           SELECT b.signature, b.status, b.code, b.amount_out, b.slot, b.landed_at, b.sent_at
           FROM chain.transactions AS b WHERE b.signature = ANY(ARRAY(SELECT signature FROM decided))
          ) AS t ON t.signature = d.signature
"""

ASK = f"""
SELECT floor(extract(epoch FROM clock.now) * 1000)::bigint AS now_ms,
       t.status, t.code, t.amount_out, t.slot, {OVER} AS over
FROM (SELECT clock_timestamp() AS now) AS clock
LEFT JOIN chain.transactions t ON t.signature = $1
"""

ENDED = f"""
SELECT floor(extract(epoch FROM clock.now) * 1000)::bigint AS now_ms,
       t.signature, t.status, t.code, t.amount_out, t.slot
FROM (SELECT clock_timestamp() AS now) AS clock
LEFT JOIN chain.transactions t
       ON t.signature = ANY($1) AND {OVER} AND t.status IN ('landed', 'failed')
"""

# Waits for the sends under way, and holds up later ones, which then read a later clock: so what FIND does not see and
# could land up to its height, will never be there.
ALL_SENT = "LOCK TABLE chain.transactions IN SHARE MODE"
_FOUND = f"""floor(extract(epoch FROM clock.now) * 1000)::bigint AS now_ms, t.memo, t.signature, t.status, t.code,
       t.amount_out, t.slot, {OVER} AS over, extract(epoch FROM t.landed_at)::float8 AS at, t.venue,
       t.token_in, t.token_out, t.amount_in"""
FIND = f"""
SELECT {_FOUND}
FROM (SELECT clock_timestamp() AS now) AS clock
LEFT JOIN chain.transactions t ON split_part(t.memo, ' ', 1) = ANY($1) AND t.status IN ('landed', 'failed')
ORDER BY t.sent_at
"""
NEWEST = f"""
SELECT {_FOUND}
FROM chain.transactions t, (SELECT clock_timestamp() AS now) AS clock
WHERE t.status IN ('landed', 'failed')
  AND (t.sent_at, t.signature) < (
        coalesce((SELECT sent_at FROM chain.transactions WHERE signature = $2), 'infinity'), coalesce($2, ''))
  AND (t.sent_at, t.signature) > (
        coalesce((SELECT sent_at FROM chain.transactions WHERE signature = $3), '-infinity'), coalesce($3, ''))
ORDER BY t.sent_at DESC, t.signature DESC LIMIT $1
"""

# A send whose commit is delayed can outlive its blockhash. So before a signature counts as absent, this lock waits for
# sends of it that are in progress. After that, an earlier send is visible to the next statement, and a later one reads
# a later clock.
ABSENT_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"

# Held to the end of a transaction that changes the market, so that rows become visible in the order of their ids.
MARKET_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('chain.market', 0))"
CHANNEL = "chain_market"
TELL = f"NOTIFY {CHANNEL}"  # arrives with the commit

SET_PRICE = "INSERT INTO chain.set_prices (token_in, token_out, price, from_ms) VALUES ($1, $2, $3, $4)"
SET_PRICES = "SELECT id, token_in, token_out, price, from_ms FROM chain.set_prices WHERE id > $1 ORDER BY id"

LAUNCH = """
INSERT INTO chain.launches (venue, symbol, name, decimals, usd, quote, depth_usd) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING
"""
LAUNCHES = """
SELECT id, venue, symbol, name, decimals, usd, quote, depth_usd FROM chain.launches WHERE id > $1 ORDER BY id
"""

# Those that were replaced before a market time.
FORGET = """
DELETE FROM chain.set_prices AS old
 WHERE from_ms < $1
   AND EXISTS (SELECT FROM chain.set_prices AS newer
                WHERE newer.id > old.id AND newer.from_ms < $1
                  AND least(newer.token_in, newer.token_out) = least(old.token_in, old.token_out)
                  AND greatest(newer.token_in, newer.token_out) = greatest(old.token_in, old.token_out))
"""
