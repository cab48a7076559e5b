import { InvalidSignature } from "./errors.js";

const TOLERANCE = 300; // seconds between the clocks, and for the delivery

/**
 * The parsed body of a webhook that the engine has sent (https://www.standardwebhooks.com). Give the body as it was
 * received. `secret` begins with `whsec_`.
 */
export async function verifyWebhook(
  secret: string,
  headers: Headers | Readonly<Record<string, string | string[] | undefined>>,
  body: string,
): Promise<unknown> {
  const header = (name: string): string => {
    const value = headers instanceof Headers ? headers.get(name) : headers[name];
    if (typeof value !== "string") throw new InvalidSignature(`The header ${name} is missing.`);
    return value;
  };
  const [id, at] = [header("webhook-id"), header("webhook-timestamp")];
  if (!(Math.abs(Date.now() / 1000 - Number(at || NaN)) <= TOLERANCE)) {
    throw new InvalidSignature("The webhook is too old, or a clock is wrong.");
  }
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes(secret.replace(/^whsec_/, "")), hmac, false, ["verify"]);
  const signed = new TextEncoder().encode(`${id}.${at}.${body}`);
  // There are two while a secret is replaced.
  for (const signature of header("webhook-signature").split(" ")) {
    const [version, code = ""] = signature.split(",");
    if (version === "v1" && (await crypto.subtle.verify("HMAC", key, bytes(code), signed))) return JSON.parse(body);
  }
  throw new InvalidSignature("The signature is not that of this secret.");
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    throw new InvalidSignature("The signature or the secret is not base64.");
  }
}
