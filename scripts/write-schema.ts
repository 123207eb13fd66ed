import { readFile, writeFile } from "node:fs/promises";
import { parse } from "yaml";
import { jsonSchema } from "../src/config/json-schema.ts";
import { eventsSchema } from "../src/log/schema.ts";

const preset = await readFile(new URL("../workloads/bcl2fastq.yaml", import.meta.url), "utf8");
const schemas = { "bootstrap.schema.json": jsonSchema(parse(preset)), "docs/events.schema.json": eventsSchema() };
for (const [path, schema] of Object.entries(schemas)) {
  await writeFile(new URL(`../${path}`, import.meta.url), `${JSON.stringify(schema, undefined, 2)}\n`);
}
