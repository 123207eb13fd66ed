import type { Cloud } from "../aws/clients.ts";
import { throwAll } from "../cli/exit.ts";
import { commandFor } from "../cli/flags.ts";
import { say } from "../cli/print.ts";
import { colors } from "../cli/terminal.ts";
import type { Summary } from "../engine/engine.ts";
import type { Graph } from "../engine/graph.ts";
import { renderSummary } from "../ui/summary.ts";
import { sayRefusedNodes } from "./refused-nodes.ts";
import type { Session } from "./session.ts";
import { submitCommand } from "./submit-command.ts";

/** Ends `up` and `bake-ami`: what exists, what to type next, what was left alone; then throws what failed. */
export async function report(session: Session, graph: Graph<Cloud>, summary: Summary): Promise<void> {
  const { config, identity, view } = session;
  const { outcomes, outputs, failures, left } = summary;
  await view.close();
  const facts = factsOf(outputs);
  say(
    session,
    renderSummary(
      failures.length > 0
        ? { headline: `${config.name} is not up yet in ${config.region}: ${failures.length} failed`, left }
        : {
            headline: `${config.name} is up in ${config.region} (account ${identity.account})`,
            facts,
            next: nextSteps(session),
            left,
          },
      { color: colors() },
    ),
    {
      type: "summary",
      ...{ name: config.name, region: config.region, account: identity.account, failed: failures.length, left },
      nodes: Object.fromEntries(
        graph.nodes
          .filter(({ id }) => outcomes.has(id))
          .map(({ id }) => [id, { outcome: outcomes.get(id), output: outputs.get(id) }]),
      ),
    },
  );
  // Batch's own words name no disk, and an environment that was just made valid again still has the nodes it had. What
  // failed is told whatever comes of this look.
  await sayRefusedNodes(session).catch(() => {});
  throwAll(failures);
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

function factsOf(outputs: ReadonlyMap<string, unknown>): [string, string][] {
  return SHOWN.flatMap(([label, node, member]) => {
    const value = (outputs.get(node) as Readonly<Record<string, unknown>> | undefined)?.[member];
    return typeof value === "string" ? [[label, value] as [string, string]] : [];
  });
}

function nextSteps(session: Session): [string, string][] {
  const { config, sandbox, flags } = session;
  const url = sandbox ? SANDBOX_URL : flags.endpointUrl;
  return [
    [
      sandbox ? "submit a job (while `bootstrap sandbox` serves this world)" : "submit a job",
      submitCommand(config, url),
    ],
    ["stop the costs", commandFor("teardown", { ...flags, region: config.region })],
  ];
}

/** Where `bootstrap sandbox` serves, unless told otherwise. */
const SANDBOX_URL = "http://127.0.0.1:4566";
