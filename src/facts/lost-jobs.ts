import type { Cloud } from "../aws/clients.ts";
import { awsWords, isAwsError } from "../aws/errors.ts";
import { countUnfinishedJobsIn } from "../aws/jobs.ts";
import { nameFor } from "../aws/tags.ts";
import type { Plan } from "../engine/plan.ts";
import { jobQueue } from "../steps/job-queue.ts";
import type { Scope } from "./read-facts.ts";

/** What to say before a workload's queue is removed: the jobs in it end. */
export async function lostJobsWarnings(
  { cloud, config: { name } }: Pick<Scope, "cloud" | "config">,
  { removals }: Pick<Plan<Cloud>, "removals">,
): Promise<readonly string[]> {
  const queues = removals.filter(({ step }) => step.kind === jobQueue.kind);
  const warnings = queues.map(async ({ found: { node, ref } }) => {
    const queue = nameFor({ name, node });
    const jobs = await countUnfinishedJobsIn(cloud, ref).catch((error: unknown) => {
      if (isAwsError(error)) return awsWords(error);
      throw error;
    });
    if (typeof jobs === "string") return [`the jobs in queue ${queue} end with it; they cannot be counted: ${jobs}`];
    return jobs > 0 ? [`${jobs} ${jobs === 1 ? "job" : "jobs"} in queue ${queue} will be ended with it`] : [];
  });
  return (await Promise.all(warnings)).flat();
}
