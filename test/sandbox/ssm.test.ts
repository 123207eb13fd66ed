import {
  CreateLogGroupCommand,
  DeleteLogGroupCommand,
  DescribeLogGroupsCommand,
  DescribeLogStreamsCommand,
  GetLogEventsCommand,
  ListTagsForResourceCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { StopInstancesCommand, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { CreateRepositoryCommand, DescribeImagesCommand } from "@aws-sdk/client-ecr";
import { AttachRolePolicyCommand, DeleteRolePolicyCommand } from "@aws-sdk/client-iam";
import {
  CancelCommandCommand,
  DescribeDocumentCommand,
  DescribeInstanceInformationCommand,
  GetCommandInvocationCommand,
  GetParameterCommand,
  GetParametersByPathCommand,
  type GetParametersByPathCommandOutput,
  GetParametersCommand,
  ListCommandInvocationsCommand,
  ListCommandsCommand,
  type ListCommandsCommandInput,
  SendCommandCommand,
  type SendCommandCommandInput,
} from "@aws-sdk/client-ssm";
import { beforeEach, describe, expect, it } from "vitest";
import { render } from "../../src/render/templates.ts";
import {
  allow,
  ECS_NODE,
  profile,
  runInstance,
  type ServiceLab,
  SSM_CORE,
  serviceLab,
  wordsOf,
} from "./service-lab.ts";

let lab: ServiceLab;

beforeEach(() => {
  lab = serviceLab();
});

async function onlineIds(instanceId: string): Promise<string[]> {
  const { InstanceInformationList } = await lab.ssm.send(
    new DescribeInstanceInformationCommand({ Filters: [{ Key: "InstanceIds", Values: [instanceId] }] }),
  );
  return InstanceInformationList!.filter(({ PingStatus }) => PingStatus === "Online").map((each) => each.InstanceId!);
}

/** An instance whose agent is online, with what its role may do besides. */
async function online(managed: readonly string[] = [], inline?: string): Promise<string> {
  const id = await runInstance(lab, await profile(lab, "builder", [SSM_CORE, ...managed], inline));
  lab.pass(40);
  await onlineIds(id);
  lab.pass(91);
  expect(await onlineIds(id)).toEqual([id]);
  return id;
}

async function send(instanceId: string, script: string, input: Partial<SendCommandCommandInput> = {}): Promise<string> {
  const { Command } = await lab.ssm.send(
    new SendCommandCommand({
      DocumentName: "AWS-RunShellScript",
      InstanceIds: [instanceId],
      Parameters: { commands: script.split("\n") },
      ...input,
    }),
  );
  return Command!.CommandId!;
}

function result(InstanceId: string, CommandId: string) {
  return lab.ssm.send(new GetCommandInvocationCommand({ CommandId, InstanceId }));
}

describe("public parameters", () => {
  const root = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended";

  it("name the newest ECS-optimized image, bare or in JSON", async () => {
    const get = async (Name: string) => (await lab.ssm.send(new GetParameterCommand({ Name }))).Parameter!;
    const bare = await get(`${root}/image_id`);
    const whole = JSON.parse((await get(root)).Value!) as Record<string, unknown>;
    expect(bare.Value).toMatch(/^ami-[0-9a-f]{17}$/);
    expect(whole).toMatchObject({ image_id: bare.Value, schema_version: 1 });
    expect(bare.ARN).toBe(`arn:aws:ssm:us-east-1::parameter${root}/image_id`);
    lab.pass(15 * 86_400);
    const newer = await get(`${root}/image_id`);
    expect(newer.Value).not.toBe(bare.Value);
    expect(newer.Version).toBe(bare.Version! + 1);
  });

  it("that do not exist are an error alone and a list among others", async () => {
    expect(await wordsOf(lab.ssm.send(new GetParameterCommand({ Name: "/none" })))).toMatch(/^ParameterNotFound/);
    const Names = [`${root}/image_id`, "/none"];
    const { Parameters, InvalidParameters } = await lab.ssm.send(new GetParametersCommand({ Names }));
    expect(Parameters!.map(({ Name }) => Name)).toEqual([Names[0]]);
    expect(InvalidParameters).toEqual(["/none"]);
  });

  it("are found by path, in pages", async () => {
    const names: string[] = [];
    let NextToken: string | undefined;
    do {
      const page: GetParametersByPathCommandOutput = await lab.ssm.send(
        new GetParametersByPathCommand({ Path: root, NextToken, MaxResults: 3 }),
      );
      names.push(...page.Parameters!.map(({ Name }) => Name!.slice(root.length + 1)));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    expect(names).toContain("image_id");
    expect(names).toContain("ecs_agent_version");
  });
});

describe("an instance's agent", () => {
  it("is online 20 to 90 seconds after the start, and a command before is refused", async () => {
    const id = await runInstance(lab, await profile(lab, "builder", [SSM_CORE]));
    expect(await onlineIds(id)).toEqual([]);
    expect(await wordsOf(send(id, "echo hi"))).toBe(
      `InvalidInstanceId: Instances [[${id}]] not in a valid state for account 123456789012`,
    );
    lab.pass(10 + 19);
    expect(await onlineIds(id)).toEqual([]);
    lab.pass(30 + 91);
    expect(await onlineIds(id)).toEqual([id]);
  });

  it("never is without the right, and is soon after it got it", async () => {
    const id = await runInstance(lab, await profile(lab, "node", [ECS_NODE]));
    lab.pass(3_600);
    expect(await onlineIds(id)).toEqual([]);
    const PolicyArn = `arn:aws:iam::aws:policy/${SSM_CORE}`;
    await lab.iam.send(new AttachRolePolicyCommand({ RoleName: "node", PolicyArn }));
    expect(await onlineIds(id)).toEqual([]);
    lab.pass(91);
    expect(await onlineIds(id)).toEqual([id]);
  });

  it("needs a profile at all", async () => {
    const id = await runInstance(lab);
    lab.pass(600);
    expect(await onlineIds(id)).toEqual([]);
  });

  it("never shows up when its fate says so", async () => {
    lab.faults.push({ service: "ssm", operation: "DescribeInstanceInformation", fate: { kind: "never" } });
    const id = await runInstance(lab, await profile(lab, "builder", [SSM_CORE]));
    lab.pass(3_600);
    await onlineIds(id);
    lab.pass(3_600);
    expect(await onlineIds(id)).toEqual([]);
  });
});

describe("a command", () => {
  it("is not there for a moment, then runs, then succeeds with what its script prints", async () => {
    const id = await online();
    const commandId = await send(id, "set -e\ndnf install -y lustre-client xfsprogs\necho 'hello world'");
    expect(await wordsOf(result(id, commandId))).toMatch(/^InvocationDoesNotExist/);
    lab.pass(3);
    expect(await result(id, commandId)).toMatchObject({
      Status: "InProgress",
      ResponseCode: -1,
      StandardOutputContent: "",
    });
    lab.pass(180);
    const done = await result(id, commandId);
    expect(done).toMatchObject({ Status: "Success", ResponseCode: 0, StandardErrorContent: "" });
    expect(done.StandardOutputContent).toMatch(/Installing : lustre-client-[\s\S]*Complete!\nhello world\n$/);
    expect(done.ExecutionElapsedTime).toMatch(/^PT([12]M)?\d/);
  });

  it("that only says a word is over in seconds", async () => {
    const id = await online();
    const commandId = await send(id, "echo hi");
    lab.pass(7);
    expect(await result(id, commandId)).toMatchObject({ Status: "Success", StandardOutputContent: "hi\n" });
  });

  it("fails as its script exits", async () => {
    const id = await online();
    const commandId = await send(id, "echo before\nexit 3\necho after");
    lab.pass(7);
    expect(await result(id, commandId)).toMatchObject({
      Status: "Failed",
      ResponseCode: 3,
      StandardOutputContent: "before\n",
      StandardErrorContent: "failed to run commands: exit status 3",
    });
  });

  it("takes as long as it sleeps", async () => {
    const id = await online();
    const commandId = await send(id, "sleep 600");
    lab.pass(590);
    expect((await result(id, commandId)).Status).toBe("InProgress");
    lab.pass(20);
    expect((await result(id, commandId)).Status).toBe("Success");
  });

  it("is refused when it holds more than a document may", async () => {
    const id = await online();
    expect(await wordsOf(send(id, `echo ${"x".repeat(64 * 1024)}`))).toMatch(/^MaxDocumentSizeExceeded/);
  });

  it("fails as its fate says, the reason in the last lines of stderr", async () => {
    const id = await online();
    const reason = "bootstrap: provision failed: there is no mkfs.xfs";
    lab.faults.push({ operation: "SendCommand", nth: 1, fate: { kind: "fail", reason } });
    const commandId = await send(id, "yum install -y x\necho done");
    lab.pass(200);
    const done = await result(id, commandId);
    expect(done).toMatchObject({ Status: "Failed", ResponseCode: 1 });
    expect(done.StandardErrorContent!.split("\n").slice(-2)).toEqual([reason, "failed to run commands: exit status 1"]);
    expect(done.StandardOutputContent).not.toMatch(/done/);
  });

  it("is cut at its execution timeout", async () => {
    const id = await online();
    const Parameters = { commands: ["dnf install -y x"], executionTimeout: ["30"] };
    const commandId = await send(id, "", { Parameters });
    lab.pass(34);
    expect(await result(id, commandId)).toMatchObject({ Status: "TimedOut", StatusDetails: "Execution Timed Out" });
  });

  it("on an instance that ends stays in progress until its time is over", async () => {
    const id = await online();
    const Parameters = { commands: ["dnf install -y x"], executionTimeout: ["600"] };
    const commandId = await send(id, "", { Parameters });
    lab.pass(5);
    await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    lab.pass(300);
    expect((await result(id, commandId)).Status).toBe("InProgress");
    lab.pass(310);
    expect((await result(id, commandId)).Status).toBe("TimedOut");
  });

  it("can be cancelled", async () => {
    const id = await online();
    const CommandId = await send(id, "dnf install -y x");
    lab.pass(5);
    await lab.ssm.send(new CancelCommandCommand({ CommandId }));
    expect((await result(id, CommandId)).Status).toBe("Cancelling");
    lab.pass(7);
    expect((await result(id, CommandId)).Status).toBe("Cancelled");
  });

  it("gives 24,000 characters of its output and no more", async () => {
    const id = await online();
    const commandId = await send(
      id,
      Array.from({ length: 700 }, (_, index) => `echo ${"x".repeat(50)}${index}`).join("\n"),
    );
    lab.pass(7);
    const { StandardOutputContent = "" } = await result(id, commandId);
    expect(StandardOutputContent).toHaveLength(24_000);
    expect(StandardOutputContent).toMatch(/---Output truncated---$/);
    const { CommandInvocations } = await lab.ssm.send(
      new ListCommandInvocationsCommand({ CommandId: commandId, Details: true }),
    );
    expect(CommandInvocations![0]!.CommandPlugins![0]!.Output).toHaveLength(2_500);
  });

  it("is listed newest first, by instance, status and time", async () => {
    const id = await online();
    const first = await send(id, "echo 1", { Comment: "lab provision 1" });
    lab.pass(60);
    const second = await send(id, "echo 2", { Comment: "lab provision 2" });
    lab.pass(3);
    const list = async (input: ListCommandsCommandInput) =>
      (await lab.ssm.send(new ListCommandsCommand(input))).Commands!.map(({ CommandId }) => CommandId);
    expect(await list({ InstanceId: id })).toEqual([second, first]);
    expect(await list({ InstanceId: "i-00000000000000000" })).toEqual([]);
    const after = new Date(lab.clock.now() - 30_000).toISOString();
    expect(await list({ Filters: [{ key: "InvokedAfter", value: after }] })).toEqual([second]);
    lab.pass(60);
    expect(await list({ Filters: [{ key: "Status", value: "Success" }] })).toEqual([second, first]);
  });

  it("must be of a document and with parameters that AWS has", async () => {
    const id = await online();
    expect(await wordsOf(send(id, "echo", { DocumentName: "AWS-Nothing" }))).toMatch(/^InvalidDocument/);
    expect(await wordsOf(send(id, "echo", { Parameters: { command: ["echo"] } }))).toMatch(/^InvalidParameters/);
    expect(await wordsOf(send(id, "echo", { Comment: "x".repeat(101) }))).toMatch(/^ValidationException/);
    expect(await wordsOf(send(id, "echo", { TimeoutSeconds: 29 }))).toMatch(/^ValidationException/);
    const { Document } = await lab.ssm.send(new DescribeDocumentCommand({ Name: "AWS-RunShellScript" }));
    expect(Document!.Status).toBe("Active");
  });
});

describe("what a script prints", () => {
  async function printed(script: string): Promise<string> {
    const id = await online();
    const commandId = await send(id, script);
    lab.pass(200);
    const done = await result(id, commandId);
    expect(done.Status).toBe("Success");
    return done.StandardOutputContent!;
  }

  it("is what the lines at its margin say by themselves, and nothing of what a shell would have to decide", async () => {
    const script = [
      "set -euo pipefail",
      "say() {",
      "  echo 'from a function'",
      "}",
      "say",
      "if false; then",
      "  exit 3",
      "fi",
      "echo plain words",
      'echo "$unknown"',
      "echo quiet >/dev/null",
      "yum -y install a b",
    ].join("\n");
    expect(await printed(script)).toMatch(
      /^plain words\nLast metadata.*\n.*\n {2}Installing : a-\S+ {2}1\/2\n[\s\S]*Complete!\n$/,
    );
  });

  it.each(["al2023", "al2"] as const)("of the bake on %s are its packages, its checks and its kernel", async (os) => {
    const values = { os, packages: ["xfsprogs", "mdadm"], modules: ["lustre"], tools: ["lfs", "mdadm"] };
    const text = await printed(render("bake/provision.sh", { ...values, nodeFiles: [], logTailLines: 40 }));
    expect(text).toMatch(/Installing : lustre-client-[\s\S]*Installing : xfsprogs-[\s\S]*Complete!\n/);
    expect(text).toContain("\nbootstrap: checked: modules lustre; tools lfs mdadm\n");
    expect(text).toMatch(os === "al2" ? /kernel 5\.10\.\S+amzn2\.x86_64\n$/ : /kernel 6\.1\.\S+amzn2023\.x86_64\n$/);
  });
});

describe("a command's output in CloudWatch Logs", () => {
  const logGroupName = "/bootstrap/lab";
  const CloudWatchOutputConfig = { CloudWatchOutputEnabled: true, CloudWatchLogGroupName: logGroupName };
  const groupArn = `arn:aws:logs:us-east-1:123456789012:log-group:${logGroupName}:*`;
  const mayLog = allow(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], groupArn);
  const script = "dnf install -y a b c\necho done";

  async function lines(commandId: string, id: string): Promise<string[]> {
    const logStreamName = `${commandId}/${id}/aws-runShellScript/stdout`;
    const events = await lab.logs.send(new GetLogEventsCommand({ logGroupName, logStreamName, startFromHead: true }));
    return events.events!.map(({ message }) => message!);
  }

  it("appears line by line while the script runs", async () => {
    await lab.logs.send(new CreateLogGroupCommand({ logGroupName }));
    const id = await online([], mayLog);
    const commandId = await send(id, script, { CloudWatchOutputConfig });
    lab.pass(45);
    const some = await lines(commandId, id);
    expect(some.length).toBeGreaterThan(0);
    expect(some).not.toContain("done");
    lab.pass(180);
    const all = await lines(commandId, id);
    expect(all.slice(0, some.length)).toEqual(some);
    expect(all.at(-1)).toBe("done");
  });

  it.each([
    ["write it", undefined],
    ["make the group, though it is there", allow(["logs:CreateLogStream", "logs:PutLogEvents"], groupArn)],
  ])("does not appear without the right to %s", async (_what, policy) => {
    await lab.logs.send(new CreateLogGroupCommand({ logGroupName }));
    const id = await online([], policy);
    const commandId = await send(id, script, { CloudWatchOutputConfig });
    lab.pass(200);
    expect((await result(id, commandId)).Status).toBe("Success");
    const { logStreams } = await lab.logs.send(new DescribeLogStreamsCommand({ logGroupName }));
    expect(logStreams).toEqual([]);
  });

  it.each(["terminated", "stopped"])(
    "is sent once more while its machine is being %s, to a group made anew",
    async (how) => {
      await lab.logs.send(new CreateLogGroupCommand({ logGroupName, tags: { ours: "yes" } }));
      const id = await online([], mayLog);
      const commandId = await send(id, script, { CloudWatchOutputConfig });
      lab.pass(20);
      expect((await lines(commandId, id)).length).toBeGreaterThan(0);
      const InstanceIds = [id];
      if (how === "stopped") await lab.ec2.send(new StopInstancesCommand({ InstanceIds }));
      else await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds }));
      await lab.logs.send(new DeleteLogGroupCommand({ logGroupName }));
      const groups = async () => (await lab.logs.send(new DescribeLogGroupsCommand({}))).logGroups!;
      expect(await groups()).toEqual([]);
      lab.pass(125);
      const [again, ...others] = await groups();
      expect([again?.logGroupName, again?.retentionInDays, others]).toEqual([logGroupName, undefined, []]);
      const resourceArn = again!.logGroupArn!;
      expect((await lab.logs.send(new ListTagsForResourceCommand({ resourceArn }))).tags).toEqual({});
      await lab.logs.send(new DeleteLogGroupCommand({ logGroupName }));
      lab.pass(600);
      expect(await groups()).toEqual([]);
    },
  );

  it("is not sent once more by a machine whose role may not make the group any longer", async () => {
    await lab.logs.send(new CreateLogGroupCommand({ logGroupName }));
    const id = await online([], mayLog);
    await send(id, script, { CloudWatchOutputConfig });
    lab.pass(20);
    await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    await lab.logs.send(new DeleteLogGroupCommand({ logGroupName }));
    await lab.iam.send(new DeleteRolePolicyCommand({ RoleName: "builder", PolicyName: "inline" }));
    lab.pass(125);
    expect((await lab.logs.send(new DescribeLogGroupsCommand({}))).logGroups).toEqual([]);
  });

  it("makes the group where it is missing", async () => {
    const id = await online([], mayLog);
    const commandId = await send(id, script, { CloudWatchOutputConfig });
    lab.pass(200);
    expect((await lines(commandId, id)).at(-1)).toBe("done");
  });
});

describe("a script that pushes an image", () => {
  const host = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
  const repositoryName = "lab/bcl2fastq";
  const image = `${host}/${repositoryName}:v4`;
  const script = render("bake/image.sh", {
    ...{ registry: host, region: "us-east-1", repository: repositoryName, image, platform: "linux/amd64" },
    ...{ buildArgs: [], contextBase64: "", packageUri: "" },
  });
  const plain = `docker login ${host}\ndocker build --tag ${image} .\ndocker push ${image}`;
  const PUSH = "AmazonEC2ContainerRegistryPowerUser";

  it("has pushed it when it succeeds, and prints its digest", async () => {
    await lab.ecr.send(new CreateRepositoryCommand({ repositoryName, imageTagMutability: "IMMUTABLE" }));
    const id = await online([PUSH]);
    const commandId = await send(id, script);
    const look = () => lab.ecr.send(new DescribeImagesCommand({ repositoryName, imageIds: [{ imageTag: "v4" }] }));
    lab.pass(30);
    expect(await wordsOf(look())).toMatch(/^ImageNotFoundException/);
    lab.pass(180);
    const { imageDetails } = await look();
    const { StandardOutputContent } = await result(id, commandId);
    expect(StandardOutputContent).toContain("Login Succeeded");
    expect(StandardOutputContent!.trim().split("\n").at(-1)).toBe(`digest: ${imageDetails![0]!.imageDigest}`);

    const again = await send(id, plain);
    lab.pass(200);
    expect(await result(id, again)).toMatchObject({
      Status: "Failed",
      StandardErrorContent: expect.stringMatching(/^tag invalid: The image tag 'v4' already exists/),
    });
  });

  it("that asks the registry first pushes nothing twice", async () => {
    await lab.ecr.send(new CreateRepositoryCommand({ repositoryName, imageTagMutability: "IMMUTABLE" }));
    const id = await online([PUSH]);
    const outputs = [];
    for (let turn = 0; turn < 2; turn++) {
      const commandId = await send(id, script);
      lab.pass(200);
      const { Status, StandardOutputContent } = await result(id, commandId);
      outputs.push(
        `${Status} ${StandardOutputContent!.includes("Pushed")} ${StandardOutputContent!.includes("in the registry already")}`,
      );
    }
    expect(outputs).toEqual(["Success true false", "Success false true"]);
  });

  it("fails in docker's words when its role may not push", async () => {
    await lab.ecr.send(new CreateRepositoryCommand({ repositoryName }));
    const id = await online(["AmazonEC2ContainerRegistryReadOnly"]);
    const commandId = await send(id, script);
    lab.pass(200);
    const { Status, StandardErrorContent } = await result(id, commandId);
    expect(Status).toBe("Failed");
    expect(StandardErrorContent).toMatch(
      /^denied: User: arn:aws:sts::123456789012:assumed-role\/builder\/i-\w+ is not/,
    );
  });

  it("fails when there is no such repository", async () => {
    const id = await online([PUSH]);
    const commandId = await send(id, script);
    lab.pass(200);
    expect((await result(id, commandId)).StandardErrorContent).toMatch(/^name unknown: The repository with name/);
  });
});
