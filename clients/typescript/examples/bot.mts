// Buys at a limit, sells at a profit or at a loss, and logs a webhook for each step.
// Run it with: node bot.mts (Node 22.18 or newer runs TypeScript as it is)
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Client, verifyWebhook } from "order-execution-client";

const client = new Client(process.env.ENGINE_URL, { apiKey: process.env.ENGINE_API_KEY });
const url = "http://localhost:8000/";
const arrived = new Set<string>();

let secret = "";
const receiver = createServer(async (request, response) => {
  const body = await text(request);
  const event = await verifyWebhook(secret, request.headers, body).catch(() => undefined);
  response.writeHead(event ? 204 : 400).end(); // after a 400 the engine sends it again
  if (!event) return;
  console.log("webhook", event);
  const { data } = event as { data: { orderId: string; seq: number } };
  arrived.add(`${data.orderId} ${data.seq}`);
  receiver.emit("webhook");
}).listen(8000, "localhost");
await once(receiver, "listening");

for (const left of await client.webhooks()) {
  if (left.url === url) await client.deleteWebhook(left.id); // of an earlier run that was killed: its secret is lost
}
const hook = await client.createWebhook(url);
secret = hook.secret;
process.once("SIGINT", () => client.deleteWebhook(hook.id).finally(() => process.exit(130)));
try {
  const group = await client.placeGroup({
    type: "bracket",
    entry: { orderType: "limit", tokenIn: "USDC", tokenOut: "SOL", amount: "142", limitPrice: "0.00704" },
    takeProfit: { price: "180" },
    stopLoss: { price: "120" },
  });
  const orders = group.orders.map((order) => order.orderId);
  const steps: string[] = [];
  for await (const event of client.watch(orders)) {
    console.log("event", orders.indexOf(event.orderId), event.status);
    steps.push(`${event.orderId} ${event.seq}`);
  }
  // A webhook may arrive after the event on the stream.
  while (!steps.every((step) => arrived.has(step))) {
    await once(receiver, "webhook", { signal: AbortSignal.timeout(60_000) });
  }
} finally {
  await client.deleteWebhook(hook.id);
  receiver.close();
}
