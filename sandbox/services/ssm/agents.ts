import type { DescribeInstanceInformationCommandInput, InstanceInformation } from "@aws-sdk/client-ssm";
import { MINUTE_MS, NEVER } from "../../lifecycle.ts";
import { type Call, type Fate, Refusal } from "../../service.ts";
import { image } from "../ec2/images.ts";
import { reaches } from "../ec2/reach.ts";
import { ec2Slice, type Instance } from "../ec2/slice.ts";
import { findInstanceProfile, roleAllows } from "../iam.ts";
import { paged, type SsmOperations, ssmState } from "./state.ts";

const AGENT_VERSION = "3.3.3270.0";

/** The role an instance's profile gives it; undefined without one. */
export function roleNameOf(call: Call, instance: Instance): string | undefined {
  return instance.profileArn === undefined ? undefined : findInstanceProfile(call, instance.profileArn)?.roleName;
}

/** Whether an instance's agent has reached Systems Manager: 20 to 90 seconds after the start, if nothing keeps it away. */
export function isOnline(call: Call, instance: Instance): boolean {
  if (instance.state !== "running") return false;
  return (ssmState(call).agents[instance.id]?.onlineFrom ?? NEVER) <= call.now;
}

/** As the agent's own source has it: 25 minutes and some, when it was refused at its first try. */
const SLEEP_MS = 26 * MINUTE_MS;

/** Takes note of instances that have started; `fate` may say that an agent never shows up, or sleeps first. */
export function noticeAgents(call: Call, fate: () => Fate | undefined): void {
  const { agents } = ssmState(call);
  for (const instance of Object.values(ec2Slice(call).instances)) {
    const { id, state, runningAt, rebootedAt = 0 } = instance;
    if (state === "terminated") delete agents[id];
    if (state !== "running" || runningAt === undefined) continue;
    const known = agents[id];
    const woken = known?.asleep && rebootedAt > runningAt && rebootedAt < known.onlineFrom!;
    if (known?.runningAt === runningAt && known.onlineFrom !== undefined && !woken) continue;
    if (!maySignIn(call, instance)) {
      agents[id] = { runningAt, deniedAt: call.now };
      continue;
    }
    const from = Math.max(runningAt, known?.deniedAt ?? 0, woken ? rebootedAt : 0);
    const { kind, ms = SLEEP_MS } = (woken ? undefined : fate()) ?? {};
    if (kind === "late") agents[id] = { runningAt, onlineFrom: from + ms, asleep: true };
    else agents[id] = { runningAt, onlineFrom: kind === "never" ? NEVER : from + call.between(20_000, 90_000) };
  }
}

/** Its role lets it, and it reaches Systems Manager: the service itself, and one of the two that bring it commands. */
function maySignIn(call: Call, instance: Instance): boolean {
  const heard = (["ssmmessages", "ec2messages"] as const).some((service) => reaches(call, instance, ["ssm", service]));
  return heard && roleAllows(call, roleNameOf(call, instance), "ssm:UpdateInstanceInformation", "*");
}

export const agentOperations = {
  DescribeInstanceInformation(input, call) {
    noticeAgents(call, () => call.fate());
    const wanted = filtersIn(input);
    const { agents } = ssmState(call);
    const known = Object.values(ec2Slice(call).instances).filter(
      ({ id, state }) => state !== "terminated" && (agents[id]?.onlineFrom ?? NEVER) <= call.now,
    );
    const shown = known
      .map((instance) => ({ instance, information: informationOf(call, instance) }))
      .filter(({ instance, information }) =>
        wanted.every(([key, values]) => values.some((value) => fits(call, instance, information, key, value))),
      )
      .map(({ information }) => information);
    const { items, next } = paged(
      call,
      { ...input, MaxResults: input.MaxResults ?? 10 },
      shown,
      ({ InstanceId }) => InstanceId!,
    );
    return { InstanceInformationList: call.shuffled(items), ...next };
  },
} satisfies SsmOperations;

const KEYS = new Set([
  "InstanceIds",
  "AgentVersion",
  "PingStatus",
  "PlatformTypes",
  "ActivationIds",
  "IamRole",
  "ResourceType",
  "AssociationStatus",
  "tag-key",
]);

function filtersIn(input: DescribeInstanceInformationCommandInput): readonly (readonly [string, readonly string[]])[] {
  const { Filters = [], InstanceInformationFilterList: legacy = [] } = input;
  if (Filters.length > 0 && legacy.length > 0) {
    throw new Refusal("ValidationException", "Filters and InstanceInformationFilterList cannot be used together.");
  }
  const filters = [
    ...Filters.map(({ Key, Values }) => [Key ?? "", Values ?? []] as const),
    ...legacy.map(({ key, valueSet }) => [key ?? "", valueSet ?? []] as const),
  ];
  const unknown = filters.find(([key]) => !KEYS.has(key) && !key.startsWith("tag:"));
  if (unknown !== undefined) throw new Refusal("InvalidFilterKey", `The filter key ${unknown[0]} is not valid.`);
  return filters;
}

function fits(call: Call, { id }: Instance, information: InstanceInformation, key: string, value: string): boolean {
  const tags = ec2Slice(call).tags[id] ?? {};
  if (key.startsWith("tag:")) return tags[key.slice(4)] === value;
  switch (key) {
    case "InstanceIds":
      return id === value;
    case "tag-key":
      return value in tags;
    case "PlatformTypes":
      return information.PlatformType === value;
    default:
      return information[key as keyof InstanceInformation] === value;
  }
}

function informationOf(call: Call, instance: Instance): InstanceInformation {
  const { onlineFrom = call.now } = ssmState(call).agents[instance.id]!;
  const version = image(call, instance.imageId)?.name.startsWith("amzn2") ? "2" : "2023";
  const online = instance.state === "running";
  return {
    InstanceId: instance.id,
    PingStatus: online ? "Online" : "ConnectionLost",
    LastPingDateTime: new Date(online ? call.now : onlineFrom),
    AgentVersion: AGENT_VERSION,
    IsLatestVersion: false,
    PlatformType: "Linux",
    PlatformName: "Amazon Linux",
    PlatformVersion: version,
    ResourceType: "EC2Instance",
    IPAddress: instance.privateIp,
    ComputerName: `ip-${instance.privateIp.replaceAll(".", "-")}.${call.region}.compute.internal`,
    SourceId: instance.id,
    SourceType: "AWS::EC2::Instance",
  };
}
