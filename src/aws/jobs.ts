import { type JobStatus, paginateListJobs } from "@aws-sdk/client-batch";
import type { Cloud } from "./clients.ts";
import { unless } from "./errors.ts";

const UNFINISHED: readonly JobStatus[] = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"];

/** How many jobs of a queue are not done; none where there is no such queue, which Batch calls a client error. */
export async function runningJobs(cloud: Cloud, jobQueue: string): Promise<number> {
  const counts = await Promise.all(UNFINISHED.map((jobStatus) => countJobs(cloud, jobQueue, jobStatus)));
  return counts.reduce((sum, count) => sum + count, 0);
}

export async function countJobs(cloud: Cloud, jobQueue: string, jobStatus: JobStatus): Promise<number> {
  let count = 0;
  try {
    for await (const page of paginateListJobs({ client: cloud.batch }, { jobQueue, jobStatus })) {
      count += page.jobSummaryList?.length ?? 0;
    }
  } catch (error) {
    unless("refused")(error);
  }
  return count;
}
