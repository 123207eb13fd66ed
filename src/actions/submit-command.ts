import type { Config, WorkloadConfig } from "../config/config.ts";
import { typed } from "./options.ts";

type Submitted = Pick<Config, "name" | "region"> & {
  readonly workload: string;
  readonly jobQueue: string;
  readonly job: Pick<WorkloadConfig["job"], "command" | "parameters" | "environment"> & {
    readonly buckets: { readonly read: readonly string[] };
  };
};

/** What to type for a first job; capitals stand for what only the person knows. */
export function submitCommand({ name, region, workload, jobQueue, job }: Submitted, endpointUrl?: string): string {
  const parameters = openParameters(job);
  return [
    `aws batch submit-job --region ${region}`,
    ...(endpointUrl ? [`--endpoint-url ${typed(endpointUrl)}`] : []),
    `--job-name first --job-queue ${jobQueue} --job-definition ${name}-${workload}`,
    // In any other form the AWS CLI takes a comma for the end of a value.
    ...(Object.keys(parameters).length > 0 ? [`--parameters ${typed(JSON.stringify(parameters))}`] : []),
  ].join(" ");
}

/** The parameters that the command names and the config leaves to each job. */
function openParameters({ command, parameters, environment, buckets }: Submitted["job"]): Record<string, string> {
  const named = (command ?? []).flatMap((word) => /^Ref::(.+)$/.exec(word)?.[1] ?? []);
  const open = named.filter((parameter) => !Object.hasOwn(parameters, parameter));
  // Where runs lie has a default only where the environment says so.
  if (parameters.source === "auto" && named.includes("source") && !environment.SPLIT_SOURCE) open.push("source");
  return Object.fromEntries(
    open.map((parameter) => [
      parameter,
      parameter === "source" ? `s3://${buckets.read[0] ?? "BUCKET"}` : parameter.toUpperCase(),
    ]),
  );
}
