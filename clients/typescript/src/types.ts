// Names for the generated types.
import type { AnyEvent } from "./generated/asyncapi.js";
import type { components, operations } from "./generated/openapi.js";

type Schemas = components["schemas"];

export type Order =
  | Schemas["ExecuteOrder"]
  | Schemas["LimitOrder"]
  | Schemas["StopOrder"]
  | Schemas["TakeProfitOrder"]
  | Schemas["TrailingStopOrder"]
  | Schemas["DcaOrder"]
  | Schemas["SniperOrder"];
export type Group = Schemas["OrderGroup"] | Schemas["Bracket"];
export type Accepted = Schemas["Accepted"];
export type AcceptedGroup = Schemas["AcceptedGroup"];
export type OrderView = Schemas["OrderView"];
export type OrderSnapshot = Schemas["OrderSnapshot"];
export type GroupView = Schemas["GroupView"];
export type OrderPage = Schemas["OrderPage"];
export type Amendment = Schemas["AmendOrder"];
export type Selection = Schemas["CancelAll"];
export type WebhookView = Schemas["WebhookView"];
export type NewWebhook = Schemas["NewSecret"];
export type Problem = Schemas["ProblemDocument"];
export type FieldError = Schemas["FieldError"];
export type OrderQuery = Omit<
  NonNullable<operations["list_orders_api_orders_get"]["parameters"]["query"]>,
  "cursor" | "limit"
>;

export type WebhookOptions = Omit<Schemas["CreateWebhook"], "url">;

type WithoutType<E> = E extends unknown ? Omit<E, "type"> : never;

/** One step of an order. `seq` is 1, 2, 3 … within the order, without a gap. */
export type Event = WithoutType<AnyEvent>;
export type Status = Event["status"];

/** No event follows these. */
export const FINAL: ReadonlySet<string> = new Set(["confirmed", "completed", "failed", "expired", "cancelled"]);
