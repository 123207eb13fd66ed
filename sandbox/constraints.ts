import type { Model, Shape } from "./model.ts";
import { DOCUMENTED } from "./models/documented.ts";
import type { Service } from "./service.ts";
import type { Problem, Rule } from "./shapes.ts";

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
  const { members, items = "", keys = "", values = "" } = shape;
  if (members !== undefined) {
    for (const [member, inner] of Object.entries(value)) {
      const at = members[member];
      if (at !== undefined) inspect(shapes, at, inner, path === "" ? member : `${path}.${member}`, problems);
    }
  } else if (Array.isArray(value) && value.some((item) => typeof item === "object")) {
    for (const [index, item] of value.entries()) inspect(shapes, items, item, `${path}[${index}]`, problems);
  } else {
    const parts = Array.isArray(value)
      ? ([["Member", items, value]] as const)
      : ([
          ["Map keys", keys, Object.keys(value)],
          ["Map value", values, Object.values(value)],
        ] as const);
    for (const [each, of, all] of parts) {
      const part = shapes[of];
      if (part === undefined || all.every((one) => brokenRules(part, one).length === 0)) continue;
      problems.push({ kind: "value", path, value, rule: { each, rules: rulesOf(part) } });
    }
  }
}

function brokenRules(shape: Shape, value: unknown): readonly Rule[] {
  const { enum: oneOf, pattern, min, max } = shape;
  const size = sizeOf(value);
  if (max !== undefined && size > max) {
    // Some patterns take very long with what is too long.
    return [{ most: max, of: typeof value === "number" ? "value" : "length" }];
  }
  const broken: Rule[] = [];
  if (oneOf !== undefined && !oneOf.includes(String(value))) broken.push({ enum: oneOf });
  if (min !== undefined && size < min) broken.push({ least: min, of: typeof value === "number" ? "value" : "length" });
  if (pattern !== undefined && !expression(pattern).test(String(value))) broken.push({ pattern });
  return broken;
}

/** AWS names all that the parts of a list or map must be, and not the part that is not. */
function rulesOf({ enum: oneOf, pattern, min, max }: Shape): readonly Rule[] {
  return [
    ...(max === undefined ? [] : [{ most: max, of: "length" } as const]),
    ...(min === undefined ? [] : [{ least: min, of: "length" } as const]),
    ...(pattern === undefined ? [] : [{ pattern }]),
    ...(oneOf === undefined ? [] : [{ enum: oneOf }]),
  ];
}

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
