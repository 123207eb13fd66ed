import {
  DescribeImagesCommand,
  DescribeInstancesCommand,
  type Instance,
  type InstanceStateName,
  paginateDescribeInstances,
  RebootInstancesCommand,
  RunInstancesCommand,
  type Tag,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { paginateDescribeInstanceInformation } from "@aws-sdk/client-ssm";
import type { Cloud } from "../aws/clients.ts";
import { orNothing, unless } from "../aws/errors.ts";
import { listed } from "../aws/pages.ts";
import { stateFrom } from "../aws/state.ts";
import { fromTags, tagFilters, tagList, tagRecord, tagsOf } from "../aws/tags.ts";
import type { Found, State, Step } from "../engine/step.ts";

export interface InstanceInputs {
  readonly imageId: string;
  readonly instanceType: string;
  readonly subnetId: string;
  readonly securityGroupIds: readonly string[];
  readonly instanceProfileArn: string;
  /** Plain text. */
  readonly userData: string;
  /** Without it: as large as the image's. */
  readonly rootGiB?: number | undefined;
  readonly kmsKeyId?: string | undefined;
  /** What is to be done on it: a machine for something else is another machine. */
  readonly purpose?: string | undefined;
}

export interface InstanceOutput {
  readonly instanceId: string;
}

/** A machine to work on over SSM: no key pair, nothing comes in, and it ends itself when it is shut down. */
export const instance: Step<InstanceInputs, InstanceOutput, unknown, Cloud> = {
  kind: "instance",
  naming: "token",
  // An agent whose role was refused once, because it was too young, sleeps for up to 30 minutes:
  // https://github.com/aws/amazon-ssm-agent (core/app/credentialrefresher).
  pace: {
    ...{ expectMs: 0, everyMs: 2_000, wakeMs: 5 * 60_000 },
    ...{ timeoutMs: 40 * 60_000, removeTimeoutMs: 10 * 60_000 },
  },

  async find(context) {
    const { cloud, node } = context;
    const pages = paginateDescribeInstances({ client: cloud.ec2 }, { Filters: tagFilters(context) });
    const reservations = await listed(pages, ({ Reservations }) => Reservations);
    const live = reservations
      .flatMap(({ Instances = [] }) => Instances)
      // AWS shows a terminated one for another hour, but it is gone.
      .filter(({ State }) => State?.Name !== "terminated");
    const running = live.filter(({ State }) => State?.Name === "running").map(({ InstanceId }) => InstanceId!);
    // Whether SSM hears of one matters to the node that works on it, and not to a list of what there is.
    const reachable = node === undefined ? running : await online(cloud, running);
    return live.map((one): Found<InstanceOutput> => {
      const instanceId = one.InstanceId!;
      return {
        ref: instanceId,
        ...fromTags(context, tagRecord(one.Tags)),
        ...condition(one, reachable.includes(instanceId)),
        createdAt: one.LaunchTime,
        output: { instanceId },
      };
    });
  },

  async create(context) {
    const { cloud, inputs, token } = context;
    const Tags = tagList(tagsOf(context));
    const { Instances } = await cloud.ec2.send(
      new RunInstancesCommand({
        ClientToken: token,
        MinCount: 1,
        MaxCount: 1,
        ImageId: inputs.imageId,
        InstanceType: inputs.instanceType as NonNullable<Instance["InstanceType"]>,
        SubnetId: inputs.subnetId,
        SecurityGroupIds: [...inputs.securityGroupIds],
        IamInstanceProfile: { Arn: inputs.instanceProfileArn },
        UserData: Buffer.from(inputs.userData).toString("base64"),
        InstanceInitiatedShutdownBehavior: "terminate",
        // One hop reaches the agent and no container: what an image is built from gets no credentials.
        MetadataOptions: { HttpEndpoint: "enabled", HttpTokens: "required", HttpPutResponseHopLimit: 1 },
        BlockDeviceMappings: [
          {
            DeviceName: await rootDeviceName(cloud, inputs.imageId),
            Ebs: {
              VolumeType: "gp3",
              VolumeSize: inputs.rootGiB,
              Encrypted: true,
              KmsKeyId: inputs.kmsKeyId,
              DeleteOnTermination: true,
            },
          },
        ],
        TagSpecifications: tagged(Tags),
      }),
    );
    return Instances![0]!.InstanceId!;
  },

  /** A launch that fails ends as a terminated instance, and AWS says for an hour why. */
  async whyGone({ cloud }, ref) {
    const answer = await orNothing(cloud.ec2.send(new DescribeInstancesCommand({ InstanceIds: [ref] })));
    const one = answer?.Reservations?.[0]?.Instances?.[0];
    return one?.State?.Name === "terminated" ? (one.StateReason?.Message ?? "terminated") : undefined;
  },

  /** A reboot starts the agent, which asks for credentials at once; the builder's own time limit starts again at each boot. */
  async wake({ cloud }, { ref, detail = "" }) {
    if (!detail.startsWith(WAITING)) return undefined;
    await cloud.ec2.send(new RebootInstancesCommand({ InstanceIds: [ref] }));
    return `${ref} runs, and its SSM agent is not heard of: rebooted once, because an agent may sleep for half an hour`;
  },

  async destroy({ cloud }, { ref, state }) {
    if (state === "deleting") return;
    await orNothing(cloud.ec2.send(new TerminateInstancesCommand({ InstanceIds: [ref] })));
  },
};

const WAITING = "running, waiting for the SSM agent";

const STATE: Readonly<Record<Exclude<InstanceStateName, "terminated">, State>> = {
  pending: "pending",
  running: "ready",
  stopping: "failed",
  stopped: "failed",
  "shutting-down": "deleting",
};

function condition(
  { PublicIpAddress, State, StateReason }: Instance,
  reachable: boolean,
): Pick<Found, "state" | "detail" | "unsure"> {
  const told = stateFrom(STATE, State?.Name);
  const { state, detail: name } = told;
  if (state === "failed") return { state, detail: StateReason?.Message ? `${name}: ${StateReason.Message}` : name };
  if (state === "ready" && !reachable) {
    const way = PublicIpAddress ? "" : "; it has no public address, so its subnet needs a NAT gateway or VPC endpoints";
    return { state: "pending", detail: `${WAITING}${way}` };
  }
  return told;
}

async function online(cloud: Cloud, instanceIds: string[]): Promise<string[]> {
  if (instanceIds.length === 0) return [];
  const asked = { Filters: [{ Key: "InstanceIds", Values: instanceIds }] };
  const pages = paginateDescribeInstanceInformation({ client: cloud.ssm }, asked);
  const heardOf = await listed(pages, ({ InstanceInformationList }) => InstanceInformationList).catch(
    unless("notPropagated"),
  );
  return (heardOf ?? []).filter(({ PingStatus }) => PingStatus === "Online").map(({ InstanceId }) => InstanceId!);
}

async function rootDeviceName(cloud: Cloud, imageId: string): Promise<string | undefined> {
  const { Images } = await cloud.ec2.send(new DescribeImagesCommand({ ImageIds: [imageId] }));
  return Images?.[0]?.RootDeviceName;
}

function tagged(Tags: Tag[]) {
  return (["instance", "volume", "network-interface"] as const).map((ResourceType) => ({ ResourceType, Tags }));
}
