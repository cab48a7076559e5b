// Writes src/generated from the engine's documents: `make client-types` pipes them in as
// {"openapi": ..., "asyncapi": ..., "sha256": ...}.
import { writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { compile } from "json-schema-to-typescript";
import openapiTS, { astToString } from "openapi-typescript";

const { openapi, asyncapi, sha256 } = JSON.parse(await text(process.stdin));
const banner = `// Made by \`make client-types\`: do not edit.\n// sha256 of the documents: ${sha256}\n\n`;
const write = (name, source) =>
  writeFile(new URL(`../src/generated/${name}.ts`, import.meta.url), banner + source.trimEnd() + "\n");

// A field with a default may be left out of a request.
await write("openapi", astToString(await openapiTS(openapi, { defaultNonNullable: false })));

const frames = ["anyEvent", "subscribe", "subscribed", "ended", "refused"];
const options = { bannerComment: "", additionalProperties: false };
const sources = frames.map((name) => {
  const { payload } = asyncapi.components.messages[name];
  return compile({ ...payload, title: name[0].toUpperCase() + name.slice(1) }, name, options);
});
await write("asyncapi", (await Promise.all(sources)).join("\n"));
