import { DescribeJobQueuesCommand, type JobStatus, paginateListJobs } from "@aws-sdk/client-batch";
import type { Cloud } from "./clients.ts";
import { orNothing } from "./errors.ts";

const UNFINISHED: readonly JobStatus[] = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"];

/** How many jobs of a queue are not done yet; none where there is no such queue. */
export function countUnfinishedJobs(cloud: Cloud, jobQueue: string): Promise<number> {
  return countJobs(cloud, jobQueue, ...UNFINISHED);
}

/** How many jobs of a queue are in one of the statuses; none where there is no such queue. */
export async function countJobs(
  { batch }: Cloud,
  jobQueue: string,
  ...statuses: readonly JobStatus[]
): Promise<number> {
  // Asked for the jobs of a queue that is not there, Batch answers an error like any other; asked for the queue, nothing.
  const { jobQueues } = await batch.send(new DescribeJobQueuesCommand({ jobQueues: [jobQueue] }));
  if (!jobQueues?.some(({ status }) => status !== "DELETED")) return 0;
  const counts = statuses.map(async (jobStatus) => {
    let jobs = 0;
    for await (const page of paginateListJobs({ client: batch }, { jobQueue, jobStatus })) {
      jobs += page.jobSummaryList?.length ?? 0;
    }
    return jobs;
  });
  return ((await orNothing(Promise.all(counts))) ?? []).reduce((sum, count) => sum + count, 0);
}
