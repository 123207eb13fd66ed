import { createHash } from "node:crypto";
import type { Instance as DescribedInstance } from "@aws-sdk/client-ec2";
import { type Call, Refusal } from "../../service.ts";
import { consoleOutput } from "./console-output.ts";
import { image } from "./images.ts";
import { found, isSeen, reboot, start, stop, terminate } from "./instance-life.ts";
import { instances, namedGroups, volumes } from "./kinds.ts";
import { runInstances } from "./launch.ts";
import { chosen, dateOf, listed } from "./listing.ts";
import { zoneIdOf } from "./regions.ts";
import { type Ec2Operations, ec2Slice, type Instance, type InstanceState } from "./slice.ts";
import { tagListOf } from "./tags.ts";
import { onceForToken } from "./tokens.ts";

const CODES: Readonly<Record<InstanceState, number>> = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

/** How long after `running` the status checks have passed. */
const CHECKED_MS = 120_000;
const MOST_INSTANCES = 1000;

export const instanceOperations = {
  RunInstances(input, call) {
    const { MinCount = 1, MaxCount = 1 } = input;
    if (MinCount < 1 || MaxCount < MinCount || MaxCount > MOST_INSTANCES) {
      const words = `Value (${MinCount}) for parameter minCount is invalid. It must be 1 to maxCount.`;
      throw new Refusal("InvalidParameterValue", words);
    }
    const ids = onceForToken(call, "RunInstances", input, () => {
      return runInstances(call, input, input.DryRun ? undefined : call.fate).map(({ id }) => id);
    });
    const made = ids.flatMap((id) => instances.find(call, id) ?? []);
    return {
      ReservationId: made[0]?.reservationId,
      OwnerId: call.account,
      Groups: [],
      Instances: made.map((instance) => described(call, instance)),
    };
  },

  DescribeInstances(input, call) {
    if (input.InstanceIds?.length && input.MaxResults !== undefined) {
      const words = "The parameter instancesSet cannot be used with the parameter maxResults";
      throw new Refusal("InvalidParameterCombination", words);
    }
    const { items, nextToken } = listed(call, input, seen(call, input.InstanceIds), {
      architecture: ({ architecture }) => architecture,
      "availability-zone": ({ zone }) => zone,
      "block-device-mapping.volume-id": ({ devices }) => devices.map(({ volumeId }) => volumeId),
      "client-token": ({ token }) => token,
      "iam-instance-profile.arn": ({ profileArn }) => profileArn,
      "image-id": ({ imageId }) => imageId,
      "instance-id": ({ id }) => id,
      "instance-lifecycle": ({ spotRequestId }) => spotRequestId && "spot",
      "instance-state-code": ({ state }) => CODES[state],
      "instance-state-name": ({ state }) => state,
      "instance-type": ({ type }) => type,
      "instance.group-id": ({ groupIds }) => groupIds,
      "instance.group-name": ({ groupIds }) => namedGroups(call, groupIds).map(({ GroupName }) => GroupName),
      "launch-time": ({ launchedAt }) => dateOf(launchedAt).toISOString(),
      "network-interface.subnet-id": ({ subnetId }) => subnetId,
      "owner-id": () => call.account,
      "private-ip-address": ({ privateIp }) => privateIp,
      "reservation-id": ({ reservationId }) => reservationId,
      "root-device-name": ({ rootDevice }) => rootDevice,
      "subnet-id": ({ subnetId }) => subnetId,
      "vpc-id": ({ vpcId }) => vpcId,
    });
    const byReservation = new Map<string, Instance[]>();
    for (const instance of items) {
      byReservation.set(instance.reservationId, [...(byReservation.get(instance.reservationId) ?? []), instance]);
    }
    return {
      Reservations: [...byReservation].map(([ReservationId, launched]) => ({
        ReservationId,
        OwnerId: call.account,
        Groups: [],
        Instances: launched.map((instance) => described(call, instance)),
      })),
      NextToken: nextToken,
    };
  },

  DescribeInstanceStatus(input, call) {
    const shown = seen(call, input.InstanceIds).filter(({ state }) => {
      return input.IncludeAllInstances || state === "running";
    });
    const { items, nextToken } = listed(call, input, shown, {
      "availability-zone": ({ zone }) => zone,
      "instance-state-code": ({ state }) => CODES[state],
      "instance-state-name": ({ state }) => state,
      "instance-status.status": (instance) => checksOf(call, instance),
      "system-status.status": (instance) => checksOf(call, instance),
    });
    return {
      InstanceStatuses: items.map((instance) => {
        const Status = checksOf(call, instance);
        const checks = {
          Status,
          Details:
            Status === "not-applicable"
              ? []
              : [
                  {
                    Name: "reachability" as const,
                    Status: Status === "ok" ? ("passed" as const) : ("initializing" as const),
                  },
                ],
        };
        return {
          InstanceId: instance.id,
          AvailabilityZone: instance.zone,
          InstanceState: stateOf(instance.state),
          InstanceStatus: checks,
          SystemStatus: checks,
        };
      }),
      NextToken: nextToken,
    };
  },

  TerminateInstances({ InstanceIds = [] }, call) {
    for (const { id, protectedFromTermination } of found(call, InstanceIds)) {
      if (!protectedFromTermination) continue;
      const words =
        `The instance '${id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and ` +
        "try again.";
      throw new Refusal("OperationNotPermitted", words);
    }
    return { TerminatingInstances: changes(call, InstanceIds, () => terminate(call, InstanceIds)) };
  },

  StopInstances: ({ InstanceIds = [] }, call) => ({
    StoppingInstances: changes(call, InstanceIds, () => stop(call, InstanceIds)),
  }),

  StartInstances: ({ InstanceIds = [] }, call) => ({
    StartingInstances: changes(call, InstanceIds, () => start(call, InstanceIds)),
  }),

  RebootInstances({ InstanceIds = [] }, call) {
    reboot(call, InstanceIds);
  },

  GetConsoleOutput({ InstanceId = "" }, call) {
    const [instance] = found(call, [InstanceId]);
    const text = consoleOutput(call, instance!, image(call, instance!.imageId));
    return {
      InstanceId,
      Timestamp: dateOf(call.now),
      Output: text === undefined ? undefined : Buffer.from(text).toString("base64"),
    };
  },

  DescribeInstanceAttribute({ InstanceId = "", Attribute }, call) {
    const [instance] = found(call, [InstanceId]);
    const { type, shutdownBehavior, protectedFromTermination, userData, rootDevice, groupIds } = instance!;
    switch (Attribute) {
      case "instanceType":
        return { InstanceId, InstanceType: { Value: type } };
      case "userData":
        return { InstanceId, UserData: { Value: userData } };
      case "disableApiTermination":
        return { InstanceId, DisableApiTermination: { Value: protectedFromTermination } };
      case "instanceInitiatedShutdownBehavior":
        return { InstanceId, InstanceInitiatedShutdownBehavior: { Value: shutdownBehavior } };
      case "rootDeviceName":
        return { InstanceId, RootDeviceName: { Value: rootDevice } };
      case "groupSet":
        return { InstanceId, Groups: groupIds.map((GroupId) => ({ GroupId })) };
      default:
        throw new Refusal("InvalidParameterValue", `Value (${Attribute}) for parameter attribute is invalid.`);
    }
  },

  ModifyInstanceAttribute(input, call) {
    const { InstanceId = "", DisableApiTermination, InstanceInitiatedShutdownBehavior: behavior } = input;
    const [instance] = found(call, [InstanceId]);
    if (DisableApiTermination?.Value === undefined && behavior?.Value === undefined) {
      const words = "The sandbox changes disableApiTermination and instanceInitiatedShutdownBehavior only.";
      throw new Refusal("UnsupportedOperation", words);
    }
    ec2Slice(call).instances[InstanceId] = {
      ...instance!,
      protectedFromTermination: DisableApiTermination?.Value ?? instance!.protectedFromTermination,
      shutdownBehavior: behavior?.Value === undefined ? instance!.shutdownBehavior : behaviorOf(behavior.Value),
    };
  },
} satisfies Ec2Operations;

function behaviorOf(value: string): Instance["shutdownBehavior"] {
  if (value === "stop" || value === "terminate") return value;
  const words = `Invalid value '${value}' for InstanceInitiatedShutdownBehavior.`;
  throw new Refusal("InvalidParameterValue", words);
}

function seen(call: Call, ids: readonly string[] | undefined): Instance[] {
  const all = instances.all(call).filter((instance) => isSeen(call, instance));
  return chosen(all, ids, instances.missing);
}

function changes(call: Call, ids: readonly string[], change: () => void) {
  const before = new Map(found(call, ids).map(({ id, state }) => [id, stateOf(state)]));
  change();
  return found(call, ids).map(({ id, state }) => ({
    InstanceId: id,
    CurrentState: stateOf(state),
    PreviousState: before.get(id),
  }));
}

function stateOf(state: InstanceState) {
  return { Code: CODES[state], Name: state };
}

function checksOf({ now }: Call, { state, runningAt = now }: Instance): "ok" | "initializing" | "not-applicable" {
  if (state !== "running") return "not-applicable";
  return now - runningAt >= CHECKED_MS ? "ok" : "initializing";
}

function described(call: Call, instance: Instance): DescribedInstance {
  const { id, privateIp, publicIp, reason, profileArn } = instance;
  const ended = instance.state === "terminated";
  const groupList = namedGroups(call, instance.groupIds);
  const domain = call.region === "us-east-1" ? "ec2" : `${call.region}.compute`;
  const hostname = `ip-${privateIp.replaceAll(".", "-")}.${domain}.internal`;
  const stamp = dateOf(instance.terminatedAt ?? call.now)
    .toISOString()
    .replace("T", " ")
    .replace(".000Z", " GMT");
  return {
    InstanceId: id,
    ImageId: instance.imageId,
    State: stateOf(instance.state),
    StateReason: reason && { Code: reason.code, Message: reason.message },
    StateTransitionReason: reason === undefined ? "" : `${reason.message.split(": ").at(-1)} (${stamp})`,
    InstanceType: instance.type as DescribedInstance["InstanceType"],
    Architecture: instance.architecture as DescribedInstance["Architecture"],
    AmiLaunchIndex: instance.launchIndex,
    ClientToken: instance.token ?? "",
    LaunchTime: dateOf(instance.launchedAt),
    Placement: {
      AvailabilityZone: instance.zone,
      AvailabilityZoneId: zoneIdOf(instance.zone),
      GroupName: "",
      Tenancy: "default",
    },
    Monitoring: { State: "disabled" },
    EbsOptimized: false,
    EnaSupport: true,
    Hypervisor: "xen",
    VirtualizationType: "hvm",
    RootDeviceName: instance.rootDevice,
    RootDeviceType: "ebs",
    PlatformDetails: "Linux/UNIX",
    UsageOperation: "RunInstances",
    InstanceLifecycle: instance.spotRequestId === undefined ? undefined : "spot",
    SpotInstanceRequestId: instance.spotRequestId,
    ProductCodes: [],
    MetadataOptions: {
      State: "applied",
      HttpTokens: instance.metadata.tokens as "required",
      HttpPutResponseHopLimit: instance.metadata.hopLimit,
      HttpEndpoint: instance.metadata.endpoint as "enabled",
      HttpProtocolIpv6: "disabled",
      InstanceMetadataTags: "disabled",
    },
    SubnetId: ended ? undefined : instance.subnetId,
    VpcId: ended ? undefined : instance.vpcId,
    PrivateIpAddress: ended ? undefined : privateIp,
    PrivateDnsName: ended ? "" : hostname,
    PublicIpAddress: publicIp,
    PublicDnsName: publicIp === undefined ? "" : publicName(call, publicIp),
    SecurityGroups: ended ? [] : groupList,
    SourceDestCheck: ended ? undefined : true,
    IamInstanceProfile:
      profileArn === undefined || ended
        ? undefined
        : {
            Arn: profileArn,
            Id: `AIPA${createHash("sha256").update(profileArn).digest("hex").slice(0, 17).toUpperCase()}`,
          },
    BlockDeviceMappings: ended
      ? []
      : instance.devices.map(({ name, volumeId, goesToo }) => ({
          DeviceName: name,
          Ebs: {
            VolumeId: volumeId,
            Status: "attached",
            AttachTime: dateOf(volumes.find(call, volumeId)?.createdAt ?? instance.launchedAt),
            DeleteOnTermination: goesToo,
          },
        })),
    NetworkInterfaces: ended
      ? []
      : [
          {
            NetworkInterfaceId: instance.interfaceId,
            SubnetId: instance.subnetId,
            VpcId: instance.vpcId,
            OwnerId: call.account,
            Status: "in-use",
            InterfaceType: "interface",
            PrivateIpAddress: privateIp,
            PrivateDnsName: hostname,
            Groups: groupList,
            Attachment: { DeviceIndex: 0, Status: "attached", DeleteOnTermination: true },
            Association: publicIp === undefined ? undefined : { PublicIp: publicIp, IpOwnerId: "amazon" },
          },
        ],
    Tags: tagListOf(call, id),
  };
}

function publicName({ region, dnsSuffix }: Call, publicIp: string): string {
  const domain = region === "us-east-1" ? "compute-1" : `${region}.compute`;
  return `ec2-${publicIp.replaceAll(".", "-")}.${domain}.${dnsSuffix}`;
}
