import { DescribeJobQueuesCommand, type JobStatus, paginateListJobs } from "@aws-sdk/client-batch";
import { paginateDescribeInstances } from "@aws-sdk/client-ec2";
import type { Cloud } from "./clients.ts";
import { orNothing } from "./errors.ts";
import { listed } from "./pages.ts";
import { ENV_TAG, NODE_TAG, tagRecord } from "./tags.ts";

/** Asked for no status, Batch would answer only the running ones. */
export const UNFINISHED: readonly JobStatus[] = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"];

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
    const pages = paginateListJobs({ client: batch }, { jobQueue, jobStatus });
    return (await listed(pages, ({ jobSummaryList }) => jobSummaryList)).length;
  });
  return ((await orNothing(Promise.all(counts))) ?? []).reduce((sum, count) => sum + count, 0);
}

/** The ids of the instances that Batch launched for an environment; they carry no node, as builders do. */
export async function liveNodes({ ec2 }: Cloud, name: string): Promise<string[]> {
  const Filters = [
    { Name: `tag:${ENV_TAG}`, Values: [name] },
    { Name: "instance-state-name", Values: ["pending", "running", "stopping", "shutting-down"] },
  ];
  const pages = paginateDescribeInstances({ client: ec2 }, { Filters });
  const reservations = await listed(pages, ({ Reservations }) => Reservations);
  return reservations
    .flatMap(({ Instances = [] }) => Instances)
    .filter(({ Tags }) => tagRecord(Tags)[NODE_TAG] === undefined)
    .map(({ InstanceId }) => InstanceId!)
    .sort();
}
