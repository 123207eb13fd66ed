import { type JobStatus, paginateListJobs } from "@aws-sdk/client-batch";
import type { Cloud } from "./clients.ts";
import { orNothing } from "./errors.ts";

const UNFINISHED: readonly JobStatus[] = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"];

/** How many jobs of a queue are not done yet; none where there is no such queue. */
export async function countUnfinishedJobs(cloud: Cloud, jobQueue: string): Promise<number> {
  const counts = await Promise.all(UNFINISHED.map((jobStatus) => countJobs(cloud, jobQueue, jobStatus)));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** How many jobs of a queue are in one status; none where there is no such queue. */
export async function countJobs({ batch }: Cloud, jobQueue: string, jobStatus: JobStatus): Promise<number> {
  const counted = async () => {
    let jobs = 0;
    for await (const page of paginateListJobs({ client: batch }, { jobQueue, jobStatus })) {
      jobs += page.jobSummaryList?.length ?? 0;
    }
    return jobs;
  };
  return (await orNothing(counted())) ?? 0;
}
