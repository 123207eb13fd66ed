import { CreateLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import { GetCommandInvocationCommand, ListCommandsCommand } from "@aws-sdk/client-ssm";
import { beforeEach, describe, expect, it } from "vitest";
import { classify } from "../../src/aws/errors.ts";
import { type CommandInputs, command } from "../../src/steps/command.ts";
import { contextOf, early, type Lab, lab, make, seeker, settle } from "./harness.ts";
import { builder } from "./network.ts";

it("is waited for as long as SSM lets its script run, and no less", () => {
  const timeoutMs = command.timeoutMs!({
    ...{ instanceId: "i-0", script: "", logGroupName: "l" },
    timeoutSeconds: 7_200,
  });
  expect(timeoutMs).toBeGreaterThan(7_200_000);
});

describe("command", () => {
  let world: Lab;
  let inputs: CommandInputs;

  beforeEach(async () => {
    world = lab();
    const logGroupName = "/bootstrap/lab";
    await world.cloud.logs.send(new CreateLogGroupCommand({ logGroupName }));
    inputs = {
      instanceId: await builder(world),
      script: "set -e\ndnf install -y lustre-client\n\necho done",
      logGroupName,
      timeoutSeconds: 1800,
    };
  });

  const placed = (change: Partial<CommandInputs> = {}) => ({ inputs: { ...inputs, ...change }, node: "provision" });

  it("sends the script line by line, with its time limit, to the environment's log group", async () => {
    const before = world.calls.length;
    await make(world, command, placed());
    expect(world.writesSince(before)).toEqual(["SendCommand"]);
    expect(world.calls.find(({ operation }) => operation === "SendCommand")!.input).toMatchObject({
      DocumentName: "AWS-RunShellScript",
      InstanceIds: [inputs.instanceId],
      CloudWatchOutputConfig: { CloudWatchLogGroupName: "/bootstrap/lab", CloudWatchOutputEnabled: true },
    });
    const { Commands } = await world.cloud.ssm.send(new ListCommandsCommand({}));
    expect(Commands![0]!.Parameters).toEqual({
      commands: ["set -e", "dnf install -y lustre-client", "", "echo done"],
      executionTimeout: ["1800"],
    });
  });

  it.each([
    ["the connection breaks", { reset: "after" }],
    ["AWS failed", { error: { code: "InternalServerError", message: "try later", status: 500, done: true } }],
    ["something on the way answered", { error: { code: "BadGateway", status: 502, done: true } }],
  ] as const)("is sent once, whatever becomes of the answer: %s", async (_case, fault) => {
    world.faults.push({ operation: "SendCommand", ...fault });
    const context = contextOf(world, command, placed());
    await expect(early(world, () => command.create(context))).rejects.toSatisfy(
      (error) => classify(error) === "unknown",
    );
    world.faults.length = 0;
    expect((await settle(world, command, context)).token).toBe(context.token.slice(-8));
    expect((await world.cloud.ssm.send(new ListCommandsCommand({}))).Commands).toHaveLength(1);
  });

  it.each([400, 503])("is sent again where AWS only said, with HTTP %i, that it is too much", async (status) => {
    world.faults.push({ operation: "SendCommand", nth: 1, error: { code: "ThrottlingException", status } });
    await make(world, command, placed());
    expect(world.calls.filter(({ operation }) => operation === "SendCommand")).toHaveLength(2);
  });

  it("is waited for, though not as long as one at work, in a state whose name nobody knows", async () => {
    const { context } = await make(world, command, placed());
    world.faults.push({ operation: "ListCommands", answer: { words: { Success: "Thawing" }, member: "Status" } });
    const [found] = await command.find(context);
    expect(found).toMatchObject({ state: "pending", unsure: true, detail: expect.stringContaining("Thawing") });
  });

  it("is found by its comment, with the fingerprint and the attempt it was sent in", async () => {
    const { context, ref, found } = await make(world, command, placed());
    expect(found).toMatchObject({ ref, node: "provision", owned: true, fingerprint: context.fingerprint });
    expect(found.token).toBe(context.token.slice(-8));
    expect(found.output.commandId).toBe(ref);
    expect(found.output.lastLines.length).toBeGreaterThan(0);
  });

  it("has a comment that AWS takes even with the longest names", async () => {
    const name = "a".repeat(24);
    await make(world, command, { ...placed(), name, node: "container-image-provision" });
  });

  it("is not looked for without the instance it ran on", async () => {
    const { context } = await make(world, command, placed());
    const before = world.calls.length;
    expect(await command.find(seeker(context, "provision"))).toEqual([]);
    expect(world.calls.length).toBe(before);
  });

  it("does not take the command of another node or environment for its own", async () => {
    const { context } = await make(world, command, placed());
    expect(await command.find({ ...context, node: "other" })).toEqual([]);
    expect(await command.find({ ...context, name: "la" })).toEqual([]);
  });

  it("shows the newest only, when it was sent more than once", async () => {
    await make(world, command, placed());
    await world.clock.sleep(60_000);
    const { context, ref } = await make(world, command, placed({ script: "echo again" }));
    expect((await command.find(context)).map((found) => found.ref)).toEqual([ref]);
  });

  it("fails in the script's own words, with its exit code", async () => {
    world.faults.push({
      service: "ssm",
      operation: "SendCommand",
      fate: { kind: "fail", reason: "lustre: module does not load" },
    });
    const context = contextOf(world, command, placed());
    await early(world, () => command.create(context));
    await expect(settle(world, command, context)).rejects.toThrow(/exit code \d+: .*lustre: module does not load/s);
  });

  it("is pending while the invocation cannot be read yet", async () => {
    const context = contextOf(world, command, placed());
    await early(world, () => command.create(context));
    world.faults.push({ operation: "GetCommandInvocation", error: { code: "InvocationDoesNotExist" } });
    await world.clock.sleep(30 * 60_000);
    expect((await command.find(context))[0]!.state).toBe("pending");
  });

  it("is pending while the invocation does not tell of the end that the list knows", async () => {
    const context = contextOf(world, command, placed());
    await early(world, () => command.create(context));
    await world.clock.sleep(30 * 60_000);
    world.cloud.ssm.middlewareStack.add((next, { commandName }) => async (args) => {
      const answer = await next(args);
      if (commandName === "GetCommandInvocationCommand") {
        Object.assign(answer.output as object, { Status: "InProgress", StandardOutputContent: "" });
      }
      return answer;
    });
    expect((await command.find(context))[0]).toMatchObject({ state: "pending", output: { lastLines: [] } });
  });

  it("tells each line of the log once", async () => {
    const context = contextOf(world, command, placed());
    await early(world, () => command.create(context));
    const lines: string[] = [];
    let cursor: string | undefined;
    for (;;) {
      const [found] = await command.find(context);
      if (found) {
        const tail = await command.tail!(context, found, cursor);
        lines.push(...tail.lines);
        cursor = tail.cursor;
        if (found.state !== "pending") break;
      }
      await world.clock.sleep(3_000);
    }
    const { StandardOutputContent } = await world.cloud.ssm.send(
      new GetCommandInvocationCommand({
        CommandId: (await command.find(context))[0]!.ref,
        InstanceId: inputs.instanceId,
      }),
    );
    expect(lines).toEqual(StandardOutputContent!.trimEnd().split("\n"));
  });

  it("says once that logs are refused, asks no more, and tells the end of the output when it is done", async () => {
    const { context, found } = await make(world, command, placed());
    const running = { ...found, state: "pending" } as const;
    world.faults.push({ operation: "GetLogEvents", error: { code: "AccessDeniedException", message: "no" } });
    const { lines, cursor } = await command.tail!(context, running, undefined);
    expect(lines).toEqual([expect.stringContaining("logs are refused")]);
    const before = world.calls.length;
    expect(await command.tail!(context, running, cursor)).toEqual({ lines: [], cursor });
    expect(await command.tail!(context, found, cursor)).toEqual({ lines: found.output.lastLines, cursor });
    expect(world.calls.length).toBe(before);
  });

  it("waits for a log stream that is not there yet, and does without one that never came", async () => {
    const { context, found } = await make(world, command, placed());
    world.faults.push({ operation: "GetLogEvents", error: { code: "ResourceNotFoundException" } });
    const running = { ...found, state: "pending" } as const;
    expect(await command.tail!(context, running, "here")).toEqual({ lines: [], cursor: "here" });
    expect(await command.tail!(context, found, "here")).toEqual({ lines: found.output.lastLines, cursor: "here" });
  });

  it("takes the end of a long output from the log, because AWS keeps only its beginning", async () => {
    const words = (count: number) => Array.from({ length: count }, (_, at) => `echo line ${at} ${"x".repeat(100)}`);
    const { found } = await make(world, command, placed({ script: [...words(400), "echo the very end"].join("\n") }));
    expect(found.output.lastLines.at(-1)).toBe("the very end");
  });
});
