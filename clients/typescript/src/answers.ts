import { EngineError } from "./errors.js";
import type { Problem } from "./types.js";

const MAX_ANSWER = 16 * 1024 * 1024; // bytes; a page of orders has less than one

/** Who answers without end, or what decompresses to gigabytes, is no engine. */
export async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const piece of piecesOf(response)) {
    bytes += piece.length;
    if (bytes > MAX_ANSWER) throw new Error("the answer is too long");
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}

/** Not every browser iterates over a body. Leaving the loop ends the connection. */
async function* piecesOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  try {
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) yield next.value;
  } finally {
    await reader?.cancel().catch(() => {}); // what broke it was thrown
  }
}

/** An object or a list. */
export function parsed(text: string): unknown {
  const value = json(text);
  if (typeof value === "object" && value !== null) return value;
  throw new EngineError("The answer is not JSON of an engine: is this one?");
}

/** Nothing of a page of a proxy. */
export function problemIn(text: string): Partial<Problem> {
  const problem = json(text);
  return typeof problem === "object" && problem !== null ? problem : {};
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
