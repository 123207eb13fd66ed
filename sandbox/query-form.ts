import type { NormalizedSchema } from "@smithy/core/schema";

/** `A.1.B=x` as a tree: one node for each dot-separated part of the names. */
interface FormNode {
  text: string | undefined;
  readonly parts: Map<string, FormNode>;
}

/** Where the EC2 query protocol spells names and lists unlike the other query services. */
export type QueryDialect = "ec2" | "aws";

/** A form's fields in the layout of the schema; scalars stay text, what the schema does not know keeps its name. */
export function readForm(
  schema: NormalizedSchema,
  fields: Iterable<readonly [string, string]>,
  dialect: QueryDialect,
): unknown {
  const root = node();
  for (const [name, text] of fields) {
    let at = root;
    for (const part of name.split(".")) {
      const next = at.parts.get(part) ?? node();
      at.parts.set(part, next);
      at = next;
    }
    at.text = text;
  }
  return layOut(schema, root, dialect);
}

function node(): FormNode {
  return { text: undefined, parts: new Map() };
}

function layOut(schema: NormalizedSchema, at: FormNode, dialect: QueryDialect): unknown {
  if (schema.isStructSchema()) return struct(schema, at, dialect);
  if (schema.isListSchema()) return list(schema, at, dialect);
  if (schema.isMapSchema()) return map(schema, at, dialect);
  return at.parts.size > 0 ? plain(at) : at.text;
}

function struct(schema: NormalizedSchema, at: FormNode, dialect: QueryDialect): unknown {
  if (at.text !== undefined && at.text !== "") return at.text;
  const laidOut: Record<string, unknown> = {};
  const left = new Map(at.parts);
  for (const [name, member] of schema.structIterator()) {
    const wireName = memberName(name, member, dialect);
    const part = left.get(wireName);
    if (part === undefined) continue;
    left.delete(wireName);
    laidOut[name] = layOut(member, part, dialect);
  }
  for (const [name, part] of left) laidOut[name] = plain(part);
  return laidOut;
}

function memberName(name: string, member: NormalizedSchema, dialect: QueryDialect): string {
  const { ec2QueryName, xmlName } = member.getMergedTraits();
  if (dialect === "aws") return typeof xmlName === "string" ? xmlName : name;
  if (typeof ec2QueryName === "string") return ec2QueryName;
  const spelt = typeof xmlName === "string" ? xmlName : name;
  return spelt.charAt(0).toUpperCase() + spelt.slice(1);
}

function list(schema: NormalizedSchema, at: FormNode, dialect: QueryDialect): unknown {
  const item = schema.getValueSchema();
  const flat = dialect === "ec2" || schema.getMergedTraits().xmlFlattened;
  const itemName = item.getMergedTraits().xmlName;
  const items = flat ? at : at.parts.get(typeof itemName === "string" ? itemName : "member");
  return inOrder(items).map((part) => layOut(item, part, dialect));
}

function map(schema: NormalizedSchema, at: FormNode, dialect: QueryDialect): unknown {
  const entries = schema.getMergedTraits().xmlFlattened ? at : at.parts.get("entry");
  return Object.fromEntries(
    inOrder(entries).map(({ parts }) => [
      parts.get("key")?.text ?? "",
      layOut(schema.getValueSchema(), parts.get("value") ?? node(), dialect),
    ]),
  );
}

/** Lists are numbered from 1, possibly with gaps, in any order. */
function inOrder(at: FormNode | undefined): FormNode[] {
  return [...(at?.parts ?? [])].sort(([a], [b]) => Number(a) - Number(b)).map(([, part]) => part);
}

function plain({ text, parts }: FormNode): unknown {
  return parts.size === 0 ? text : Object.fromEntries([...parts].map(([name, part]) => [name, plain(part)]));
}
