import { BELIEFS, type Belief, CALLS, type Proof, TEMPLATES } from "./proofs.ts";

export interface Calls {
  /** By `service:Operation`, the verbs that ask for it. */
  readonly product: ReadonlyMap<string, ReadonlySet<string>>;
  /** `service:Operation`, asked for by the aws CLI in `test/guide.sh`. */
  readonly guide: ReadonlySet<string>;
}

const SERVICES: Readonly<Record<string, string>> = {
  sts: "STS (AWS query)",
  ec2: "EC2 (EC2 query)",
  iam: "IAM (AWS query)",
  fsx: "FSx (JSON 1.1)",
  ecr: "ECR (JSON 1.1)",
  ssm: "Systems Manager (JSON 1.1)",
  logs: "CloudWatch Logs (JSON 1.1)",
  batch: "AWS Batch (REST-JSON)",
  servicequotas: "Service Quotas (JSON 1.1)",
};

const BY_CLI = "aws CLI";
const FACTS_ONLY = "facts only";

/** Start here: docs/fidelity.md, all of it. */
export function fidelityPage({ product, guide }: Calls): string {
  const calls = [...product.keys()].sort();
  const byCli = calls.filter((call) => guide.has(call));
  return `# What is proven, and what is believed

\`bootstrap\` has not been run against AWS itself yet. This page says, of every API call it makes and
every script it ships, what that was checked against instead. \`npm run fidelity\` writes the page: the calls come from the
sandbox's log of real runs, and tests hold the page to it.

- **SDK schema**: the sandbox reads each request, and writes each answer, by the operation schemas in AWS's own SDK.
  Names, types, required members and wire format are AWS's. This holds for every call below.
- **aws CLI**: Debian's \`awscli\`, with models of its own, asked for it in [test/guide.sh](../test/guide.sh), in
  us-east-1 and cn-northwest-1, and its answer was looked at.
- **real ...**: the thing itself took part, on this kind of machine: a registry, a kernel, cloud-init, dnf.
- **facts only**: nothing besides the schema.

These prove the wire, not AWS's conduct. What an operation does, what it refuses and in which words, how long it takes
and when others see it, follows AWS's documentation and the reports of public projects, as
[sandbox/README.md](../sandbox/README.md) has it, for every call below: nothing here could contradict that.

## API calls

${product.size} operations; the aws CLI asked for ${byCli.length} of them.

${Object.entries(SERVICES)
  .map(([service, title]) => {
    const rows = calls
      .filter((call) => call.startsWith(`${service}:`))
      .map((call) => [operationOf(call), [...product.get(call)!].sort().join(", "), checksOf(call, guide)]);
    return `### ${title}\n\n${table(["operation", "asked by", "SDK schema, and"], rows)}`;
  })
  .join("\n\n")}

## Scripts and templates

${table(
  ["file", "checked against", "by"],
  Object.entries(TEMPLATES).flatMap(([file, proofs]) =>
    proofs.map((proof, at) => [at === 0 ? link(file) : "", proof.against, link(proof.test)]),
  ),
)}

Not checked at all: Amazon's own package repositories, Lustre's network protocol, what Batch adds to the user data, the
ECS agent, bcl2fastq itself.

## Believed

No public page or model confirms these, or one report alone does, and \`bootstrap\` leans on them.

${table(
  ["what", "if it is wrong"],
  BELIEFS.map(({ claim, ifWrong }: Belief) => [claim, ifWrong]),
)}
`;
}

/** The calls that a written page lists, and whether it says that the aws CLI asked for them. */
export function callsIn(page: string): ReadonlyMap<string, boolean> {
  const services = new Map(Object.entries(SERVICES).map(([service, title]) => [`### ${title}`, service]));
  const calls = new Map<string, boolean>();
  let service: string | undefined;
  for (const line of page.split("\n")) {
    if (line.startsWith("#")) service = services.get(line);
    const [, operation, , checks] = line.split("|").map((cell) => cell.trim());
    if (service === undefined || !/^[A-Z]/.test(operation ?? "")) continue;
    calls.set(`${service}:${operation}`, checks?.split(", ").includes(BY_CLI) ?? false);
  }
  return calls;
}

function checksOf(call: string, guide: ReadonlySet<string>): string {
  const real: Proof | undefined = CALLS[call];
  const checks = [
    ...(guide.has(call) ? [BY_CLI] : []),
    ...(real === undefined ? [] : [`${real.against} (${link(real.test)})`]),
  ];
  return checks.length > 0 ? checks.join(", ") : FACTS_ONLY;
}

function operationOf(call: string): string {
  return call.slice(call.indexOf(":") + 1);
}

function link(file: string): string {
  return `[${file}](../${file})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
