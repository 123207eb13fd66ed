import { type Call, Refusal } from "../../service.ts";
import { publicAddress, releaseInterfaces } from "./interfaces.ts";
import { instances, subnets } from "./kinds.ts";
import { ec2Slice, type Instance } from "./slice.ts";
import { releaseVolumes } from "./volumes.ts";

const SHUTTING_DOWN_MS = [30_000, 120_000] as const;
const STOPPING_MS = [20_000, 60_000] as const;
const STARTING_MS = [10_000, 30_000] as const;
/** A terminated instance can be seen for an hour; its client token keeps naming it for a day. */
const SEEN_MS = 3600_000;
const TOKEN_MS = 24 * 3600_000;

export function settleInstances(call: Call): void {
  const slice = ec2Slice(call);
  for (const instance of Object.values(slice.instances)) {
    // One that came up and was told to stop or end meanwhile passes through several states at once.
    while (instance.nextAt !== undefined && instance.nextAt <= call.now) step(call, instance, instance.nextAt);
    if (instance.terminatedAt === undefined || instance.terminatedAt + SEEN_MS > call.now) continue;
    delete slice.tags[instance.id];
    if (instance.token === undefined || instance.launchedAt + TOKEN_MS <= call.now) {
      delete slice.instances[instance.id];
      delete slice.tokens[`RunInstances ${instance.token}`];
    }
  }
}

/** What Describe still shows. */
export function isSeen({ now }: Call, { visibleFrom, terminatedAt }: Instance): boolean {
  return visibleFrom <= now && (terminatedAt === undefined || terminatedAt + SEEN_MS > now);
}

function step(call: Call, instance: Instance, at: number): void {
  instance.nextAt = undefined;
  switch (instance.state) {
    case "pending":
      if (instance.doom !== undefined) {
        const [code = "", message = ""] = instance.doom.split(/: (.*)/s);
        instance.reason =
          message === "" ? { code: "Server.InternalError", message: code } : { code, message: instance.doom };
        end(call, instance, at);
        return;
      }
      instance.state = "running";
      instance.runningAt = at;
      return;
    case "stopping":
      instance.state = "stopped";
      return;
    case "shutting-down":
      end(call, instance, at);
      return;
    default:
      return;
  }
}

function end(call: Call, instance: Instance, at: number): void {
  instance.state = "terminated";
  instance.terminatedAt = at;
  instance.publicIp = undefined;
  releaseInterfaces(call, [instance.interfaceId]);
  releaseVolumes(call, instance);
}

/** Ends instances, whoever asks; one that has ended stays as it is. */
export function terminate(call: Call, ids: readonly string[], reason = "User initiated"): void {
  for (const instance of found(call, ids)) {
    if (instance.state === "terminated" || instance.state === "shutting-down") continue;
    instance.reason = { code: "Client.UserInitiatedShutdown", message: `Client.UserInitiatedShutdown: ${reason}` };
    instance.state = "shutting-down";
    instance.nextAt = call.now + call.between(...SHUTTING_DOWN_MS);
  }
}

export function stop(call: Call, ids: readonly string[]): void {
  for (const instance of found(call, ids)) {
    if (instance.state === "stopped" || instance.state === "stopping") continue;
    if (instance.state !== "running") throw wrongState(instance, "stopped");
    if (instance.spotRequestId !== undefined) {
      throw new Refusal(
        "UnsupportedOperation",
        `You can't stop the Spot Instance '${instance.id}' because it is associated with a one-time request.`,
      );
    }
    instance.reason = {
      code: "Client.UserInitiatedShutdown",
      message: "Client.UserInitiatedShutdown: User initiated shutdown",
    };
    instance.state = "stopping";
    instance.publicIp = undefined;
    instance.nextAt = call.now + call.between(...STOPPING_MS);
  }
}

export function start(call: Call, ids: readonly string[]): void {
  for (const instance of found(call, ids)) {
    if (instance.state === "running" || instance.state === "pending") continue;
    if (instance.state !== "stopped") throw wrongState(instance, "started");
    instance.reason = undefined;
    instance.state = "pending";
    instance.launchedAt = call.now;
    if (subnets.find(call, instance.subnetId)?.mapsPublicIp) instance.publicIp = publicAddress(call);
    instance.nextAt = call.now + call.between(...STARTING_MS);
  }
}

export function reboot(call: Call, ids: readonly string[]): void {
  for (const instance of found(call, ids)) {
    if (instance.state !== "running") throw wrongState(instance, "rebooted");
    instance.rebootedAt = call.now;
  }
}

/** The instances, all or none: one unknown id refuses the whole request. */
export function found(call: Call, ids: readonly string[]): Instance[] {
  const lost = ids.filter((id) => {
    const instance = instances.find(call, id);
    return instance === undefined || !isSeen(call, instance);
  });
  if (lost.length > 0) throw instances.missing(lost);
  return ids.map((id) => instances.get(call, id));
}

function wrongState({ id }: Instance, verb: string): Refusal {
  return new Refusal("IncorrectInstanceState", `The instance '${id}' is not in a state from which it can be ${verb}.`);
}
