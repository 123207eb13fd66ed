import type { Cloud } from "../aws/clients.ts";
import { nameFor, nodeFor } from "../aws/tags.ts";
import type { Graph } from "../engine/graph.ts";
import type { Plan } from "../engine/plan.ts";
import type { Summary } from "../engine/rollout.ts";
import { commandFor, type Target } from "./options.ts";
import type { UpResult } from "./result.ts";
import type { Session } from "./session.ts";
import { submitCommand } from "./submit-command.ts";

/** The end of `up` and `bake-ami`: what exists, what to type next, what was left alone, what failed. */
export function upResult(
  { config, identity, sandbox }: Pick<Session, "config" | "identity" | "sandbox">,
  target: Target,
  ended: {
    readonly graph: Graph<Cloud>;
    readonly plan: Plan<Cloud>;
    readonly summary: Summary;
    /** Besides what the run itself left. */
    readonly left: readonly string[];
  },
): UpResult {
  const { graph, plan, summary } = ended;
  const { outcomes, outputs, failures } = summary;
  const { name, region } = config;
  return {
    ...{ type: "up", plan, summary, failures, left: [...summary.left, ...ended.left] },
    ...{ name, region, account: identity.account },
    facts: config.workloads.flatMap(({ suffix }) => factsOf(outputs, suffix)),
    next: [
      ...config.workloads.map(({ name: workload, suffix, job }): [string, string] => {
        const what = config.workloads.length > 1 ? `submit a job of ${workload}` : "submit a job";
        const jobQueue = nameFor({ name, node: nodeFor("job-queue", suffix) });
        return [
          sandbox ? `${what} (while \`bootstrap sandbox\` serves this world)` : what,
          submitCommand({ name, region, workload, jobQueue, job }, sandbox ? SANDBOX_URL : target.endpointUrl),
        ];
      }),
      ["stop the costs", commandFor("teardown", { ...target, region })],
    ],
    nodes: graph.nodes.flatMap(({ id: node }) => {
      const outcome = outcomes.get(node);
      return outcome === undefined ? [] : [{ node, outcome, output: outputs.get(node) }];
    }),
  };
}

/** The outputs a person copies somewhere: by node and member. */
const SHOWN = [
  ["file system", "filesystem", "fileSystemId"],
  ["  mounted from", "filesystem", "dnsName"],
  ["machine image", "ami", "imageId"],
  ["launch template", "launch-template", "launchTemplateId"],
  ["  version", "launch-template", "version"],
  ["container image", "container-image", "image"],
  ["compute environment", "compute-environment", "arn"],
  ["job queue", "job-queue", "arn"],
  ["job definition", "job-definition", "arn"],
] as const;

/** Without a workload: what all share, and the first one's own. */
function factsOf(outputs: ReadonlyMap<string, unknown>, workload: string | undefined): [string, string][] {
  return SHOWN.flatMap(([label, node, member]) => {
    const value = (outputs.get(nodeFor(node, workload)) as Readonly<Record<string, unknown>> | undefined)?.[member];
    const text = workload === undefined ? label : `${label} of ${workload}`;
    return typeof value === "string" ? [[text, value] as [string, string]] : [];
  });
}

/** Where `bootstrap sandbox` serves, unless told otherwise. */
const SANDBOX_URL = "http://127.0.0.1:4566";
