import { readFile, writeFile } from "node:fs/promises";
import { parse } from "yaml";
import { jsonSchema } from "../src/config/json-schema.ts";

const preset = await readFile(new URL("../workloads/bcl2fastq.yaml", import.meta.url), "utf8");
const schema = jsonSchema(parse(preset));
await writeFile(new URL("../bootstrap.schema.json", import.meta.url), `${JSON.stringify(schema, undefined, 2)}\n`);
