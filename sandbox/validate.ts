import { breaches } from "./constraints.ts";
import { Refusal } from "./service.ts";
import type { Problem, Rule } from "./shapes.ts";
import type { Wire } from "./wire.ts";

/** Throws AWS's refusal when the request does not fit the schema or breaks one of the operation's constraints. */
export function validate(
  wire: Wire,
  operation: string,
  { input, problems }: { readonly input: unknown; readonly problems: readonly Problem[] },
): void {
  const all = [...problems, ...breaches(wire.constraints, operation, input)];
  if (all.length > 0) throw refusalOf(wire, all);
}

function refusalOf(wire: Wire, problems: readonly Problem[]): Refusal {
  if (wire.protocol === "ec2Query") return ec2Refusal(problems[0]!);
  const mistyped = problems.find(({ kind }) => kind === "type");
  if (mistyped?.kind === "type" && wire.protocol !== "awsQuery") {
    return new Refusal("SerializationException", `${awsPath(mistyped.path)} must be ${mistyped.expected}`);
  }
  const { validationError = "ValidationException", validationWords } = wire.service;
  const [first] = problems;
  if (validationWords && first?.kind === "value") {
    return new Refusal(validationError, validationWords(awsPath(first.path), wordsOf(first.rule)));
  }
  const count = `${problems.length} validation error${problems.length === 1 ? "" : "s"} detected: `;
  return new Refusal(validationError, count + problems.map(sentence).join("; "));
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
      return `Value '${spelt(problem.value)}' ${at}: ${wordsOf(problem.rule)}`;
  }
}

function wordsOf(rule: Rule): string {
  if ("enum" in rule) return `Member must satisfy enum value set: [${rule.enum.join(", ")}]`;
  if ("pattern" in rule) return `Member must satisfy regular expression pattern: ${rule.pattern}`;
  if ("least" in rule) return `Member must have ${rule.of} greater than or equal to ${rule.least}`;
  if ("most" in rule) return `Member must have ${rule.of} less than or equal to ${rule.most}`;
  return `${rule.each} must satisfy constraint: [${rule.rules.map(wordsOf).join(", ")}]`;
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
        `Value (${spelt(problem.value)}) for parameter ${lowered(name)} is invalid. ${ec2Words(problem.rule)}`,
      );
  }
}

function ec2Words(rule: Rule): string {
  if ("least" in rule && rule.of === "value") return `Expecting a value greater than ${rule.least}.`;
  if ("most" in rule && rule.of === "value") return `Expecting a value less than ${rule.most}.`;
  return wordsOf(rule);
}

/** As Java prints it. */
function spelt(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(spelt).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([name, inner]) => `${name}=${spelt(inner)}`)
    .join(", ")}}`;
}

/** `Tags[0].Key` as the services spell it: tags.1.member.key. */
function awsPath(path: string): string {
  return lowered(path).replace(/\[(\d+)\]/g, (_, index: string) => `.${Number(index) + 1}.member`);
}

function ec2Path(path: string): string {
  return path.replace(/\[(\d+)\]/g, (_, index: string) => `.${Number(index) + 1}`);
}

function lowered(path: string): string {
  return path.replace(/(^|\.)([A-Z])/g, (start) => start.toLowerCase());
}
