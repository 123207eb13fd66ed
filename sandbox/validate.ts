import { breaches } from "./constraints.ts";
import { Refusal } from "./service.ts";
import type { Problem } from "./shapes.ts";
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
  const count = `${problems.length} validation error${problems.length === 1 ? "" : "s"} detected: `;
  return new Refusal(wire.service.validationError ?? "ValidationException", count + problems.map(sentence).join("; "));
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
