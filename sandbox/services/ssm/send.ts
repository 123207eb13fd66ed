import type { SendCommandCommandInput } from "@aws-sdk/client-ssm";
import { overAt } from "../../lifecycle.ts";
import { type Call, type Fate, Refusal } from "../../service.ts";
import { ec2Slice } from "../ec2/slice.ts";
import { findImage, inventImage, parseReference } from "../ecr.ts";
import { isOnline, noticeAgents } from "./agents.ts";
import { checkedParameters } from "./documents.ts";
import { outcomeOf } from "./programs.ts";
import { shownCommand } from "./shown.ts";
import { type CommandState, commands, type InvocationState, type SsmOperations } from "./state.ts";

const ECR_REFERENCE = /\b\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?\/[a-z0-9][a-z0-9._/-]*:\w[\w.-]{0,127}/g;

export const sendOperations = {
  /** A shell on a sandbox instance is not run: what the script prints and how it ends is settled here and now. */
  SendCommand(input, call) {
    const { parameters, executionTimeoutSeconds } = checkedParameters(input, call);
    const instanceIds = input.Targets?.length ? targeted(call, input.Targets) : (input.InstanceIds ?? []);
    if (instanceIds.length === 0 && !input.Targets?.length) {
      throw new Refusal("ValidationException", "At least one of InstanceIds and Targets must be specified.");
    }
    noticeAgents(call, () => undefined);
    const unready = instanceIds.filter((id) => {
      const instance = ec2Slice(call).instances[id];
      return instance === undefined || !isOnline(call, instance);
    });
    if (unready.length > 0) {
      throw new Refusal(
        "InvalidInstanceId",
        `Instances [[${unready.join(", ")}]] not in a valid state for account ${call.account}`,
      );
    }
    const script = (parameters.commands ?? []).join("\n");
    const pushes = pushesIn(script, call);
    const fate = call.fate();
    const id = call.uuid();
    const command = commands.add(call, id, {
      id,
      document: input.DocumentName!,
      comment: input.Comment ?? "",
      parameters,
      requestedAt: call.now,
      visibleFrom: call.now + call.unseenMs + call.between(500, 2_000),
      deliveryTimeoutSeconds: input.TimeoutSeconds ?? 3600,
      executionTimeoutSeconds,
      logs: input.CloudWatchOutputConfig,
      instanceIds: input.Targets?.length ? [] : instanceIds,
      targets: input.Targets ?? [],
      pushes,
      asksRegistry: /ecr\s+(describe-images|batch-get-image)/.test(script),
      invocations: instanceIds.map((id) => invocation(call, id, script, pushes, fate)),
    });
    return { Command: shownCommand(command) };
  },
} satisfies SsmOperations;

function invocation(
  call: Call,
  instanceId: string,
  script: string,
  pushes: CommandState["pushes"],
  fate: Fate | undefined,
): InvocationState {
  const reference = parseReference(pushes[0]?.image ?? "");
  const there = reference && findImage(call.in(reference.region), reference.repository, reference.tagOrDigest);
  const { stdout, exitCode, takesMs } = outcomeOf(script, { call, pushes, digestInRegistry: there?.digest });
  const startsAt = call.now + call.between(800, 2_500);
  const failed = fate?.kind === "fail";
  return {
    instanceId,
    status: "Pending",
    details: "Pending",
    startsAt,
    endsAt: overAt(call, [takesMs, takesMs], fate, startsAt),
    // One that fails got some of the way.
    stdout: failed ? stdout.slice(0, Math.ceil(stdout.length * 0.7)) : stdout,
    stderr: failed ? [fate.reason ?? "Error: Failed to download metadata for repo 'amazonlinux'"] : [],
    exitCode: failed ? Number(/exit (?:status|code) (\d+)/.exec(fate.reason ?? "")?.[1] ?? 1) : exitCode,
    logged: 0,
  };
}

function pushesIn(script: string, call: Call): CommandState["pushes"] {
  if (!/\b(docker|podman|buildah)\s+push\b/.test(script)) return [];
  return [...new Set(script.match(ECR_REFERENCE) ?? [])].map((image) => ({ image, ...inventImage(call) }));
}

function targeted(call: Call, targets: NonNullable<SendCommandCommandInput["Targets"]>): string[] {
  const { instances, tags } = ec2Slice(call);
  return Object.values(instances)
    .filter((instance) => isOnline(call, instance))
    .map(({ id }) => id)
    .filter((id) =>
      targets.every(({ Key = "", Values = [] }) =>
        Key === "InstanceIds" ? Values.includes(id) : Values.includes(tags[id]?.[Key.replace(/^tag:/, "")] ?? ""),
      ),
    );
}
