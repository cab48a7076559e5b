// Buys at a limit, sells at a profit or at a loss, and logs a webhook for each step.
// Run it with: node bot.ts (Node 22.18 or newer runs TypeScript as it is)
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { Client, verifyWebhook } from "order-execution-client";

const client = new Client(process.env.ENGINE_URL, { apiKey: process.env.ENGINE_API_KEY });

let secret = "";
const receiver = createServer(async (request, response) => {
  const body = await text(request);
  const event = await verifyWebhook(secret, request.headers, body).catch(() => undefined);
  response.writeHead(event ? 204 : 400).end();
  console.log("webhook", event);
}).listen(8000, "localhost");

const hook = await client.createWebhook("http://localhost:8000/");
secret = hook.secret;
const group = await client.placeGroup({
  type: "bracket",
  entry: { orderType: "limit", tokenIn: "USDC", tokenOut: "SOL", amount: "142", limitPrice: "0.00704" },
  takeProfit: { price: "180" },
  stopLoss: { price: "120" },
});
const orders = group.orders.map((order) => order.orderId);
for await (const event of client.watch(orders)) console.log("event", orders.indexOf(event.orderId), event.status);

await setTimeout(2000); // for the last webhook
await client.deleteWebhook(hook.id);
receiver.close();
