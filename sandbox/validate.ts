import { type Constraint, Refusal } from "./service.ts";
import type { Problem } from "./shapes.ts";
import type { Wire } from "./wire.ts";

/** What each service calls a request it cannot take; EC2 has a code for each trouble. */
const CODES: Readonly<Record<string, string>> = {
  batch: "ClientException",
  ecr: "InvalidParameterException",
  fsx: "BadRequest",
  iam: "ValidationError",
  logs: "InvalidParameterException",
  ssm: "ValidationException",
  sts: "ValidationError",
};

/** Throws AWS's refusal when the request does not fit the schema or breaks one of the operation's constraints. */
export function validate(
  wire: Wire,
  operation: string,
  { input, problems }: { readonly input: unknown; readonly problems: readonly Problem[] },
): void {
  const constraints = Object.entries(wire.service.constraints?.[operation] ?? {});
  const all = [...problems, ...constraints.flatMap(([path, constraint]) => breaches(input, path, constraint))];
  if (all.length > 0) throw refusalOf(wire, all);
}

function breaches(input: unknown, dottedPath: string, constraint: Constraint): Problem[] {
  return valuesAt(input, dottedPath.split("."), "").flatMap(({ path, value }) => {
    const rule = brokenRule(value, constraint);
    return rule === undefined ? [] : [{ kind: "value" as const, path, rule, value }];
  });
}

interface Located {
  readonly path: string;
  readonly value: unknown;
}

/** All values a path such as `Tags[].Key` names, each with its own place. */
function valuesAt(at: unknown, [step, ...rest]: readonly string[], path: string): Located[] {
  if (at === undefined || at === null) return [];
  if (step === undefined) return [{ path, value: at }];
  const name = step.replace(/\[\]$/, "");
  const value = (at as Record<string, unknown>)[name];
  const here = path === "" ? name : `${path}.${name}`;
  if (name === step || !Array.isArray(value)) return valuesAt(value, rest, here);
  return value.flatMap((item, index) => valuesAt(item, rest, `${here}[${index}]`));
}

function brokenRule(value: unknown, { oneOf, pattern, length, range }: Constraint): string | undefined {
  if (oneOf && !oneOf.includes(String(value))) return `Member must satisfy enum value set: [${oneOf.join(", ")}]`;
  if (pattern && !pattern.test(String(value))) {
    return `Member must satisfy regular expression pattern: ${pattern.source.replace(/^\^|\$$/g, "")}`;
  }
  if (length) {
    const size = sizeOf(value);
    if (size < length[0]) return `Member must have length greater than or equal to ${length[0]}`;
    if (size > length[1]) return `Member must have length less than or equal to ${length[1]}`;
  }
  if (range && typeof value === "number") {
    if (value < range[0]) return `Member must have value greater than or equal to ${range[0]}`;
    if (value > range[1]) return `Member must have value less than or equal to ${range[1]}`;
  }
  return undefined;
}

function sizeOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  if (value instanceof Uint8Array) return value.byteLength;
  return typeof value === "object" && value !== null ? Object.keys(value).length : String(value).length;
}

function refusalOf(wire: Wire, problems: readonly Problem[]): Refusal {
  if (wire.protocol === "ec2Query") return ec2Refusal(problems[0]!);
  const mistyped = problems.find(({ kind }) => kind === "type");
  if (mistyped?.kind === "type" && wire.protocol !== "awsQuery") {
    return new Refusal("SerializationException", `${awsPath(mistyped.path)} must be ${mistyped.expected}`);
  }
  const count = `${problems.length} validation error${problems.length === 1 ? "" : "s"} detected: `;
  return new Refusal(CODES[wire.service.name] ?? "ValidationException", count + problems.map(sentence).join("; "));
}

function sentence(problem: Problem): string {
  const at = `at '${awsPath(problem.path)}' failed to satisfy constraint`;
  switch (problem.kind) {
    case "missing":
      return `Value null ${at}: Member must not be null`;
    case "unknown":
      return `Value ${at}: Member is not known`;
    case "type":
      return `Value '${spelt(problem.value)}' ${at}: Member must be ${problem.expected}`;
    case "value":
      return `Value '${spelt(problem.value)}' ${at}: ${problem.rule}`;
  }
}

function ec2Refusal(problem: Problem): Refusal {
  const name = ec2Path(problem.path);
  switch (problem.kind) {
    case "missing":
      return new Refusal("MissingParameter", `The request must contain the parameter ${name}`);
    case "unknown":
      return new Refusal("UnknownParameter", `The parameter ${name} is not recognized`);
    case "type":
      return new Refusal(
        "InvalidParameterValue",
        `Invalid value '${spelt(problem.value)}' for ${name}. It must be ${problem.expected}`,
      );
    case "value":
      return new Refusal(
        "InvalidParameterValue",
        `Value (${spelt(problem.value)}) for parameter ${name} is invalid. ${problem.rule}`,
      );
  }
}

function spelt(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** `Tags[0].Key` as the services spell it: tags.1.member.key. */
function awsPath(path: string): string {
  return path
    .split(".")
    .map((part) => part.charAt(0).toLowerCase() + part.slice(1))
    .join(".")
    .replace(/\[(\d+)\]/g, (_, index: string) => `.${Number(index) + 1}.member`);
}

function ec2Path(path: string): string {
  return path.replace(/\[(\d+)\]/g, (_, index: string) => `.${Number(index) + 1}`);
}
