import { z } from "zod";
import { fileSchema } from "./schema.ts";

/** The schema of `bootstrap.yaml` for editors, with what the preset gives as its defaults. */
export function jsonSchema(preset: unknown): object {
  const schema = z.toJSONSchema(fileSchema, { io: "input" });
  return withDefaults({ title: "bootstrap.yaml", ...schema }, preset);
}

function withDefaults(schema: object, value: unknown): object {
  if (value === undefined) return schema;
  if (!("properties" in schema)) return { ...schema, default: value };
  const properties = Object.entries(Object(schema.properties) as Record<string, object>);
  return {
    ...schema,
    properties: Object.fromEntries(
      properties.map(([key, property]) => [key, withDefaults(property, Reflect.get(Object(value), key))]),
    ),
  };
}
