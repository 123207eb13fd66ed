import {
  type JobQueueDetail,
  type JobStatus,
  paginateDescribeJobQueues,
  paginateListJobs,
} from "@aws-sdk/client-batch";
import { paginateDescribeInstances } from "@aws-sdk/client-ec2";
import type { Cloud } from "./clients.ts";
import { orNothing } from "./errors.ts";
import { listed } from "./pages.ts";
import { ENV_TAG, isNameOf, NODE_TAG, tagRecord } from "./tags.ts";

/** Asked for no status, Batch would answer only the running ones. */
export const UNFINISHED: readonly JobStatus[] = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"];

/** How many jobs of an environment are not done yet, in all of its queues; none where there is no queue. */
export function countUnfinishedJobs(cloud: Cloud, name: string): Promise<number> {
  return countJobs(cloud, ({ jobQueueName }) => isNameOf(name, jobQueueName), UNFINISHED);
}

/** The same of one queue. */
export function countUnfinishedJobsIn(cloud: Cloud, queueArn: string): Promise<number> {
  return countJobs(cloud, ({ jobQueueArn }) => jobQueueArn === queueArn, UNFINISHED);
}

/** How many jobs run that came from queues of a compute environment. */
export function countRunningJobs(cloud: Cloud, arn: string): Promise<number> {
  const leadsThere = ({ computeEnvironmentOrder = [] }: JobQueueDetail) =>
    computeEnvironmentOrder.some(({ computeEnvironment }) => computeEnvironment === arn);
  return countJobs(cloud, leadsThere, ["RUNNING"]);
}

async function countJobs(
  { batch }: Cloud,
  isAsked: (queue: JobQueueDetail) => boolean,
  statuses: readonly JobStatus[],
): Promise<number> {
  // Asked for the jobs of a queue that is not there, Batch answers an error like any other; asked for queues, nothing.
  const queues = await listed(paginateDescribeJobQueues({ client: batch }, {}), ({ jobQueues }) => jobQueues);
  const asked = queues.filter((queue) => queue.status !== "DELETED" && isAsked(queue));
  const counts = asked.flatMap(({ jobQueueArn: jobQueue }) =>
    statuses.map(async (jobStatus) => {
      const pages = paginateListJobs({ client: batch }, { jobQueue, jobStatus });
      return (await listed(pages, ({ jobSummaryList }) => jobSummaryList)).length;
    }),
  );
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
