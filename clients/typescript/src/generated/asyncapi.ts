// Made by `make client-types`: do not edit.
// sha256 of the documents: d762191c83c847dd4030b8217a02dd38a438c18fe7883dc2afe22b643741cd06

export type AnyEvent =
  | {
      type: "event";
      orderId: string;
      /**
       * 1, 2, 3 … without a gap: the position in the order's log
       */
      seq: number;
      /**
       * Attempts started; 0 before the first
       */
      attempt: number;
      at: string;
      status: "open";
      error?: string;
      code?: string;
      why?: string;
      /**
       * It does not fire before
       */
      retryInMs?: number;
      /**
       * Of a sniper: the symbol of the token that was launched
       */
      tokenOut?: string;
    }
  | {
      type: "event";
      orderId: string;
      /**
       * 1, 2, 3 … without a gap: the position in the order's log
       */
      seq: number;
      /**
       * Attempts started; 0 before the first
       */
      attempt: number;
      at: string;
      status: "pending";
      error?: string;
      code?: string;
      /**
       * Delay before the next attempt
       */
      retryInMs?: number;
      /**
       * Why an order that waited was fired
       */
      trigger?: {
        /**
         * The slot whose price met the condition
         */
        slot: number;
        /**
         * An exact decimal
         */
        price: string;
        /**
         * What the price had to reach
         */
        level: string;
        /**
         * Of a trailing stop: the highest price that it has seen
         */
        extreme?: string;
        /**
         * `venues`: their mid prices; otherwise the venue of the quote
         */
        source: string;
      };
      /**
       * Of a sniper: the symbol of the token that was launched
       */
      tokenOut?: string;
      /**
       * How soon the limit of starts per minute lets it start
       */
      startsInMs?: number;
    }
  | {
      type: "event";
      orderId: string;
      /**
       * 1, 2, 3 … without a gap: the position in the order's log
       */
      seq: number;
      /**
       * Attempts started; 0 before the first
       */
      attempt: number;
      at: string;
      status: "routing";
    }
  | {
      type: "event";
      orderId: string;
      /**
       * 1, 2, 3 … without a gap: the position in the order's log
       */
      seq: number;
      /**
       * Attempts started; 0 before the first
       */
      attempt: number;
      at: string;
      status: "building";
      dex: "raydium" | "meteora";
      /**
       * tokenOut for one tokenIn, with all its digits
       */
      price: number;
      /**
       * An exact decimal
       */
      minAmountOut: string;
      /**
       * The quote of each venue, and why it won or lost
       */
      quotes: {}[];
      /**
       * An exact decimal
       */
      amountOut?: string;
      route?: {};
    }
  | {
      type: "event";
      orderId: string;
      /**
       * 1, 2, 3 … without a gap: the position in the order's log
       */
      seq: number;
      /**
       * Attempts started; 0 before the first
       */
      attempt: number;
      at: string;
      status: "submitted";
      /**
       * The signature of the swap, in base58
       */
      txHash: string;
    }
  | {
      type: "event";
      orderId: string;
      /**
       * 1, 2, 3 … without a gap: the position in the order's log
       */
      seq: number;
      /**
       * Attempts started; 0 before the first
       */
      attempt: number;
      at: string;
      status: "confirmed";
      /**
       * The signature of the swap, in base58
       */
      txHash: string;
      dex: "raydium" | "meteora";
      /**
       * tokenOut for one tokenIn, with all its digits
       */
      executedPrice: number;
      /**
       * An exact decimal
       */
      amountOut: string;
      /**
       * An exact decimal
       */
      networkFee?: string;
      explorerUrl?: string;
    }
  | {
      type: "event";
      orderId: string;
      /**
       * 1, 2, 3 … without a gap: the position in the order's log
       */
      seq: number;
      /**
       * Attempts started; 0 before the first
       */
      attempt: number;
      at: string;
      status: "failed";
      error: string;
      code: string;
      simulation?: {};
    }
  | {
      type: "event";
      orderId: string;
      /**
       * 1, 2, 3 … without a gap: the position in the order's log
       */
      seq: number;
      /**
       * Attempts started; 0 before the first
       */
      attempt: number;
      at: string;
      status: "cancelled";
      code?: string;
    }
  | {
      type: "event";
      orderId: string;
      /**
       * 1, 2, 3 … without a gap: the position in the order's log
       */
      seq: number;
      /**
       * Attempts started; 0 before the first
       */
      attempt: number;
      at: string;
      status: "expired";
      error: string;
      code: string;
    }
  | {
      type: "event";
      orderId: string;
      /**
       * 1, 2, 3 … without a gap: the position in the order's log
       */
      seq: number;
      /**
       * Attempts started; 0 before the first
       */
      attempt: number;
      at: string;
      status: "completed";
    };

export interface Subscribe {
  op: "subscribe";
  orders: "all" | string[];
  /**
   * id → last seq
   */
  after?: {
    [k: string]: number;
  };
}

export interface Subscribed {
  type: "subscribed";
  orders: "all" | string[];
}

export interface Ended {
  type: "ended";
  orderId: string;
}

export interface Refused {
  type: "error";
  code: string;
  detail?: string;
  orderId?: string;
}
