import {
  DeregisterJobDefinitionCommand,
  type JobDefinition,
  paginateDescribeJobDefinitions,
  RegisterJobDefinitionCommand,
} from "@aws-sdk/client-batch";
import type { Cloud } from "../aws/clients.ts";
import { orNothing } from "../aws/errors.ts";
import { listed } from "../aws/pages.ts";
import { fromTags, tagsOf } from "../aws/tags.ts";
import type { FindContext, Step } from "../engine/step.ts";

export interface HostVolume {
  readonly name: string;
  /** Docker makes it on the root disk where it is missing, so the node must have mounted it before. */
  readonly hostPath: string;
  readonly containerPath: string;
}

export interface JobDefinitionInputs {
  /** Begins with the environment's name and a hyphen. */
  readonly jobDefinitionName: string;
  /** By its digest. */
  readonly image: string;
  readonly vcpus: number;
  /** A job that needs more is killed; a node offers somewhat less than its type has. */
  readonly memoryMiB: number;
  readonly jobRoleArn: string;
  /** `Ref::name` stands for the parameter of that name. */
  readonly command?: readonly string[] | undefined;
  /** What a job that says nothing gets for each `Ref::name`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes: readonly HostVolume[];
  /** Of one attempt; one that takes longer is ended and not tried again. */
  readonly timeoutSeconds: number;
  /** 1 to 10; only a job that its machine failed is tried again. */
  readonly attempts: number;
  /** Without it: /aws/batch/job. */
  readonly logGroupName?: string | undefined;
}

export interface JobDefinitionOutput {
  /** With the revision at its end. */
  readonly arn: string;
  readonly jobDefinitionName: string;
  readonly revision: number;
}

/** What BCL Convert asks for, rounded up. */
const OPEN_FILES = 65_536;

/** What a job is; each revision is a thing of its own, and a change registers the next. */
export const jobDefinition: Step<JobDefinitionInputs, JobDefinitionOutput, unknown, Cloud> = {
  kind: "job-definition",
  naming: "versioned",
  unrepeatable: true,
  pace: { expectMs: 0, everyMs: 2_000, timeoutMs: 5 * 60_000 },

  async find(context) {
    const { cloud, inputs, name, node } = context;
    const names = inputs ? [inputs.jobDefinitionName] : namesOf(context);
    const revisions = await Promise.all(
      (names.length > 0 ? names : [undefined]).map((one) => activeRevisions(cloud, one)),
    );
    const found = revisions
      .flat()
      .filter(({ jobDefinitionName }) => inputs || jobDefinitionName!.startsWith(`${name}-`))
      .map((live) => ({
        ref: live.jobDefinitionArn!,
        ...fromTags(context, live.tags ?? {}),
        state: "ready" as const,
        detail: live.status,
        output: {
          arn: live.jobDefinitionArn!,
          jobDefinitionName: live.jobDefinitionName!,
          revision: live.revision!,
        },
        drift: inputs && [],
      }));
    return inputs ? found : found.filter((one) => one.owned && (node === undefined || one.node === node));
  },

  async create(context) {
    const { cloud, inputs } = context;
    const { attempts, environment, volumes } = inputs;
    const { jobDefinitionArn } = await cloud.batch.send(
      new RegisterJobDefinitionCommand({
        jobDefinitionName: inputs.jobDefinitionName,
        type: "container",
        platformCapabilities: ["EC2"],
        parameters: inputs.parameters,
        timeout: { attemptDurationSeconds: inputs.timeoutSeconds },
        retryStrategy: {
          attempts,
          // In this order, and at most five: what matches none of them would be tried again.
          evaluateOnExit: [
            { onStatusReason: "Host EC2*", action: "RETRY" },
            { onReason: "CannotPullContainerError*", action: "RETRY" },
            { onReason: "DockerTimeoutError*", action: "RETRY" },
            { onStatusReason: "Task failed to start*", action: "RETRY" },
            { onReason: "*", action: "EXIT" },
          ],
        },
        containerProperties: {
          image: inputs.image,
          command: inputs.command && [...inputs.command],
          jobRoleArn: inputs.jobRoleArn,
          resourceRequirements: [
            { type: "VCPU", value: String(inputs.vcpus) },
            { type: "MEMORY", value: String(inputs.memoryMiB) },
          ],
          environment: Object.entries(environment).map(([key, value]) => ({ name: key, value })),
          volumes: volumes.map(({ name, hostPath }) => ({ name, host: { sourcePath: hostPath } })),
          mountPoints: volumes.map(({ name, containerPath }) => ({
            sourceVolume: name,
            containerPath,
            readOnly: false,
          })),
          // Signals reach the job, and what it leaves behind is reaped.
          linuxParameters: { initProcessEnabled: true },
          // A demultiplexer has a file open for each sample, read and lane; Docker's own soft limit is 1024 or 32768.
          ulimits: [{ name: "nofile", softLimit: OPEN_FILES, hardLimit: OPEN_FILES }],
          ...(inputs.logGroupName !== undefined && {
            logConfiguration: { logDriver: "awslogs", options: { "awslogs-group": inputs.logGroupName } },
          }),
        },
        tags: tagsOf(context),
      }),
    );
    return jobDefinitionArn!;
  },

  async destroy({ cloud }, { ref }) {
    await orNothing(cloud.batch.send(new DeregisterJobDefinitionCommand({ jobDefinition: ref })));
  },
};

/** Those of the node that the manifest knows, so that not the whole account's are listed. */
function namesOf({ node, known = {} }: FindContext<JobDefinitionInputs, Cloud>): string[] {
  const arns = Object.entries(known).flatMap(([arn, of]) => (of.node === node ? [arn] : []));
  return [...new Set(arns.flatMap((arn) => /:job-definition\/([^:]+):\d+$/.exec(arn)?.[1] ?? []))];
}

/** Of this name, or of every name. */
function activeRevisions({ batch }: Cloud, jobDefinitionName: string | undefined): Promise<JobDefinition[]> {
  const asked = { status: "ACTIVE", ...(jobDefinitionName !== undefined && { jobDefinitionName }) };
  return listed(paginateDescribeJobDefinitions({ client: batch }, asked), ({ jobDefinitions }) => jobDefinitions);
}
