// Made by `make client-types`: do not edit.
// sha256 of the documents: d762191c83c847dd4030b8217a02dd38a438c18fe7883dc2afe22b643741cd06

export interface paths {
    "/api/orders/{order_id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The event log of an order
         * @description The events after number `after`. To resume a stream, send its last event id as `Last-Event-ID`.
         */
        get: operations["events_api_orders__order_id__events_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders/execute": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Place an order
         * @description A market order is executed now. Orders of the other types wait with the status `open`: for their price, for
         *     their time, or for the launch of a token.
         *
         *     The answer is sent once the order is on disk. Then open `wsUrl` to receive every step.
         *
         *     Submitting and streaming are two requests, because a WebSocket handshake is a GET (RFC 6455): a POST cannot be
         *     upgraded. Events in between are not lost: the socket starts with all events so far.
         */
        post: operations["execute_api_orders_execute_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Place up to 50 orders
         * @description The orders are independent. `results` has an accepted order or a problem for each, in the order of the request.
         *
         *     The whole request is refused only if it is not a list of 1 to 50 orders.
         */
        post: operations["batch_api_orders_batch_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/order": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Place a market order, slippage as a fraction or a percentage
         * @description Like `POST /api/orders/execute`. Work starts now, not when a socket connects; the socket replays older events.
         */
        post: operations["order_order_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders/{order_id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The event log of an order, as a plain list
         * @description The same events in the same order as on every stream, with `timestamp` and `detail`.
         */
        get: operations["history_api_orders__order_id__history_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Your orders, newest first
         * @description Pages do not shift while new orders arrive: no order is repeated or skipped. With a filter by token or venue a
         *     page may have fewer than `limit` orders, even none, and still a `nextCursor`: follow it until it is null.
         */
        get: operations["list_orders_api_orders_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders/{order_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One order with its event log */
        get: operations["one_order_api_orders__order_id__get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Amend an order that waits
         * @description Only while it is `open`. `If-Match` has the `seq` of the order as you know it: nothing that happened since is
         *     overwritten. The same checks apply as for a new order.
         */
        patch: operations["amend_api_orders__order_id__patch"];
        trace?: never;
    };
    "/api/orders/{order_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel an order
         * @description 200 if it is cancelled, now or before.
         *
         *     202 if its swap was sent, which may still land: the order ends as confirmed then, and as cancelled if it does not.
         *     409 if the order has ended in another way.
         */
        post: operations["cancel_api_orders__order_id__cancel_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders/cancel-all": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel all of your orders whose swap was not sent
         * @description Those whose swap was sent are cancelled once that is proven dead, and are not counted.
         *
         *     Orders that are placed meanwhile may be left. Fields that are not given select every order. 503: some were left
         *     because somebody has locked them; the others are cancelled.
         */
        post: operations["cancel_all_api_orders_cancel_all_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/order-groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Place orders of which one is filled
         * @description **oco**, a take-profit and a stop or trailing stop: while one is executed the other is held. If the one is
         *     filled, the other is cancelled with the code `sibling_filled`; if it is not, the other waits again.
         *
         *     **bracket**, a limit order and both of these: they are held until the entry is filled, and then swap what it
         *     brought. If the entry ends in another way they are cancelled with the code `parent_ended`.
         */
        post: operations["place_api_order_groups_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/order-groups/{group_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a group and its orders
         * @description The entry first, then the order that takes the profit, then the one that stops the loss.
         */
        get: operations["group_api_order_groups__group_id__get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/dead-man": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** When your orders are cancelled unless you renew it */
        get: operations["get_dead_man_api_dead_man_get"];
        /**
         * Cancel all of your orders unless you call this again in time
         * @description Send it every 20 seconds with 60: if your program or its connection dies, all of your orders are cancelled with
         *     the code `dead_man`; those whose swap was sent, once that is proven dead. It has fired once then, and is off until
         *     you set it again.
         *
         *     The clock is that of the database. While the engine itself is down you cannot renew it: it fires once the engine is
         *     back.
         */
        put: operations["set_dead_man_api_dead_man_put"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/limits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Your limits, and what is left of them */
        get: operations["limits_api_limits_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tickets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Issue a ticket for a socket
         * @description `{"orderId": …}` for the sockets of that order, `{"scope": "stream"}` for `/api/stream`. Valid for one minute.
         */
        post: operations["ticket_api_tickets_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Your webhooks, and how their deliveries go */
        get: operations["list_webhooks_api_webhooks_get"];
        put?: never;
        /**
         * Have events sent to a URL
         * @description Each event of your orders from now on is sent in a POST, signed as standardwebhooks.com specifies: at least once,
         *     the events of one order in their order. Any answer 2xx within 10 seconds takes it. Otherwise it is sent again, for
         *     three days; a webhook of which nothing has arrived for so long is switched off. `webhook-id` is the same in each
         *     attempt: use it to leave out what you have had.
         */
        post: operations["create_webhook_api_webhooks_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/{webhook_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a webhook, and what waits for it */
        delete: operations["delete_webhook_api_webhooks__webhook_id__delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/{webhook_id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace the secret; the old one signs too for a day
         * @description For a day each delivery has a signature of either secret. A second rotation within the day ends the first secret
         *     at once.
         */
        post: operations["rotate_secret_api_webhooks__webhook_id__rotate_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/{webhook_id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Deliveries that have not arrived
         * @description `waiting`: those that are due first. `failed`: those that were given up last.
         */
        get: operations["deliveries_api_webhooks__webhook_id__deliveries_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/{webhook_id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a test
         * @description A message of the type `webhook.test` is sent within a second or two, and once: the list of your webhooks has the
         *     result. While one waits, no second one is made.
         */
        post: operations["send_test_api_webhooks__webhook_id__test_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/{webhook_id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send again what was given up, and switch the webhook on
         * @description What waits is due at once too. Events that happened while the webhook was switched off were not kept for it.
         */
        post: operations["replay_api_webhooks__webhook_id__replay_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/dlq/failed-orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Failed orders that are not acknowledged
         * @description The latest failure comes first.
         */
        get: operations["failed_orders_api_dlq_failed_orders_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/dlq/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many orders failed, and why
         * @description Counts failed orders that are not acknowledged.
         */
        get: operations["stats_api_dlq_stats_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/dlq/clear": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Acknowledge all dead letters
         * @description Removes them from the list and the statistics. Nothing is deleted: the orders and their logs stay readable.
         */
        delete: operations["clear_api_dlq_clear_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/dlq/clear/failed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Acknowledge the failed orders
         * @description The same as `/api/dlq/clear`: all dead letters here are failed orders.
         */
        delete: operations["clear_failed_api_dlq_clear_failed_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/dlq/{order_id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retry a failed order as a new order
         * @description The failed order does not change. Repeated calls place only one new order. If that fails too, it is a dead letter
         *     itself, and can be retried. 409 unless the order is `failed`.
         */
        post: operations["retry_api_dlq__order_id__retry_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/test/dlq": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Place an order that fails
         * @description Its venue is always unavailable. After three attempts the order fails and is a dead letter.
         */
        post: operations["one_failure_test_dlq_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/test/dlq/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Place 5 orders that fail
         * @description The orders are independent: `orders` has those that were placed, `refused` a problem for each other one.
         */
        post: operations["many_failures_test_dlq_bulk_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The tokens that can be traded
         * @description Every request takes the symbol or the mint of a token.
         */
        get: operations["tokens_api_tokens_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/wallet": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the wallet of a real chain holds
         * @description Only for the owner of the wallet, and for operators: a node is asked. The simulated chain has no wallet.
         */
        get: operations["wallet_api_wallet_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/pools": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The pools of each venue */
        get: operations["pools_api_pools_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/market": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The current mid prices of a pair
         * @description The prices that triggers of orders are compared with. Two different tokens; one hop or two.
         */
        get: operations["market_api_market_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/quotes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The current quote of every venue, the best one, and why
         * @description What the router would decide now. No order is placed. On a real chain only for the owner of the wallet, and for
         *     operators: a vendor counts these calls together with those for orders.
         */
        get: operations["quotes_api_quotes_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/prices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The past prices of a pair
         * @description Watchers sample the mid prices every ten seconds. After three hours those of whole minutes are kept, for a week.
         *
         *     A pair that is swapped in two hops has the prices of its pools, multiplied. Every 50 steps count as one more read.
         */
        get: operations["prices_api_prices_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/simulate/market": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set the price of a pair, or move it
         * @description In local mode only. From `fromSlot` on all pools of the pair have this mid price, and stand still until the
         *     price is set again or released. A swap that was sent before that fills at the price known when it was sent.
         */
        post: operations["move_market_api_simulate_market_post"];
        /**
         * Let all prices move by themselves again
         * @description In local mode only. Prices jump to where they would be had they never been set.
         */
        delete: operations["release_market_api_simulate_market_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/simulate/pools": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Launch a token
         * @description In local mode only. The token can be traded at once, by its symbol or mint. Launched twice, it is there once.
         */
        post: operations["launch_pool_api_simulate_pools_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/simulate/mint": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The mint of a token that is to be launched
         * @description In local mode only. On the simulated market it follows from the symbol, so a sniper can wait for it.
         */
        get: operations["mint_api_simulate_mint_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The state of the queue
         * @description Waiting and running orders, starts left, and how fast orders were confirmed in the last five minutes.
         */
        get: operations["queue_api_queue_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The last hour of the queue
         * @description One sample every ten seconds, kept by the engine.
         */
        get: operations["history_api_queue_history_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Halt trading for all owners
         * @description The same as `PUT /api/kill-switch` with `halted`: new orders are refused, and nothing starts or is sent.
         */
        post: operations["pause_api_queue_pause_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Release trading for all owners
         * @description The same as `PUT /api/kill-switch` with `active`.
         */
        post: operations["resume_api_queue_resume_post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders/{order_id}/connections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The sockets that watch an order */
        get: operations["connections_api_orders__order_id__connections_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/kill-switch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether orders are accepted, started and sent
         * @description `active`: they are. `reducing`: no new orders; those under way go on. `halted`: nothing starts or is sent either;
         *     swaps that were sent are still followed, and orders can be cancelled.
         */
        get: operations["get_kill_switch_api_kill_switch_get"];
        /**
         * Stop or release trading
         * @description Of the state for all owners and an owner's own, the stricter one applies. When a halt is answered, nothing starts
         *     any more, and no swap leaves. Other API processes refuse new orders within a second. A release that would undo a
         *     later halt gets 409, and one whose client has gone is dropped.
         */
        put: operations["set_kill_switch_api_kill_switch_put"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/reconciliation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether the chain is asked about every order now, and unmatched swaps
         * @description After a restore or a fail-over the database may have forgotten orders. Nothing starts until the chain was asked
         *     about all of them, which takes a little longer than a swap can be on its way.
         */
        get: operations["reconciliation_api_reconciliation_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What operators did, and which requests were refused
         * @description Newest first. An operator's action has an entry `begun` and one with its outcome.
         */
        get: operations["audit_api_audit_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * State of the engine and its servers
         * @description 200 as long as this process answers. The body has the state of Postgres, Redis and the workers.
         */
        get: operations["health_health_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether this process is up */
        get: operations["live_health_live_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether orders are accepted and executed
         * @description 503 if they are not. With Redis down the engine is still ready: orders are accepted, and executed later. So it is
         *     while an operator has stopped trading (`trading` says so), and while it reconciles with the chain.
         */
        get: operations["ready_health_ready_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Metrics for Prometheus
         * @description The counters of this process, and the current state of the queue and the servers.
         */
        get: operations["prometheus_metrics_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface webhooks {
    event: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * An event of your orders
         * @description Signed as standardwebhooks.com specifies. Any answer 2xx within 10 seconds takes it.
         */
        post: {
            parameters: {
                query?: never;
                header: {
                    /**
                     * @description The same in each attempt: leave out what you have had
                     * @example msg_0f4fcdde3cf84b0cb9b6a6a4e0ab7a0d
                     */
                    "webhook-id": string;
                    /**
                     * @description When it was sent, in seconds since 1970: refuse what is older than five minutes
                     * @example 1795854989
                     */
                    "webhook-timestamp": string;
                    /**
                     * @description `v1,` and the HMAC-SHA256, in base64, of `id.timestamp.body`; after a rotation two, with a blank between
                     * @example v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
                     */
                    "webhook-signature": string;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        /** @enum {unknown} */
                        type: "order.open" | "order.pending" | "order.routing" | "order.building" | "order.submitted" | "order.confirmed" | "order.failed" | "order.cancelled" | "order.expired" | "order.completed" | "webhook.test";
                        /**
                         * Format: date-time
                         * @description Of the event
                         */
                        timestamp: string;
                        /** @description The event as on every stream, and these fields of its order. Of a test: its `messageId` */
                        data: {
                            orderType?: string | null;
                            tokenIn?: string | null;
                            tokenOut?: string | null;
                            clientOrderId?: string | null;
                        };
                    };
                };
            };
            responses: {
                /** @description Send nothing more: the webhook is switched off */
                410: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description Taken */
                "2XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description It is sent again */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface components {
    schemas: {
        /**
         * Accepted
         * @description The order is durable. Open `wsUrl` to receive every step.
         */
        Accepted: {
            /**
             * Orderid
             * @example 01a1fcdd-4c14-773b-8d77-909b122b0037
             */
            orderId: string;
            status: components["schemas"]["Status"];
            /**
             * Wsurl
             * @example ws://127.0.0.1:3000/api/orders/execute?orderId=…
             */
            wsUrl: string;
            /**
             * Websocketurl
             * @description The same as wsUrl, for legacy clients
             */
            websocketUrl: string;
            /**
             * Statusendpoint
             * @example /api/orders/01a1fcdd-4c14-773b-8d77-909b122b0037/status
             */
            statusEndpoint: string;
            /**
             * Createdat
             * Format: date-time
             */
            createdAt: string;
            /**
             * Idempotent
             * @description true: an earlier request with this key placed the order
             */
            idempotent: boolean;
            /**
             * Success
             * @default true
             * @constant
             */
            success?: true;
            /**
             * Message
             * @default Order queued successfully
             */
            message?: string;
            /**
             * Startsinms
             * @description How soon the limit of starts per minute lets it start; null: not known now
             */
            startsInMs?: number | null;
            /**
             * Trigger
             * @description Only if it waits: for what, and how far the price is
             */
            trigger?: {
                [key: string]: unknown;
            } | null;
            /**
             * Side
             * @description Only if the request had it: echoed
             */
            side?: ("buy" | "sell") | null;
            /**
             * Slippagebps
             * @description Only if the request had `slippage`: how it was understood, in basis points
             */
            slippageBps?: number | null;
            /**
             * Retryof
             * @description Only for a retry: the dead letter that it retries
             */
            retryOf?: string | null;
        };
        /** AcceptedGroup */
        AcceptedGroup: {
            /** Groupid */
            groupId: string;
            /**
             * Type
             * @enum {string}
             */
            type: "oco" | "bracket";
            /**
             * Idempotent
             * @description true: an earlier request with this key placed the group
             */
            idempotent: boolean;
            /** Orders */
            orders: components["schemas"]["Accepted"][];
        };
        /** AuditEntry */
        AuditEntry: {
            /** Id */
            id: number;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /**
             * Action
             * @example kill_switch.set
             */
            action: string;
            /**
             * Outcome
             * @description `begun`, `done`, or the code of a problem
             * @example done
             */
            outcome: string;
            /**
             * Owner
             * @description Of the key that was used; `os:` and a user for the command line
             */
            owner: string | null;
            /** Keyprefix */
            keyPrefix: string | null;
            /** Address */
            address: string | null;
            /** Requestid */
            requestId: string | null;
            /** Details */
            details: {
                [key: string]: unknown;
            };
            /**
             * Leftout
             * @description How many more requests like this one were refused and have no entry
             */
            leftOut: number;
        };
        /** AuditPage */
        AuditPage: {
            /** Entries */
            entries: components["schemas"]["AuditEntry"][];
            /**
             * Nextcursor
             * @description Pass it as `cursor` for the next page; null: this was the last
             */
            nextCursor: string | null;
        };
        /** Balance */
        Balance: {
            /** Token */
            token: string;
            /** Amount */
            amount: string;
        };
        /**
         * BatchAnswer
         * @description For each order, in the order of the request: an accepted order or a problem document.
         */
        BatchAnswer: {
            /** Results */
            results: (components["schemas"]["Accepted"] | components["schemas"]["ProblemDocument"])[];
        };
        /** Cancelled */
        Cancelled: {
            /**
             * Cancelled
             * @description How many orders this request cancelled
             */
            cancelled: number;
        };
        /** ChosenRoute */
        ChosenRoute: {
            /** Dex */
            dex: string;
            /**
             * Tokens
             * @description The tokens passed through, first and last included
             */
            tokens: string[];
        };
        /** Cleared */
        Cleared: {
            /** Success */
            success: boolean;
            /** Message */
            message: string;
            /** Clearedcount */
            clearedCount: number;
        };
        /**
         * Connection
         * @description A socket that watches an order.
         */
        Connection: {
            /** Id */
            id: string;
            /** Orderid */
            orderId: string;
            /**
             * Connectedat
             * Format: date-time
             */
            connectedAt: string;
            /**
             * Active
             * @default true
             * @constant
             */
            active?: true;
        };
        /** Connections */
        Connections: {
            /** Connections */
            connections: components["schemas"]["Connection"][];
        };
        /**
         * DeadLetter
         * @description A failed order. Most fields have two names with the same value: one in camelCase, one in snake_case.
         */
        DeadLetter: {
            /**
             * Id
             * @description The id of the order
             */
            id: string;
            /** Orderid */
            orderId: string;
            /** Order Id */
            order_id: string;
            /** Owner */
            owner: string;
            originalOrder: components["schemas"]["OriginalOrder"];
            original_order: components["schemas"]["OriginalOrder"];
            /**
             * Failurereason
             * @description The error code
             * @example venue_unavailable
             */
            failureReason: string;
            /** Failure Reason */
            failure_reason: string;
            /**
             * Attemptsmade
             * @example 3
             */
            attemptsMade: number;
            /** Attempts Made */
            attempts_made: number;
            /**
             * Failedat
             * Format: date-time
             */
            failedAt: string;
            /**
             * Failed At
             * Format: date-time
             */
            failed_at: string;
            /**
             * Lasterror
             * @description The error of the last attempt, as a sentence
             */
            lastError: string | null;
            /** Last Error */
            last_error: string | null;
            /**
             * Retryof
             * @description The dead letter that this order was a retry of
             */
            retryOf: string | null;
        };
        /** DeadLetterStats */
        DeadLetterStats: {
            /** Totalfailed */
            totalFailed: number;
            /**
             * Byreason
             * @example {
             *       "venue_unavailable": 5
             *     }
             */
            byReason: {
                [key: string]: number;
            };
            /** Oldestfailedat */
            oldestFailedAt: string | null;
            /** Newestfailedat */
            newestFailedAt: string | null;
        };
        /** DeadLetters */
        DeadLetters: {
            /**
             * Count
             * @description Number of dead letters on this page
             */
            count: number;
            /** Failedorders */
            failedOrders: components["schemas"]["DeadLetter"][];
            /**
             * Failedjobs
             * @description The same as failedOrders
             */
            failedJobs: components["schemas"]["DeadLetter"][];
            /**
             * Message
             * @example Failed orders: 5
             */
            message: string;
            /**
             * Nextcursor
             * @description Pass it as `cursor` to get the next page; null: this is the last page
             */
            nextCursor: string | null;
        };
        /** DeadManView */
        DeadManView: {
            /**
             * Seconds
             * @description How long you may be silent; 0: it is off
             * @example 60
             */
            seconds: number;
            /**
             * Cancelsat
             * @description When your orders are cancelled unless you renew it; null: never
             */
            cancelsAt: string | null;
            /**
             * Firedat
             * @description When it last cancelled your orders; null: it never did
             */
            firedAt: string | null;
            /**
             * Cancelled
             * @description How many orders it cancelled then
             */
            cancelled: number | null;
        };
        /** Deleted */
        Deleted: {
            /** Id */
            id: string;
            /** Deleted */
            deleted: boolean;
        };
        /** Deliveries */
        Deliveries: {
            /**
             * Deliveries
             * @description At most 200
             */
            deliveries: components["schemas"]["DeliveryView"][];
        };
        /** DeliveryView */
        DeliveryView: {
            /**
             * Messageid
             * @description The header `webhook-id`
             */
            messageId: string;
            /**
             * Orderid
             * @description null: a test
             */
            orderId: string | null;
            /** Seq */
            seq: number | null;
            status: components["schemas"]["Status"] | null;
            /**
             * Createdat
             * Format: date-time
             */
            createdAt: string;
            /** Attempts */
            attempts: number;
            /**
             * Nextattemptat
             * @description Not before; null: it was given up
             */
            nextAttemptAt: string | null;
            /** Givenupat */
            givenUpAt: string | null;
            /** Lasterror */
            lastError: string | null;
        };
        /**
         * Event
         * @description One event of an order's log; the same object on every stream.
         */
        Event: {
            /** Orderid */
            orderId: string;
            /** Seq */
            seq: number;
            status: components["schemas"]["Status"];
            /** Attempt */
            attempt: number;
            /**
             * At
             * Format: date-time
             */
            at: string;
        } & {
            [key: string]: unknown;
        };
        /** FailureDrill */
        FailureDrill: {
            /** Success */
            success: boolean;
            /** Message */
            message: string;
            /** Count */
            count: number;
            /** Orderids */
            orderIds: string[];
            /** Orders */
            orders: components["schemas"]["Accepted"][];
            /**
             * Refused
             * @description Those that a limit did not let through
             */
            refused: components["schemas"]["ProblemDocument"][];
        };
        /** FieldError */
        FieldError: {
            /**
             * Pointer
             * @description JSON pointer to the field
             * @example /amount
             */
            pointer: string;
            /**
             * Message
             * @example must be a decimal number with at most 9 decimal places
             */
            message: string;
        };
        /** GroupView */
        GroupView: {
            /** Groupid */
            groupId: string;
            /**
             * Type
             * @enum {string}
             */
            type: "oco" | "bracket";
            /**
             * Holder
             * @description The order that has fired; the others are held, or were cancelled
             */
            holder: string | null;
            /** Orders */
            orders: components["schemas"]["OrderView"][];
        };
        /** Health */
        Health: {
            /** Ready */
            ready: boolean;
            /**
             * Reasons
             * @description Why it is not ready
             * @example [
             *       "no worker is running"
             *     ]
             */
            reasons: string[];
            /**
             * Postgres
             * @enum {string}
             */
            postgres: "up" | "not migrated" | "too new" | "down";
            /**
             * Redis
             * @enum {string}
             */
            redis: "up" | "down";
            /** @description The kill switch, for all owners. It does not affect `ready` */
            trading: components["schemas"]["TradingState"];
            /**
             * Reconciling
             * @description The engine asks the chain about every order, and nothing starts until it has ended: what its end waits for. null: it does not. It does not affect `ready`
             */
            reconciling: string | null;
            /**
             * Workers
             * @description Running workers; null: unknown while Redis is down
             */
            workers: number | null;
            /**
             * Watchers
             * @description Running watchers, which fire orders that wait. Market orders need none: it does not affect `ready`
             */
            watchers: number | null;
            /**
             * Failingtasks
             * @description Background tasks of watchers that failed within 30 s; their logs have the errors. It does not affect `ready`
             */
            failingTasks: number | null;
            /**
             * Revision
             * @description Of the database's schema; null: not known, or never migrated
             */
            revision: string | null;
            /**
             * Expectedrevision
             * @description Of the schema that this process was written for
             */
            expectedRevision: string;
            /**
             * Stalled
             * @description Orders are due and the start limit has starts left, but none is started
             */
            stalled: boolean;
            /**
             * Status
             * @enum {string}
             */
            status: "ok" | "degraded";
        };
        /**
         * Key
         * @description The API key of the request.
         */
        Key: {
            /**
             * Prefix
             * @description As `engine keys list` shows it
             * @example oe_1a2b3c4d
             */
            prefix: string;
            /** Operator */
            operator: boolean;
            /**
             * Readonly
             * @description It may change nothing
             */
            readOnly: boolean;
            /**
             * Expiresat
             * @description It is refused from then on; null: it does not expire
             */
            expiresAt: string | null;
        };
        /** KillSwitchView */
        KillSwitchView: {
            /** @description What applies to you: the stricter of the two below */
            state: components["schemas"]["TradingState"];
            /** @description For all owners; null: it was never set */
            all: components["schemas"]["SwitchState"] | null;
            /** @description For you; null: it was never set */
            own: components["schemas"]["SwitchState"] | null;
            /**
             * Owners
             * @description Operators only: all other owners who are not `active`, latest change first, at most 1000
             */
            owners?: components["schemas"]["SwitchState"][] | null;
        };
        /**
         * Lanes
         * @description Orders that wait for a start, by lane. While more wait than may start, lanes start by their shares.
         */
        Lanes: {
            /**
             * Stops
             * @description Stop, take-profit and trailing stop orders
             */
            stops: number;
            /** Market */
            market: number;
            /**
             * Limits
             * @description Limit and sniper orders
             */
            limits: number;
            /**
             * Slices
             * @description Slices of DCA orders
             */
            slices: number;
        };
        /** LaunchedPool */
        LaunchedPool: {
            /** Id */
            id: string;
            /** Venue */
            venue: string;
            /** Tokens */
            tokens: string[];
            /**
             * Mint
             * @description Of the new token
             */
            mint: string;
            /**
             * Fromslot
             * @description The slot from which every process knows it
             */
            fromSlot: number;
        };
        /** Limits */
        Limits: {
            /** @description null: local mode has no keys */
            key: components["schemas"]["Key"] | null;
            /** @description null: no limit */
            orders: components["schemas"]["OrderQuota"] | null;
            streams: components["schemas"]["Streams"];
            /**
             * Maxunderway
             * @description Orders of the caller's owner that may be under way at once
             */
            maxUnderWay: number;
            risk: components["schemas"]["RiskLimits"];
        };
        /** Liveness */
        Liveness: {
            /**
             * Status
             * @default ok
             * @constant
             */
            status?: "ok";
        };
        /** MidPrice */
        MidPrice: {
            /** Venue */
            venue: string;
            /**
             * Price
             * @description tokenOut for one tokenIn at the mid price of its pools, with all its digits
             */
            price: number;
        };
        /**
         * MidPrices
         * @description What a pair costs before fees and price impact.
         */
        MidPrices: {
            /**
             * Slot
             * @description The slot of the market that the prices are for
             */
            slot: number;
            /**
             * At
             * Format: date-time
             * @description The time of the prices, on the engine's clock
             */
            at: string;
            /** Tokenin */
            tokenIn: string;
            /** Tokenout */
            tokenOut: string;
            /**
             * Mids
             * @description Of each venue that trades the pair
             */
            mids: components["schemas"]["MidPrice"][];
            /**
             * Movable
             * @description true: `POST /api/simulate/market` moves this price
             */
            movable: boolean;
            /**
             * Setbyhand
             * @description true: the price was set by hand, and stands still until it is released
             */
            setByHand: boolean;
        };
        /** Mint */
        Mint: {
            /** Symbol */
            symbol: string;
            /** Mint */
            mint: string;
        };
        /** MovedMarket */
        MovedMarket: {
            /** Tokenin */
            tokenIn: string;
            /** Tokenout */
            tokenOut: string;
            /**
             * Price
             * @description tokenOut for one tokenIn at every venue, with all its digits
             */
            price: number;
            /**
             * Fromslot
             * @description The slot from which it holds, in every process: about a second from now
             */
            fromSlot: number;
        };
        /** NewSecret */
        NewSecret: {
            /** Id */
            id: string;
            /** Url */
            url: string;
            /** Description */
            description: string | null;
            /**
             * Statuses
             * @description Only events with these are sent; null: all
             */
            statuses: components["schemas"]["Status"][] | null;
            /** Enabled */
            enabled: boolean;
            /**
             * Disabledat
             * @description When it was switched off
             */
            disabledAt: string | null;
            /**
             * Disabledwhy
             * @example nothing has arrived for three days
             */
            disabledWhy: string | null;
            /**
             * Failingsince
             * @description The first failure since the last success
             */
            failingSince: string | null;
            /** Lastdeliveredat */
            lastDeliveredAt: string | null;
            /** Lastfailedat */
            lastFailedAt: string | null;
            /**
             * Lasterror
             * @example HTTP 500
             */
            lastError: string | null;
            /**
             * Waiting
             * @description Deliveries that wait; 1000: or more
             */
            waiting: number;
            /**
             * Failed
             * @description Deliveries that were given up after three days; 1000: or more
             */
            failed: number;
            /**
             * Previoussecretuntil
             * @description Until then the secret before signs too
             */
            previousSecretUntil: string | null;
            /**
             * Createdat
             * Format: date-time
             */
            createdAt: string;
            /**
             * Secret
             * @description Keep it: it is shown once
             * @example whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
             */
            secret: string;
        };
        /** OrderPage */
        OrderPage: {
            /** Orders */
            orders: components["schemas"]["OrderView"][];
            /**
             * Nextcursor
             * @description Pass it as `cursor` for the next page, even if this is empty; null: the last
             */
            nextCursor: string | null;
        };
        /** OrderQuota */
        OrderQuota: {
            /** Perminute */
            perMinute: number;
            /**
             * Left
             * @description How many may be sent right now
             */
            left: number;
        };
        /**
         * OrderSnapshot
         * @description An order with its log, and the URLs for its further events.
         */
        OrderSnapshot: {
            /** Orderid */
            orderId: string;
            /**
             * Id
             * @description The same as orderId, for legacy clients
             */
            id: string;
            status: components["schemas"]["Status"];
            /** Seq */
            seq: number;
            /** Attempt */
            attempt: number;
            /** Ordertype */
            orderType: string;
            /** Tokenin */
            tokenIn: string;
            /** Tokenout */
            tokenOut: string;
            /**
             * Amount
             * @description null: the token is no longer listed
             */
            amount: string | null;
            /**
             * Valueusd
             * @description In US dollars, at the market's price when the order was accepted
             */
            valueUsd: string | null;
            /** Slippagebps */
            slippageBps: number;
            /**
             * Minamountout
             * @description Once a route was built: the limit that was fixed then
             */
            minAmountOut: string | null;
            /** Maxpriceimpactbps */
            maxPriceImpactBps: number | null;
            /** Venues */
            venues: string[] | null;
            /** Expiresat */
            expiresAt: string | null;
            /** Clientorderid */
            clientOrderId: string | null;
            /** Retryof */
            retryOf: string | null;
            /** Limitprice */
            limitPrice: string | null;
            /** Timeinforce */
            timeInForce: string | null;
            /**
             * Trigger
             * @description What it waits for, and how far the price is from that now
             */
            trigger: {
                [key: string]: unknown;
            } | null;
            /**
             * Schedule
             * @description Only if it is executed in slices
             */
            schedule: {
                [key: string]: unknown;
            } | null;
            /** Priceband */
            priceBand: {
                [key: string]: unknown;
            } | null;
            /** Parentid */
            parentId: string | null;
            /** Groupid */
            groupId: string | null;
            /**
             * Cancelrequested
             * @description It is cancelled once its swap is proven dead
             */
            cancelRequested: boolean;
            /** Dex */
            dex: string | null;
            /** Txhash */
            txHash: string | null;
            /**
             * Executedprice
             * @description tokenOut for one tokenIn, with all its digits
             */
            executedPrice: number | null;
            /** Amountout */
            amountOut: string | null;
            /** Error */
            error: string | null;
            /** Code */
            code: string | null;
            /**
             * Createdat
             * Format: date-time
             */
            createdAt: string;
            /**
             * Updatedat
             * Format: date-time
             */
            updatedAt: string;
            /** @description Only of an order read or listed that is executed in slices, as the next three */
            slices?: components["schemas"]["SliceCounts"] | null;
            /** Filledin */
            filledIn?: string | null;
            /** Filledout */
            filledOut?: string | null;
            /** Avgprice */
            avgPrice?: number | null;
            /** Events */
            events: components["schemas"]["Event"][];
            /** Wsurl */
            wsUrl: string;
            /** Statusendpoint */
            statusEndpoint: string;
        };
        /**
         * OrderView
         * @description The current state of an order.
         */
        OrderView: {
            /** Orderid */
            orderId: string;
            /**
             * Id
             * @description The same as orderId, for legacy clients
             */
            id: string;
            status: components["schemas"]["Status"];
            /** Seq */
            seq: number;
            /** Attempt */
            attempt: number;
            /** Ordertype */
            orderType: string;
            /** Tokenin */
            tokenIn: string;
            /** Tokenout */
            tokenOut: string;
            /**
             * Amount
             * @description null: the token is no longer listed
             */
            amount: string | null;
            /**
             * Valueusd
             * @description In US dollars, at the market's price when the order was accepted
             */
            valueUsd: string | null;
            /** Slippagebps */
            slippageBps: number;
            /**
             * Minamountout
             * @description Once a route was built: the limit that was fixed then
             */
            minAmountOut: string | null;
            /** Maxpriceimpactbps */
            maxPriceImpactBps: number | null;
            /** Venues */
            venues: string[] | null;
            /** Expiresat */
            expiresAt: string | null;
            /** Clientorderid */
            clientOrderId: string | null;
            /** Retryof */
            retryOf: string | null;
            /** Limitprice */
            limitPrice: string | null;
            /** Timeinforce */
            timeInForce: string | null;
            /**
             * Trigger
             * @description What it waits for, and how far the price is from that now
             */
            trigger: {
                [key: string]: unknown;
            } | null;
            /**
             * Schedule
             * @description Only if it is executed in slices
             */
            schedule: {
                [key: string]: unknown;
            } | null;
            /** Priceband */
            priceBand: {
                [key: string]: unknown;
            } | null;
            /** Parentid */
            parentId: string | null;
            /** Groupid */
            groupId: string | null;
            /**
             * Cancelrequested
             * @description It is cancelled once its swap is proven dead
             */
            cancelRequested: boolean;
            /** Dex */
            dex: string | null;
            /** Txhash */
            txHash: string | null;
            /**
             * Executedprice
             * @description tokenOut for one tokenIn, with all its digits
             */
            executedPrice: number | null;
            /** Amountout */
            amountOut: string | null;
            /** Error */
            error: string | null;
            /** Code */
            code: string | null;
            /**
             * Createdat
             * Format: date-time
             */
            createdAt: string;
            /**
             * Updatedat
             * Format: date-time
             */
            updatedAt: string;
            /** @description Only of an order read or listed that is executed in slices, as the next three */
            slices?: components["schemas"]["SliceCounts"] | null;
            /** Filledin */
            filledIn?: string | null;
            /** Filledout */
            filledOut?: string | null;
            /** Avgprice */
            avgPrice?: number | null;
        };
        /**
         * OriginalOrder
         * @description The order as it was requested.
         */
        OriginalOrder: {
            /** Id */
            id: string;
            /**
             * Tokenin
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description With all its digits; null: its token is not listed
             * @example 1.5
             */
            amount: number | null;
            /**
             * Type
             * @example market
             */
            type: string;
            /**
             * Slippage
             * @description A fraction
             * @example 0.005
             */
            slippage: number;
            /** Slippagebps */
            slippageBps: number;
            /** Venues */
            venues: string[] | null;
            /** Clientorderid */
            clientOrderId: string | null;
            /**
             * Createdat
             * Format: date-time
             */
            createdAt: string;
        };
        /** Paused */
        Paused: {
            /** Paused */
            paused: boolean;
        };
        /** Pools */
        Pools: {
            /** Pools */
            pools: components["schemas"]["TradedPool"][];
        };
        /**
         * Preview
         * @description The routing decision the engine would make now. Without `dex` there is no route: `error` says why.
         */
        Preview: {
            /**
             * Slot
             * @description The slot of the market that the quotes are for
             */
            slot: number;
            /** Dex */
            dex?: string | null;
            /**
             * Price
             * @description tokenOut for one tokenIn, with all its digits
             */
            price?: number | null;
            /** Amountout */
            amountOut?: string | null;
            /**
             * Minamountout
             * @description The least amount with the default slippage
             */
            minAmountOut?: string | null;
            route?: components["schemas"]["ChosenRoute"] | null;
            /** Quotes */
            quotes: components["schemas"]["VenueQuote"][];
            /** Error */
            error?: string | null;
        };
        /** PricePoint */
        PricePoint: {
            /**
             * At
             * Format: date-time
             * @description Where the step begins; the prices are the last ones in it
             */
            at: string;
            /**
             * Prices
             * @description By venue: tokenOut for one tokenIn at the mid price of its pools, with 12 digits
             * @example {
             *       "meteora": 150.21,
             *       "raydium": 150.25
             *     }
             */
            prices: {
                [key: string]: number;
            };
        };
        /** Prices */
        Prices: {
            /** Tokenin */
            tokenIn: string;
            /** Tokenout */
            tokenOut: string;
            /** Stepseconds */
            stepSeconds: number;
            /**
             * Points
             * @description Oldest first, at most 1,000; a step without a price is left out
             */
            points: components["schemas"]["PricePoint"][];
        };
        /**
         * ProblemDocument
         * @description RFC 9457 problem document
         */
        ProblemDocument: {
            /**
             * Type
             * @example about:blank
             */
            type: string;
            /**
             * Title
             * @example Unprocessable Content
             */
            title: string;
            /**
             * Status
             * @example 422
             */
            status: number;
            /**
             * Detail
             * @example The order is not valid.
             */
            detail: string;
            /**
             * Message
             * @description The same as `detail`, for legacy clients
             * @example The order is not valid.
             */
            message: string;
            /**
             * Code
             * @description Stable; for programs to act on
             * @example invalid_order
             */
            code: string;
            /**
             * Retryable
             * @description Whether the same request may succeed later
             */
            retryable: boolean;
            /**
             * Requestid
             * @description The id of this request in the engine's log
             */
            requestId: string;
            /** Errors */
            errors?: components["schemas"]["FieldError"][] | null;
        };
        /**
         * Queue
         * @description The state of the queue.
         */
        Queue: {
            /**
             * Waiting
             * @description Orders in the queue that no worker runs now
             */
            waiting: number;
            waitingByLane: components["schemas"]["Lanes"];
            /** Running */
            running: number;
            /**
             * Workers
             * @description Running workers
             */
            workers: number;
            /**
             * Watchers
             * @description Running watchers, which fire orders that wait for a price
             */
            watchers: number;
            /**
             * Pricesageseconds
             * @description Age of the newest price of the pair that has waited longest for one; 0: no order waits for a price
             */
            pricesAgeSeconds: number;
            /**
             * Concurrency
             * @description How many orders the workers can run at once
             */
            concurrency: number;
            /**
             * Startsperminute
             * @description How many orders may start in any minute; null: no limit
             */
            startsPerMinute: number | null;
            /**
             * Startsleft
             * @description How many may start right now
             */
            startsLeft: number | null;
            /**
             * Oldestseconds
             * @description How long the first waiting order has been due
             */
            oldestSeconds: number;
            /**
             * Paused
             * @description Trading is halted for all owners
             */
            paused: boolean;
            /** @description What the kill switch lets you do */
            trading: components["schemas"]["TradingState"];
            /**
             * Ordersperminute
             * @description Confirmed orders per minute, over the last five minutes
             */
            ordersPerMinute: number;
            confirmedMs: components["schemas"]["TimeToConfirm"];
        };
        /** QueueSample */
        QueueSample: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /**
             * Waiting
             * @description null, as the next two: Redis was down
             */
            waiting: number | null;
            /** Running */
            running: number | null;
            /** Workers */
            workers: number | null;
            /**
             * Perminute
             * @description Orders confirmed in the minute before
             */
            perMinute: number;
            /**
             * P50Ms
             * @description Of these, from accepted to confirmed; null: there were none
             */
            p50Ms: number | null;
            /** P99Ms */
            p99Ms: number | null;
        };
        /** QueueSamples */
        QueueSamples: {
            /**
             * Stepseconds
             * @example 10
             */
            stepSeconds: number;
            /**
             * Samples
             * @description Oldest first; while neither worker nor watcher ran there are none
             */
            samples: components["schemas"]["QueueSample"][];
        };
        /**
         * Readiness
         * @description Whether orders are accepted and executed.
         */
        Readiness: {
            /** Ready */
            ready: boolean;
            /**
             * Reasons
             * @description Why it is not ready
             * @example [
             *       "no worker is running"
             *     ]
             */
            reasons: string[];
            /**
             * Postgres
             * @enum {string}
             */
            postgres: "up" | "not migrated" | "too new" | "down";
            /**
             * Redis
             * @enum {string}
             */
            redis: "up" | "down";
            /** @description The kill switch, for all owners. It does not affect `ready` */
            trading: components["schemas"]["TradingState"];
            /**
             * Reconciling
             * @description The engine asks the chain about every order, and nothing starts until it has ended: what its end waits for. null: it does not. It does not affect `ready`
             */
            reconciling: string | null;
            /**
             * Workers
             * @description Running workers; null: unknown while Redis is down
             */
            workers: number | null;
            /**
             * Watchers
             * @description Running watchers, which fire orders that wait. Market orders need none: it does not affect `ready`
             */
            watchers: number | null;
            /**
             * Failingtasks
             * @description Background tasks of watchers that failed within 30 s; their logs have the errors. It does not affect `ready`
             */
            failingTasks: number | null;
            /**
             * Revision
             * @description Of the database's schema; null: not known, or never migrated
             */
            revision: string | null;
            /**
             * Expectedrevision
             * @description Of the schema that this process was written for
             */
            expectedRevision: string;
            /**
             * Stalled
             * @description Orders are due and the start limit has starts left, but none is started
             */
            stalled: boolean;
        };
        /** Reconciliation */
        Reconciliation: {
            /**
             * Reconciling
             * @description Nothing starts or is sent meanwhile; orders are accepted
             */
            reconciling: boolean;
            /** Reason */
            reason: string | null;
            /** Beganat */
            beganAt: string | null;
            /**
             * Waitsfor
             * @description What its end waits for; null also until a worker has said it
             */
            waitsFor: string | null;
            /**
             * Unmatchedswaps
             * @description The newest first, at most 1000
             */
            unmatchedSwaps: components["schemas"]["Unmatched"][];
        };
        /** ReleasedMarket */
        ReleasedMarket: {
            /**
             * Fromslot
             * @description The slot from which all prices move by themselves
             */
            fromSlot: number;
        };
        /** Replayed */
        Replayed: {
            /**
             * Replayed
             * @description Deliveries that are sent again after they were given up; 1000: or more
             */
            replayed: number;
        };
        /**
         * RiskLimits
         * @description What orders may be worth in US dollars, at the market's price.
         */
        RiskLimits: {
            /**
             * Maxorderusd
             * @description One order; null: no limit
             */
            maxOrderUsd: number | null;
            /**
             * Maxdailyusd
             * @description All orders of the owner on one day; null: no limit
             */
            maxDailyUsd: number | null;
            /**
             * Usedtodayusd
             * @description Of the orders accepted since the day began, whatever became of them
             * @example 449.55
             */
            usedTodayUsd: string;
            /**
             * Dayendsat
             * Format: date-time
             * @description Midnight in UTC
             */
            dayEndsAt: string;
        };
        /** SliceCounts */
        SliceCounts: {
            /** Total */
            total: number;
            /** Filled */
            filled: number;
            /** Failed */
            failed: number;
            /** Skipped */
            skipped: number;
            /** Nextat */
            nextAt: string | null;
        };
        /**
         * Status
         * @enum {string}
         */
        Status: "open" | "pending" | "routing" | "building" | "submitted" | "confirmed" | "failed" | "cancelled" | "expired" | "completed";
        /**
         * Streams
         * @description Sockets and event streams of the caller's owner, in the API process that answers.
         */
        Streams: {
            /** Maxopen */
            maxOpen: number;
            /** Open */
            open: number;
        };
        /**
         * SwitchState
         * @description What was set for all owners, or for one.
         */
        SwitchState: {
            /**
             * Owner
             * @description null: for all owners
             */
            owner: string | null;
            state: components["schemas"]["TradingState"];
            /** Reason */
            reason: string;
            /**
             * Setby
             * @description The owner of the key that set it; shown to operators only
             */
            setBy: string | null;
            /**
             * Setat
             * Format: date-time
             */
            setAt: string;
        };
        /** TestSent */
        TestSent: {
            /**
             * Messageid
             * @description The header `webhook-id` of the test
             */
            messageId: string;
        };
        /**
         * Ticket
         * @description A ticket for opening one socket.
         */
        Ticket: {
            /**
             * Ticket
             * @description The query parameter `ticket` of the socket's URL; valid for this scope only
             */
            ticket: string;
            /**
             * Expiresat
             * Format: date-time
             * @description Connect before this time; an open socket stays open
             */
            expiresAt: string;
            /**
             * Wsurl
             * @description The URL of the socket, with the ticket
             */
            wsUrl: string;
        };
        /**
         * TimeToConfirm
         * @description Milliseconds from accepted to confirmed; null: no order was confirmed.
         */
        TimeToConfirm: {
            /** P50 */
            p50: number | null;
            /** P99 */
            p99: number | null;
        };
        /** Tokens */
        Tokens: {
            /** Tokens */
            tokens: components["schemas"]["TradedToken"][];
            /**
             * Practice
             * @description true: local mode, with a simulated market or a local chain; no money moves
             */
            practice: boolean;
            /**
             * Launches
             * @description false: this chain tells of no new tokens, and no order can wait for one
             */
            launches: boolean;
        };
        /** TradedPool */
        TradedPool: {
            /** Id */
            id: string;
            /** Venue */
            venue: string;
            /** Tokens */
            tokens: string[];
            /**
             * Depthusd
             * @description Value of its reserves, both tokens together
             */
            depthUsd: number;
        };
        /** TradedToken */
        TradedToken: {
            /** Symbol */
            symbol: string;
            /** Mint */
            mint: string;
            /** Name */
            name: string;
            /** Decimals */
            decimals: number;
        };
        /**
         * TradingState
         * @enum {string}
         */
        TradingState: "active" | "reducing" | "halted";
        /**
         * Unmatched
         * @description A swap that landed, and filled no order that the database knew.
         */
        Unmatched: {
            /** Txhash */
            txHash: string;
            /**
             * Orderid
             * @description As the swap's memo says
             */
            orderId: string;
            /** @description That the order had here; null: there was no such order */
            status: components["schemas"]["Status"] | null;
            /** Dex */
            dex: string | null;
            /** Tokenin */
            tokenIn: string | null;
            /** Tokenout */
            tokenOut: string | null;
            /**
             * Amountin
             * @description null: the token is not known here
             */
            amountIn: string | null;
            /** Amountout */
            amountOut: string | null;
            /**
             * Landedat
             * Format: date-time
             */
            landedAt: string;
            /**
             * Filledorderid
             * @description The order with the same idempotency key that it has filled since
             */
            filledOrderId: string | null;
        };
        /**
         * VenueQuote
         * @description The quote of one venue, and whether the router would choose it.
         */
        VenueQuote: {
            /** Venue */
            venue: string;
            /** Won */
            won: boolean;
            /**
             * Reason
             * @description Why it won or lost
             * @example 0.12 % less
             */
            reason: string;
            /**
             * Error
             * @description The error code, if this venue cannot take the order
             */
            error?: string | null;
            /** Amountout */
            amountOut?: string | null;
            /**
             * Fee
             * @description In tokenIn
             */
            fee?: string | null;
            /**
             * Networkfee
             * @description In SOL
             */
            networkFee?: string | null;
            /** Priceimpactbps */
            priceImpactBps?: number | null;
            /** Slot */
            slot?: number | null;
            /** Route */
            route?: string[] | null;
        };
        /** Wallet */
        Wallet: {
            /**
             * Address
             * @description null: the chain is simulated, and has no wallet
             */
            address: string | null;
            /** Balances */
            balances: components["schemas"]["Balance"][];
        };
        /** WebhookView */
        WebhookView: {
            /** Id */
            id: string;
            /** Url */
            url: string;
            /** Description */
            description: string | null;
            /**
             * Statuses
             * @description Only events with these are sent; null: all
             */
            statuses: components["schemas"]["Status"][] | null;
            /** Enabled */
            enabled: boolean;
            /**
             * Disabledat
             * @description When it was switched off
             */
            disabledAt: string | null;
            /**
             * Disabledwhy
             * @example nothing has arrived for three days
             */
            disabledWhy: string | null;
            /**
             * Failingsince
             * @description The first failure since the last success
             */
            failingSince: string | null;
            /** Lastdeliveredat */
            lastDeliveredAt: string | null;
            /** Lastfailedat */
            lastFailedAt: string | null;
            /**
             * Lasterror
             * @example HTTP 500
             */
            lastError: string | null;
            /**
             * Waiting
             * @description Deliveries that wait; 1000: or more
             */
            waiting: number;
            /**
             * Failed
             * @description Deliveries that were given up after three days; 1000: or more
             */
            failed: number;
            /**
             * Previoussecretuntil
             * @description Until then the secret before signs too
             */
            previousSecretUntil: string | null;
            /**
             * Createdat
             * Format: date-time
             */
            createdAt: string;
        };
        /** Webhooks */
        Webhooks: {
            /** Webhooks */
            webhooks: components["schemas"]["WebhookView"][];
        };
        /**
         * AmendOrder
         * @description What changes; the rest stays. Fields that the order's type does not have are refused.
         */
        AmendOrder: {
            /**
             * Limitprice
             * @default null
             */
            limitPrice?: number | string | null;
            /**
             * Trigger
             * @default null
             */
            trigger?: components["schemas"]["StopTrigger"] | components["schemas"]["TakeProfitTrigger"] | components["schemas"]["TrailingTrigger"] | components["schemas"]["SniperTrigger"] | null;
            /**
             * Slippagebps
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Expiresat
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Acknowledgeprice
             * @default false
             */
            acknowledgePrice?: boolean;
        };
        /**
         * Batch
         * @description Independent orders: if one is refused, the others are still placed.
         */
        Batch: {
            /** Orders */
            orders: (components["schemas"]["BatchItem"] | components["schemas"]["BatchLimit"] | components["schemas"]["BatchStop"] | components["schemas"]["BatchTakeProfit"] | components["schemas"]["BatchTrailingStop"] | components["schemas"]["BatchDca"] | components["schemas"]["BatchSniper"])[];
        };
        /**
         * BatchDca
         * @description An order in slices with its own idempotency key.
         */
        BatchDca: {
            /**
             * Ordertype
             * @enum {string}
             */
            orderType: "dca" | "twap";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtc: until its last slice; gtd: at most until it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd") | null;
            /**
             * Expiresat
             * @description When it expires if it has not been filled
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now
             * @default null
             */
            expiresInSeconds?: number | null;
            schedule: components["schemas"]["Schedule"];
            /**
             * @description A slice is skipped while the price is outside
             * @default null
             */
            priceBand?: components["schemas"]["PriceBand"] | null;
            /**
             * Idempotencykey
             * @description Like the header of a single order: the same key never places a second order
             * @default null
             */
            idempotencyKey?: string | null;
        };
        /**
         * BatchItem
         * @description A market order with its own idempotency key.
         */
        BatchItem: {
            /**
             * Ordertype
             * @default market
             * @constant
             */
            orderType?: "market";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtd: it expires unless it has started by its end, as without this field; gtc: it never expires; ioc, or fok: it starts within 10 seconds, or it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd" | "ioc" | "fok") | null;
            /**
             * Expiresat
             * @description If it has not started by then, it expires
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now, unless another field says it; 0: it never does
             * @default 300
             */
            expiresInSeconds?: number;
            /**
             * Minamountout
             * @description The least you accept, in tokenOut; the higher of this and the slippage limit applies
             * @default null
             */
            minAmountOut?: number | string | null;
            /**
             * Idempotencykey
             * @description Like the header of a single order: the same key never places a second order
             * @default null
             */
            idempotencyKey?: string | null;
        };
        /**
         * BatchLimit
         * @description A limit order with its own idempotency key.
         */
        BatchLimit: {
            /**
             * Ordertype
             * @constant
             */
            orderType: "limit";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtc: until it is filled or cancelled; gtd: until it expires; ioc, or fok: now, or it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd" | "ioc" | "fok") | null;
            /**
             * Expiresat
             * @description When it expires if it has not been filled
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now
             * @default null
             */
            expiresInSeconds?: number | null;
            /**
             * Limitprice
             * @description The least tokenOut for one tokenIn. It is read from its literal text
             * @example 155
             */
            limitPrice: number | string;
            /**
             * Acknowledgeprice
             * @description Accept a limit price that is more than 20 % worse than the market's
             * @default false
             */
            acknowledgePrice?: boolean;
            /**
             * Idempotencykey
             * @description Like the header of a single order: the same key never places a second order
             * @default null
             */
            idempotencyKey?: string | null;
        };
        /**
         * BatchSniper
         * @description A sniper with its own idempotency key.
         */
        BatchSniper: {
            /**
             * Ordertype
             * @constant
             */
            orderType: "sniper";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description The mint address of the token; it need not be traded yet
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtc: until it is filled or cancelled; gtd: until it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd") | null;
            /**
             * Expiresat
             * @description When it expires if it has not been filled
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now
             * @default null
             */
            expiresInSeconds?: number | null;
            /**
             * Limitprice
             * @description The least tokenOut for one tokenIn
             * @example 500
             */
            limitPrice: number | string;
            trigger: components["schemas"]["SniperTrigger"];
            /**
             * Idempotencykey
             * @description Like the header of a single order: the same key never places a second order
             * @default null
             */
            idempotencyKey?: string | null;
        };
        /**
         * BatchStop
         * @description A stop with its own idempotency key.
         */
        BatchStop: {
            /**
             * Ordertype
             * @constant
             */
            orderType: "stop";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtc: until it is filled or cancelled; gtd: until it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd") | null;
            /**
             * Expiresat
             * @description When it expires if it has not been filled
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now
             * @default null
             */
            expiresInSeconds?: number | null;
            /**
             * Acknowledgesinglevenue
             * @description Needed for a pair that one venue trades: one thin pool can then fire the order
             * @default false
             */
            acknowledgeSingleVenue?: boolean;
            /**
             * Limitprice
             * @description The worst price you accept. Default: the trigger's less the slippage, 300 basis points
             * @default null
             */
            limitPrice?: number | string | null;
            trigger: components["schemas"]["StopTrigger"];
            /**
             * Idempotencykey
             * @description Like the header of a single order: the same key never places a second order
             * @default null
             */
            idempotencyKey?: string | null;
        };
        /**
         * BatchTakeProfit
         * @description A take-profit with its own idempotency key.
         */
        BatchTakeProfit: {
            /**
             * Ordertype
             * @constant
             */
            orderType: "take_profit";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtc: until it is filled or cancelled; gtd: until it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd") | null;
            /**
             * Expiresat
             * @description When it expires if it has not been filled
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now
             * @default null
             */
            expiresInSeconds?: number | null;
            /**
             * Acknowledgesinglevenue
             * @description Needed for a pair that one venue trades: one thin pool can then fire the order
             * @default false
             */
            acknowledgeSingleVenue?: boolean;
            /**
             * Limitprice
             * @description The worst price you accept. Default: the trigger's less the slippage, 300 basis points
             * @default null
             */
            limitPrice?: number | string | null;
            trigger: components["schemas"]["TakeProfitTrigger"];
            /**
             * Idempotencykey
             * @description Like the header of a single order: the same key never places a second order
             * @default null
             */
            idempotencyKey?: string | null;
        };
        /**
         * BatchTrailingStop
         * @description A trailing stop with its own idempotency key.
         */
        BatchTrailingStop: {
            /**
             * Ordertype
             * @constant
             */
            orderType: "trailing_stop";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtc: until it is filled or cancelled; gtd: until it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd") | null;
            /**
             * Expiresat
             * @description When it expires if it has not been filled
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now
             * @default null
             */
            expiresInSeconds?: number | null;
            /**
             * Acknowledgesinglevenue
             * @description Needed for a pair that one venue trades: one thin pool can then fire the order
             * @default false
             */
            acknowledgeSingleVenue?: boolean;
            trigger: components["schemas"]["TrailingTrigger"];
            /**
             * Idempotencykey
             * @description Like the header of a single order: the same key never places a second order
             * @default null
             */
            idempotencyKey?: string | null;
        };
        /**
         * Bracket
         * @description A limit order, and what is done with what it brings. Prices of the others are those of the opposite swap.
         */
        Bracket: {
            /**
             * Type
             * @constant
             */
            type: "bracket";
            entry: components["schemas"]["LimitOrder"];
            takeProfit: components["schemas"]["TakeProfitLeg"];
            stopLoss: components["schemas"]["StopLossLeg"];
        };
        /**
         * CancelAll
         * @description Which orders; a field that is missing selects every order.
         */
        CancelAll: {
            /**
             * Tokenin
             * @default null
             */
            tokenIn?: string | null;
            /**
             * Tokenout
             * @default null
             */
            tokenOut?: string | null;
            /**
             * Ordertype
             * @default null
             */
            orderType?: ("market" | "limit" | "stop" | "take_profit" | "trailing_stop" | "dca" | "sniper") | null;
            /**
             * Groupid
             * @default null
             */
            groupId?: string | null;
        };
        /**
         * CreateWebhook
         * @description Where events are sent, and which.
         */
        CreateWebhook: {
            /**
             * Url
             * @description https, and public: no address inside
             * @example https://bot.example.com/engine
             */
            url: string;
            /**
             * Statuses
             * @description Only events with these; default: all
             * @default null
             */
            statuses?: components["schemas"]["Status"][] | null;
            /**
             * Description
             * @description For you
             * @default null
             */
            description?: string | null;
        };
        /**
         * DcaOrder
         * @description Executed in equal slices at intervals, each a market order of its own. Also called twap.
         */
        DcaOrder: {
            /**
             * Ordertype
             * @enum {string}
             */
            orderType: "dca" | "twap";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtc: until its last slice; gtd: at most until it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd") | null;
            /**
             * Expiresat
             * @description When it expires if it has not been filled
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now
             * @default null
             */
            expiresInSeconds?: number | null;
            schedule: components["schemas"]["Schedule"];
            /**
             * @description A slice is skipped while the price is outside
             * @default null
             */
            priceBand?: components["schemas"]["PriceBand"] | null;
        };
        /**
         * ExecuteOrder
         * @description A market order: executed now.
         */
        ExecuteOrder: {
            /**
             * Ordertype
             * @default market
             * @constant
             */
            orderType?: "market";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtd: it expires unless it has started by its end, as without this field; gtc: it never expires; ioc, or fok: it starts within 10 seconds, or it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd" | "ioc" | "fok") | null;
            /**
             * Expiresat
             * @description If it has not started by then, it expires
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now, unless another field says it; 0: it never does
             * @default 300
             */
            expiresInSeconds?: number;
            /**
             * Minamountout
             * @description The least you accept, in tokenOut; the higher of this and the slippage limit applies
             * @default null
             */
            minAmountOut?: number | string | null;
        };
        /**
         * LaunchPool
         * @description A new token, and its first pool; or a pool of such a token on another venue, with the same other fields.
         */
        LaunchPool: {
            /**
             * Venue
             * @example raydium
             */
            venue: string;
            /**
             * Symbol
             * @example WIF
             */
            symbol: string;
            /**
             * Name
             * @example dogwifhat
             */
            name: string;
            /**
             * Decimals
             * @default 6
             */
            decimals?: number;
            /**
             * Usd
             * @description The price of one token, around which it moves
             * @example 0.25
             */
            usd: number | string;
            /**
             * Quote
             * @description The token that it is traded against
             * @default SOL
             * @enum {string}
             */
            quote?: "SOL" | "USDC";
            /**
             * Depthusd
             * @description What the pool holds, both sides together
             * @example 50000
             */
            depthUsd: number;
        };
        /**
         * LimitOrder
         * @description Executed once a quote at its size reaches the limit price, and never at a worse price.
         */
        LimitOrder: {
            /**
             * Ordertype
             * @constant
             */
            orderType: "limit";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtc: until it is filled or cancelled; gtd: until it expires; ioc, or fok: now, or it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd" | "ioc" | "fok") | null;
            /**
             * Expiresat
             * @description When it expires if it has not been filled
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now
             * @default null
             */
            expiresInSeconds?: number | null;
            /**
             * Limitprice
             * @description The least tokenOut for one tokenIn. It is read from its literal text
             * @example 155
             */
            limitPrice: number | string;
            /**
             * Acknowledgeprice
             * @description Accept a limit price that is more than 20 % worse than the market's
             * @default false
             */
            acknowledgePrice?: boolean;
        };
        /**
         * MoveMarket
         * @description A new price of a pair: either the price itself, or how far it moves.
         */
        MoveMarket: {
            /**
             * Tokenin
             * @description Symbol or mint
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint
             * @example USDC
             */
            tokenOut: string;
            /**
             * Price
             * @description tokenOut for one tokenIn
             * @default null
             * @example 150.25
             */
            price?: number | string | null;
            /**
             * Movebps
             * @description From the price now, in basis points: -100 is 1 % down
             * @default null
             */
            moveBps?: number | null;
        };
        /**
         * OrderGroup
         * @description Two orders that swap the same amount of the same tokens. Only one of them is filled.
         */
        OrderGroup: {
            /**
             * Type
             * @constant
             */
            type: "oco";
            /** Legs */
            legs: (components["schemas"]["TakeProfitOrder"] | components["schemas"]["StopOrder"] | components["schemas"]["TrailingStopOrder"])[];
        };
        /** PriceBand */
        PriceBand: {
            /**
             * Min
             * @description No slice is filled below it
             * @default null
             */
            min?: number | string | null;
            /**
             * Max
             * @description A slice is skipped while the price is above it
             * @default null
             */
            max?: number | string | null;
        };
        /** Schedule */
        Schedule: {
            /**
             * Slices
             * @description How many, 2 to 1,000
             * @example 10
             */
            slices: number;
            /**
             * Everyseconds
             * @example 3600
             */
            everySeconds: number;
            /**
             * Startat
             * @description When the first slice is made; default: now
             * @default null
             */
            startAt?: string | null;
            /**
             * Onmiss
             * @description After a time without slices, such as a halt: extend makes all, later; skip leaves out the missed ones; catch_up makes them one after the other, 10 s apart
             * @default extend
             * @enum {string}
             */
            onMiss?: "extend" | "skip" | "catch_up";
        };
        /**
         * SetDeadMan
         * @description How long the caller may be silent before all orders are cancelled.
         */
        SetDeadMan: {
            /**
             * Seconds
             * @description 0: switch it off
             * @example 60
             */
            seconds: number;
        };
        /**
         * SetKillSwitch
         * @description A new state, for all owners or for one.
         */
        SetKillSwitch: {
            state: components["schemas"]["TradingState"];
            /**
             * Reason
             * @description Shown to every caller that it stops
             * @example Prices are wrong.
             */
            reason: string;
            /**
             * Owner
             * @description Only this owner; default: all owners
             * @default null
             */
            owner?: string | null;
        };
        /**
         * SniperOrder
         * @description Executed as soon as a token is traded, and never at a worse price than its limit.
         */
        SniperOrder: {
            /**
             * Ordertype
             * @constant
             */
            orderType: "sniper";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description The mint address of the token; it need not be traded yet
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtc: until it is filled or cancelled; gtd: until it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd") | null;
            /**
             * Expiresat
             * @description When it expires if it has not been filled
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now
             * @default null
             */
            expiresInSeconds?: number | null;
            /**
             * Limitprice
             * @description The least tokenOut for one tokenIn
             * @example 500
             */
            limitPrice: number | string;
            trigger: components["schemas"]["SniperTrigger"];
        };
        /**
         * SniperTrigger
         * @description Which pools of the token fire the order.
         */
        SniperTrigger: {
            /**
             * Event
             * @description pool_created: there is one; liquidity: they hold minDepthUsd
             * @enum {string}
             */
            event: "pool_created" | "liquidity";
            /**
             * Venue
             * @description Only pools of this venue count; default: all
             * @default null
             * @example raydium
             */
            venue?: string | null;
            /**
             * Mindepthusd
             * @description What they have to hold together, both sides, in dollars
             * @default null
             * @example 20000
             */
            minDepthUsd?: number | string | null;
        };
        /** StopLossLeg */
        StopLossLeg: {
            /**
             * Price
             * @example 140
             */
            price: number | string;
            /**
             * Persistslots
             * @description For how many slots in a row it has to hold
             * @default 2
             */
            persistSlots?: number;
            /**
             * When
             * @default below
             * @constant
             */
            when?: "below";
            /**
             * Limitprice
             * @description The worst price you accept
             * @default null
             */
            limitPrice?: number | string | null;
            /**
             * Slippagebps
             * @default null
             */
            slippageBps?: number | null;
        };
        /**
         * StopOrder
         * @description Executed once the price on all venues has fallen to the trigger's.
         */
        StopOrder: {
            /**
             * Ordertype
             * @constant
             */
            orderType: "stop";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtc: until it is filled or cancelled; gtd: until it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd") | null;
            /**
             * Expiresat
             * @description When it expires if it has not been filled
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now
             * @default null
             */
            expiresInSeconds?: number | null;
            /**
             * Acknowledgesinglevenue
             * @description Needed for a pair that one venue trades: one thin pool can then fire the order
             * @default false
             */
            acknowledgeSingleVenue?: boolean;
            /**
             * Limitprice
             * @description The worst price you accept. Default: the trigger's less the slippage, 300 basis points
             * @default null
             */
            limitPrice?: number | string | null;
            trigger: components["schemas"]["StopTrigger"];
        };
        /** StopTrigger */
        StopTrigger: {
            /**
             * Price
             * @example 140
             */
            price: number | string;
            /**
             * Persistslots
             * @description For how many slots in a row it has to hold
             * @default 2
             */
            persistSlots?: number;
            /**
             * When
             * @default below
             * @constant
             */
            when?: "below";
        };
        /** TakeProfitLeg */
        TakeProfitLeg: {
            /**
             * Price
             * @example 140
             */
            price: number | string;
            /**
             * Persistslots
             * @description For how many slots in a row it has to hold
             * @default 2
             */
            persistSlots?: number;
            /**
             * When
             * @default above
             * @constant
             */
            when?: "above";
            /**
             * Limitprice
             * @description The worst price you accept
             * @default null
             */
            limitPrice?: number | string | null;
            /**
             * Slippagebps
             * @default null
             */
            slippageBps?: number | null;
        };
        /**
         * TakeProfitOrder
         * @description Executed once the price on all venues has risen to the trigger's.
         */
        TakeProfitOrder: {
            /**
             * Ordertype
             * @constant
             */
            orderType: "take_profit";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtc: until it is filled or cancelled; gtd: until it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd") | null;
            /**
             * Expiresat
             * @description When it expires if it has not been filled
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now
             * @default null
             */
            expiresInSeconds?: number | null;
            /**
             * Acknowledgesinglevenue
             * @description Needed for a pair that one venue trades: one thin pool can then fire the order
             * @default false
             */
            acknowledgeSingleVenue?: boolean;
            /**
             * Limitprice
             * @description The worst price you accept. Default: the trigger's less the slippage, 300 basis points
             * @default null
             */
            limitPrice?: number | string | null;
            trigger: components["schemas"]["TakeProfitTrigger"];
        };
        /** TakeProfitTrigger */
        TakeProfitTrigger: {
            /**
             * Price
             * @example 140
             */
            price: number | string;
            /**
             * Persistslots
             * @description For how many slots in a row it has to hold
             * @default 2
             */
            persistSlots?: number;
            /**
             * When
             * @default above
             * @constant
             */
            when?: "above";
        };
        /**
         * TrailingStopOrder
         * @description A stop that follows a rising price. It never fills below its level less the slippage, 300 basis points.
         */
        TrailingStopOrder: {
            /**
             * Ordertype
             * @constant
             */
            orderType: "trailing_stop";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtc: until it is filled or cancelled; gtd: until it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd") | null;
            /**
             * Expiresat
             * @description When it expires if it has not been filled
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now
             * @default null
             */
            expiresInSeconds?: number | null;
            /**
             * Acknowledgesinglevenue
             * @description Needed for a pair that one venue trades: one thin pool can then fire the order
             * @default false
             */
            acknowledgeSingleVenue?: boolean;
            trigger: components["schemas"]["TrailingTrigger"];
        };
        /**
         * TrailingTrigger
         * @description The fall below the highest price it has seen that fires the order.
         */
        TrailingTrigger: {
            /**
             * Trailbps
             * @description The fall, in basis points of that price
             * @example 500
             */
            trailBps: number;
            /**
             * Activationprice
             * @description It follows the price from here on; default: from now on
             * @default null
             * @example 160
             */
            activationPrice?: number | string | null;
            /**
             * Persistslots
             * @description For how many slots in a row a price has to hold
             * @default 2
             */
            persistSlots?: number;
        };
        /** @description Either one order, or the stream of many orders */
        TicketRequest: {
            /** Format: uuid */
            orderId: string;
        } | {
            /** @constant */
            scope: "stream";
        };
        /**
         * ExecuteOrder
         * @description A market order: executed now.
         */
        OrderWithSide: {
            /**
             * Ordertype
             * @default market
             * @constant
             */
            orderType?: "market";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            inputToken: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            outputToken: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * Slippagebps
             * @description How far the fill may be below the quote, in basis points; 50 unless configured otherwise
             * @default null
             */
            slippageBps?: number | null;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtd: it expires unless it has started by its end, as without this field; gtc: it never expires; ioc, or fok: it starts within 10 seconds, or it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd" | "ioc" | "fok") | null;
            /**
             * Expiresat
             * @description If it has not started by then, it expires
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now, unless another field says it; 0: it never does
             * @default 300
             */
            expiresInSeconds?: number;
            /**
             * Minamountout
             * @description The least you accept, in tokenOut; the higher of this and the slippage limit applies
             * @default null
             */
            minAmountOut?: number | string | null;
            /**
             * @description Echoed. `amount` is always the amount of inputToken you pay
             * @enum {unknown}
             */
            side?: "buy" | "sell";
        };
        /**
         * ExecuteOrder
         * @description A market order: executed now.
         */
        OrderWithSlippage: {
            /**
             * Ordertype
             * @default market
             * @constant
             */
            orderType?: "market";
            /**
             * Tokenin
             * @description Symbol or mint address of the token you pay with
             * @example SOL
             */
            tokenIn: string;
            /**
             * Tokenout
             * @description Symbol or mint address of the token you receive
             * @example USDC
             */
            tokenOut: string;
            /**
             * Amount
             * @description The amount of tokenIn. It is read from its literal text, never as a float
             * @example 1.5
             */
            amount: number | string;
            /**
             * @description Up to 0.05 a fraction, above that a percentage: 0.01 and 1.0 are both one percent. Rounded to whole basis points; the answer repeats them as `slippageBps`
             * @example 0.01
             */
            slippage?: number | string;
            /**
             * Maxpriceimpactbps
             * @description Do not use a venue whose price the order would move by more than this
             * @default null
             */
            maxPriceImpactBps?: number | null;
            /**
             * Venues
             * @description Use only these venues; default: all
             * @default null
             * @example [
             *       "raydium"
             *     ]
             */
            venues?: string[] | null;
            /**
             * Clientorderid
             * @description A label of your own; it has no effect
             * @default null
             */
            clientOrderId?: string | null;
            /**
             * Timeinforce
             * @description gtd: it expires unless it has started by its end, as without this field; gtc: it never expires; ioc, or fok: it starts within 10 seconds, or it expires
             * @default null
             */
            timeInForce?: ("gtc" | "gtd" | "ioc" | "fok") | null;
            /**
             * Expiresat
             * @description If it has not started by then, it expires
             * @default null
             */
            expiresAt?: string | null;
            /**
             * Expiresinseconds
             * @description The same, from now, unless another field says it; 0: it never does
             * @default 300
             */
            expiresInSeconds?: number;
            /**
             * Minamountout
             * @description The least you accept, in tokenOut; the higher of this and the slippage limit applies
             * @default null
             */
            minAmountOut?: number | string | null;
        };
        AnyGroup: components["schemas"]["OrderGroup"] | components["schemas"]["Bracket"];
        /** @description By `orderType`. With `inputToken` it is an OrderWithSide: their names must not be mixed */
        AnyOrder: components["schemas"]["ExecuteOrder"] | components["schemas"]["LimitOrder"] | components["schemas"]["StopOrder"] | components["schemas"]["TakeProfitOrder"] | components["schemas"]["TrailingStopOrder"] | components["schemas"]["DcaOrder"] | components["schemas"]["SniperOrder"] | components["schemas"]["OrderWithSide"];
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    events_api_orders__order_id__events_get: {
        parameters: {
            query?: {
                /** @description Return only the events after this `seq` */
                after?: string | null;
            };
            header?: {
                /** @description The same as `after`; used instead of it if both are set */
                "last-event-id"?: string | null;
            };
            path: {
                /** @description The `orderId` from the answer to placing the order */
                order_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All events so far; with `Accept: text/event-stream` a stream that ends with the order */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Event"][];
                    "text/event-stream": string;
                };
            };
            /** @description Only for a stream: the order has ended, and you have received all of its events */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    execute_api_orders_execute_post: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key never places a second order: if an answer is lost, repeat the request with the same key. `x-idempotency-key` means the same. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AnyOrder"];
            };
        };
        responses: {
            /** @description An earlier request with this key placed the order */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description Durable, and queued or waiting for its condition */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The state of what it names does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is over 8 KiB; that of a batch, over 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    batch_api_orders_batch_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Batch"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BatchAnswer"];
                };
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is over 8 KiB; that of a batch, over 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    order_order_post: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key never places a second order: if an answer is lost, repeat the request with the same key. `x-idempotency-key` means the same. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OrderWithSlippage"];
            };
        };
        responses: {
            /** @description An earlier request with this key placed the order */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description Durable and queued; open /order/{orderId} as a WebSocket */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The state of what it names does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is over 8 KiB; that of a batch, over 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    history_api_orders__order_id__history_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `orderId` from the answer to placing the order */
                order_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Event"][];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    list_orders_api_orders_get: {
        parameters: {
            query?: {
                /** @description Only orders with this status */
                status?: components["schemas"]["Status"] | null;
                /** @description Symbol or mint */
                tokenIn?: string | null;
                /** @description Symbol or mint */
                tokenOut?: string | null;
                /** @description Only orders that were routed to this venue */
                venue?: string | null;
                /** @description Only orders placed then or later */
                from?: string | null;
                /** @description Only orders placed earlier */
                before?: string | null;
                limit?: number;
                /** @description From `nextCursor` */
                cursor?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderPage"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    one_order_api_orders__order_id__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `orderId` from the answer to placing the order */
                order_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderSnapshot"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    amend_api_orders__order_id__patch: {
        parameters: {
            query?: never;
            header: {
                /**
                 * @description The `seq` of the order as you know it
                 * @example 1
                 */
                "If-Match": string;
            };
            path: {
                /** @description The `orderId` from the answer to placing the order */
                order_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AmendOrder"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderView"];
                };
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The state of what it names does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The order has changed since */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is over 8 KiB; that of a batch, over 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description If-Match is missing */
            428: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    cancel_api_orders__order_id__cancel_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `orderId` from the answer to placing the order */
                order_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Cancelled, now or before */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderView"];
                };
            };
            /** @description Its swap was sent: it is cancelled once that is proven dead */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderView"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The state of what it names does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    cancel_all_api_orders_cancel_all_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CancelAll"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Cancelled"];
                };
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is over 8 KiB; that of a batch, over 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    place_api_order_groups_post: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key never places a second order: if an answer is lost, repeat the request with the same key. `x-idempotency-key` means the same. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AnyGroup"];
            };
        };
        responses: {
            /** @description An earlier request with this key placed the group */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AcceptedGroup"];
                };
            };
            /** @description Both are durable, and wait */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AcceptedGroup"];
                };
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is over 8 KiB; that of a batch, over 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    group_api_order_groups__group_id__get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                group_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GroupView"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    get_dead_man_api_dead_man_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadManView"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    set_dead_man_api_dead_man_put: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetDeadMan"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadManView"];
                };
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is over 8 KiB; that of a batch, over 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    limits_api_limits_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Limits"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    ticket_api_tickets_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TicketRequest"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ticket"];
                };
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is over 8 KiB; that of a batch, over 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    list_webhooks_api_webhooks_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhooks"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    create_webhook_api_webhooks_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateWebhook"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewSecret"];
                };
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The state of what it names does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is over 8 KiB; that of a batch, over 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    delete_webhook_api_webhooks__webhook_id__delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `id` from the answer to creating the webhook */
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    rotate_secret_api_webhooks__webhook_id__rotate_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `id` from the answer to creating the webhook */
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewSecret"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    deliveries_api_webhooks__webhook_id__deliveries_get: {
        parameters: {
            query?: {
                state?: "waiting" | "failed";
            };
            header?: never;
            path: {
                /** @description The `id` from the answer to creating the webhook */
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deliveries"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    send_test_api_webhooks__webhook_id__test_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `id` from the answer to creating the webhook */
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TestSent"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The state of what it names does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    replay_api_webhooks__webhook_id__replay_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `id` from the answer to creating the webhook */
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Replayed"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    failed_orders_api_dlq_failed_orders_get: {
        parameters: {
            query?: {
                /** @description Only those of this owner; default: those of all owners */
                owner?: string | null;
                limit?: number;
                /** @description From `nextCursor` */
                cursor?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetters"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    stats_api_dlq_stats_get: {
        parameters: {
            query?: {
                /** @description Only those of this owner; default: those of all owners */
                owner?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetterStats"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    clear_api_dlq_clear_delete: {
        parameters: {
            query?: {
                /** @description Only those of this owner; default: those of all owners */
                owner?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Cleared"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many of your requests were invalid */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    clear_failed_api_dlq_clear_failed_delete: {
        parameters: {
            query?: {
                /** @description Only those of this owner; default: those of all owners */
                owner?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Cleared"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many of your requests were invalid */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    retry_api_dlq__order_id__retry_post: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `orderId` from the answer to placing the order */
                order_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It was retried before: the order that was placed then */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description A new order of the same owner, with the failed one in `retryOf` */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The state of what it names does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    one_failure_test_dlq_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    many_failures_test_dlq_bulk_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FailureDrill"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    tokens_api_tokens_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tokens"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many of your requests were invalid */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    wallet_api_wallet_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Wallet"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    pools_api_pools_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pools"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many of your requests were invalid */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    market_api_market_get: {
        parameters: {
            query: {
                /** @description Symbol or mint */
                tokenIn: string;
                /** @description Symbol or mint */
                tokenOut: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MidPrices"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    quotes_api_quotes_get: {
        parameters: {
            query: {
                /** @description Symbol or mint */
                tokenIn: string;
                /** @description Symbol or mint */
                tokenOut: string;
                /** @description How much of tokenIn */
                amount: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Preview"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    prices_api_prices_get: {
        parameters: {
            query: {
                /** @description Symbol or mint */
                tokenIn: string;
                /** @description Symbol or mint */
                tokenOut: string;
                /** @description Default: as far back as one answer reaches */
                from?: string | null;
                /** @description Seconds from one point to the next: 10, or whole minutes */
                step?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Prices"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    move_market_api_simulate_market_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MoveMarket"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MovedMarket"];
                };
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is over 8 KiB; that of a batch, over 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many of your requests were invalid */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    release_market_api_simulate_market_delete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReleasedMarket"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many of your requests were invalid */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    launch_pool_api_simulate_pools_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LaunchPool"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LaunchedPool"];
                };
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is over 8 KiB; that of a batch, over 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many of your requests were invalid */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    mint_api_simulate_mint_get: {
        parameters: {
            query: {
                symbol: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Mint"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    queue_api_queue_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Queue"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    history_api_queue_history_get: {
        parameters: {
            query?: {
                /** @description Only samples of this time or later */
                from?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QueueSamples"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    pause_api_queue_pause_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paused"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many of your requests were invalid */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    resume_api_queue_resume_post: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Paused"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The state of what it names does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many of your requests were invalid */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    connections_api_orders__order_id__connections_get: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The `orderId` from the answer to placing the order */
                order_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Connections"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description There is no such thing, or it belongs to someone else */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    get_kill_switch_api_kill_switch_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KillSwitchView"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    set_kill_switch_api_kill_switch_put: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetKillSwitch"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SwitchState"];
                };
            };
            /** @description The body cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body took too long to arrive */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The state of what it names does not allow this */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is over 8 KiB; that of a batch, over 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The body is not application/json */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many of your requests were invalid */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    reconciliation_api_reconciliation_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Reconciliation"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description A query parameter does not exist */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    audit_api_audit_get: {
        parameters: {
            query?: {
                /** @description Only what keys of this owner did */
                owner?: string | null;
                /** @description Only this action */
                action?: string | null;
                limit?: number;
                /** @description From `nextCursor` */
                cursor?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
            /** @description No API key, or an invalid one */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The path with its query is over 2 KiB */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description The request is not valid, and `errors` points to each invalid field; or the order is worth too much */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Too many requests, orders under way, open streams, or dollars today; see `Retry-After` */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    health_health_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    live_health_live_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Liveness"];
                };
            };
        };
    };
    ready_health_ready_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description Not ready; see `reasons` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
        };
    };
    prometheus_metrics_get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
}
