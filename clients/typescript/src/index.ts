export { Client, type Options, type WatchOptions } from "./client.js";
export * from "./errors.js";
export * from "./types.js";
export { verifyWebhook } from "./webhooks.js";
