import type { Model, Shape } from "./model.ts";
import { DOCUMENTED } from "./models/documented.ts";
import type { Service } from "./service.ts";
import type { Problem } from "./shapes.ts";

/** Of its model, with what is documented in its place. */
export async function constraintsOf({ name, model }: Service): Promise<Model> {
  const { operations, shapes } = (await model?.())?.default ?? { operations: {}, shapes: {} };
  const documented = DOCUMENTED[name];
  if (documented === undefined || model === undefined) return { operations, shapes };
  const over = Object.entries(documented.shapes).map(([name, shape]) => {
    const members = shape.members && { ...shapes[name]?.members, ...shape.members };
    return [name, members ? { members } : shape];
  });
  return {
    operations: { ...operations, ...documented.operations },
    shapes: { ...shapes, ...Object.fromEntries(over) },
  };
}

/** Everything in the operation's input that breaks its constraints. */
export function breaches({ operations, shapes }: Model, operation: string, input: unknown): readonly Problem[] {
  const shape = operations[operation];
  const problems: Problem[] = [];
  if (typeof shape === "string") inspect(shapes, shape, input, "", problems);
  return problems;
}

function inspect(shapes: Model["shapes"], name: string, value: unknown, path: string, problems: Problem[]): void {
  const shape = shapes[name];
  if (shape === undefined || value === undefined || value === null) return;
  for (const rule of brokenRules(shape, value)) problems.push({ kind: "value", path, rule, value });
  if (typeof value !== "object") return;
  const { members, items, keys, values } = shape;
  if (members !== undefined) {
    for (const [member, inner] of Object.entries(value)) {
      const at = members[member];
      if (at !== undefined) inspect(shapes, at, inner, path === "" ? member : `${path}.${member}`, problems);
    }
  } else if (items !== undefined) {
    for (const [index, item] of (value as readonly unknown[]).entries()) {
      inspect(shapes, items, item, `${path}[${index}]`, problems);
    }
  } else if (keys !== undefined || values !== undefined) {
    const all = Object.entries(value);
    const keysFit = all.every(([key]) => fits(shapes[keys ?? ""], key));
    const valuesFit = all.every(([, inner]) => fits(shapes[values ?? ""], inner));
    if (!keysFit) problems.push({ kind: "value", path, rule: inside("Map keys", shapes[keys!]!), value });
    if (!valuesFit) problems.push({ kind: "value", path, rule: inside("Map value", shapes[values!]!), value });
  }
}

/** AWS names what a whole map's keys and values must be, not the one that is not. */
function inside(part: string, { enum: oneOf, pattern, min, max }: Shape): string {
  const rules = [
    ...(max === undefined ? [] : [atMost("length", max)]),
    ...(min === undefined ? [] : [atLeast("length", min)]),
    ...(pattern === undefined ? [] : [inPattern(pattern)]),
    ...(oneOf === undefined ? [] : [inEnum(oneOf)]),
  ];
  return `${part} must satisfy constraint: [${rules.join(", ")}]`;
}

function fits(shape: Shape | undefined, value: unknown): boolean {
  return shape === undefined || brokenRules(shape, value).length === 0;
}

function brokenRules({ enum: oneOf, pattern, min, max }: Shape, value: unknown): readonly string[] {
  const of = typeof value === "number" ? "value" : "length";
  const size = sizeOf(value);
  const broken: string[] = [];
  if (oneOf !== undefined && !oneOf.includes(String(value))) broken.push(inEnum(oneOf));
  if (min !== undefined && size < min) broken.push(atLeast(of, min));
  // Some patterns take very long with what is too long.
  if (max !== undefined && size > max) broken.push(atMost(of, max));
  else if (pattern !== undefined && !expression(pattern).test(String(value))) broken.push(inPattern(pattern));
  return broken;
}

const atLeast = (of: string, min: number) => `Member must have ${of} greater than or equal to ${min}`;
const atMost = (of: string, max: number) => `Member must have ${of} less than or equal to ${max}`;
const inEnum = (oneOf: readonly string[]) => `Member must satisfy enum value set: [${oneOf.join(", ")}]`;
const inPattern = (pattern: string) => `Member must satisfy regular expression pattern: ${pattern}`;

const expressions = new Map<string, RegExp>();

/** JavaScript knows Unicode's properties with the flag `u` only, and with it fewer escapes than Java. */
export function expression(pattern: string): RegExp {
  const known = expressions.get(pattern);
  if (known !== undefined) return known;
  const ignoresCase = pattern.includes("(?i)");
  const flags = `${/\\p\{/.test(pattern) ? "u" : ""}${ignoresCase ? "i" : ""}`;
  const made = new RegExp(`^(?:${pattern.replace("(?i)", "")})$`, flags);
  expressions.set(pattern, made);
  return made;
}

function sizeOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  if (value instanceof Uint8Array) return value.byteLength;
  return typeof value === "object" && value !== null ? Object.keys(value).length : String(value).length;
}
