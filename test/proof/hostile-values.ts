import fc, { type Arbitrary } from "fast-check";
import { jsonSchema } from "../../src/config/json-schema.ts";

/** What of JSON Schema the config's own uses. */
interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly propertyNames?: Schema;
  readonly additionalProperties?: Schema | false;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
}

/** One key that takes a value, and not a section of keys. */
export interface Key {
  readonly path: readonly string[];
  readonly schema: Schema;
}

/** Every key of the config, from the schema itself: a new one is fuzzed from its first day. */
export const KEYS: readonly Key[] = keysBelow([], jsonSchema(undefined));

/** How often each property is tried: `FUZZ=20` tries twenty times as often. */
export function runs(count: number): { readonly numRuns: number } {
  return { numRuns: Math.ceil(count * Number(process.env.FUZZ ?? 1)) };
}

const TRICKS = [
  ...[
    "$(id)",
    "`id`",
    "${IFS}",
    "'; id; '",
    '"; id; "',
    "\\",
    "\\'",
    "'",
    '"',
    "''",
    "a'b\"c",
    "$'\\n'",
    "!!",
    "!$",
    "~",
    "~root",
  ],
  ...[
    "-n",
    "--",
    "-",
    "*",
    "?[a]",
    "{a,b}",
    "a b",
    " ",
    "",
    "\n",
    "\r\n",
    "\t",
    "a\n#b",
    "# a",
    "EOF",
    "\\\n",
    ">x",
    "|cat",
    "&",
    "&&",
    ";;",
    "=a",
  ],
  ...[
    "{{sh name}}",
    "{{{",
    "}}",
    "\\{{x}}",
    "%s%n",
    "\u0000",
    "\u0007",
    "\u001b[31m",
    "\u007f",
    "\u0085",
    "\u00a0",
    "\u2028",
    "\u202e",
    "\ufeff",
    "\uffff",
  ],
  ...[
    "\ud800",
    "\udc00a",
    "é",
    "日本",
    "🧬",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "null",
    "~",
    "yes",
    "NaN",
    "1e400",
    "0x10",
    "-0",
  ],
  ...[
    "--==bootstrap-part==",
    "\n--==bootstrap-part==--\n",
    "../../etc/passwd",
    "/",
    "//",
    ".",
    "..",
    "http://[",
    "https://%",
    "a%2fb",
    "a%00b",
    "a?b#c",
  ],
  ...["a".repeat(300), "'".repeat(3_000), "é".repeat(9_000), "/a".repeat(127), "a".repeat(64), "-".repeat(24)],
];

/** Letters that mean something to a shell, to YAML or to a terminal, among some that mean nothing. */
const LETTERS = [
  ..."ab1'\"\\$`!#&;|<>(){}[]*?~^%=-+,.:/@_ \t\n\r",
  "\u0001",
  "\u0081",
  "\u0088",
  "\u00ff",
  "é",
  "\u202e",
  "🧬",
  "\ud800",
];

export const hostileText: Arbitrary<string> = fc.oneof(
  fc.constantFrom(...TRICKS),
  fc.string({ unit: fc.constantFrom(...LETTERS), maxLength: 30 }),
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) }),
);

const hostileNumber = fc.oneof(
  fc.constantFrom(Number.NaN, -0, 0, -1, 0.5, 1e21, 2 ** 53, -(2 ** 31) - 1, 2 ** 32, Infinity, -Infinity, 5e-324),
  fc.double(),
  fc.integer(),
);

/** Anything at all that YAML can say. */
export const hostileValue: Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: hostileText },
  hostileNumber,
  fc.constantFrom(null, true, false, [], {}, [[]], [null], [{}]),
  fc.anything({ key: hostileText, values: [hostileText, hostileNumber, fc.boolean(), fc.constant(null)], maxDepth: 4 }),
);

/** A value that the schema takes, and as nasty as it lets through. */
export function fitting(schema: Schema): Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(fitting));
  switch (schema.type) {
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 2 ** 31 });
    case "number":
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case "array":
      return fc.uniqueArray(fitting(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 8, 8),
      });
    case "object":
      return fc.dictionary(
        fitting(schema.propertyNames ?? {}) as Arbitrary<string>,
        fitting(schema.additionalProperties || {}),
        { maxKeys: 5 },
      );
    default:
      return fittingText(schema);
  }
}

function fittingText({ pattern = ".*", minLength = 0, maxLength = Infinity }: Schema): Arbitrary<string> {
  const whole = new RegExp(pattern, "s");
  const fits = (text: string) => text.length >= minLength && text.length <= maxLength && whole.test(text);
  const tricks = TRICKS.filter(fits);
  return fc.oneof(
    fc.stringMatching(new RegExp(withoutAssertions(pattern), "s")).filter(fits),
    ...(tricks.length > 0 ? [fc.constantFrom(...tricks)] : []),
    ...(fits("$(id) '") ? [hostileText.filter(fits)] : []),
  );
}

/** fast-check makes no strings for lookaheads; what they forbid is filtered afterwards. */
function withoutAssertions(pattern: string): string {
  const begin = pattern.search(/\(\?[=!]/);
  if (begin < 0) return pattern;
  let end = begin;
  for (let depth = 0; ; end++) {
    if (pattern[end] === "\\") end++;
    else if (pattern[end] === "(") depth++;
    else if (pattern[end] === ")" && --depth === 0) break;
  }
  return withoutAssertions(pattern.slice(0, begin) + pattern.slice(end + 1));
}

function keysBelow(path: readonly string[], schema: Schema): readonly Key[] {
  if (!schema.properties) return [{ path, schema }];
  return Object.entries(schema.properties).flatMap(([key, below]) => keysBelow([...path, key], below));
}
