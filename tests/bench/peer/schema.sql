-- The peer's tables: orders with their status, and every event.
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    owner text NOT NULL,
    token_in text NOT NULL,
    token_out text NOT NULL,
    amount_in numeric(20, 0) NOT NULL,
    slippage_bps int NOT NULL,
    idempotency_key text,
    fingerprint text,
    status text NOT NULL,
    seq int NOT NULL,
    attempt int NOT NULL DEFAULT 0,
    dex text,
    tx_hash text,
    executed_price numeric,
    amount_out numeric(20, 0),
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX orders_one_per_key ON orders (owner, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX orders_by_owner ON orders (owner, created_at);

CREATE TABLE order_events (
    order_id uuid NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    seq int NOT NULL,
    status text NOT NULL,
    attempt int NOT NULL,
    at timestamptz NOT NULL,
    details json,
    PRIMARY KEY (order_id, seq)
);
