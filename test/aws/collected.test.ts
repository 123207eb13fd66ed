import {
  DescribeJobDefinitionsCommand,
  DescribeJobQueuesCommand,
  RegisterJobDefinitionCommand,
} from "@aws-sdk/client-batch";
import { CreateLaunchTemplateCommand, paginateDescribeLaunchTemplates } from "@aws-sdk/client-ec2";
import { CreateRepositoryCommand, DescribeRepositoriesCommand } from "@aws-sdk/client-ecr";
import { expect, it } from "vitest";
import { orNothing } from "../../src/aws/errors.ts";
import { listed } from "../../src/aws/pages.ts";
import { type Lab, lab } from "../steps/harness.ts";

const operations = ({ calls }: Lab, since = 0) => calls.slice(since).map(({ operation }) => operation);

async function withRepositories(...names: readonly string[]): Promise<Lab> {
  const made = lab();
  for (const repositoryName of names) await made.cloud.ecr.send(new CreateRepositoryCommand({ repositoryName }));
  return made;
}

const repository = ({ cloud }: Lab, name: string) =>
  cloud.ecr.send(new DescribeRepositoriesCommand({ repositoryNames: [name] }));

it("what is asked for one by one in one turn is one call, and each has its own", async () => {
  const made = await withRepositories("a/one", "a/two", "a/three");
  const since = made.calls.length;
  const names = ["a/three", "a/one", "a/two", "a/one"];
  const answers = await Promise.all(names.map((name) => repository(made, name)));
  expect(answers.map(({ repositories }) => repositories!.map(({ repositoryName }) => repositoryName))).toEqual(
    names.map((name) => [name]),
  );
  expect(operations(made, since)).toEqual(["DescribeRepositories"]);
});

it("what is asked for alone, or of which no name is given, goes as it is", async () => {
  const made = await withRepositories("a/one", "a/two");
  const since = made.calls.length;
  await repository(made, "a/one");
  await Promise.all([repository(made, "a/two"), made.cloud.ecr.send(new DescribeRepositoriesCommand({}))]);
  expect(made.calls.slice(since).map(({ input }) => input)).toEqual([
    { repositoryNames: ["a/one"] },
    {},
    { repositoryNames: ["a/two"] },
  ]);
});

it("one that is not there fails none of the others", async () => {
  const made = await withRepositories("a/one", "a/two");
  const since = made.calls.length;
  const names = ["a/one", "a/none", "a/two"];
  const answers = await Promise.all(names.map((name) => orNothing(repository(made, name))));
  expect(answers.map((answer) => answer?.repositories?.[0]?.repositoryName)).toEqual(["a/one", undefined, "a/two"]);
  expect(operations(made, since)).toHaveLength(4);
  await expect(Promise.all(["a/none", "a/one"].map((name) => repository(made, name)))).rejects.toThrow("a/none");
});

it("a trouble of AWS's own is everybody's, and not asked about once for each", async () => {
  const made = await withRepositories("a/one", "a/two");
  made.faults.push({ operation: "DescribeRepositories", error: { code: "ServerException", status: 500 } });
  const since = made.calls.length;
  const answers = await Promise.allSettled(["a/one", "a/two"].map((name) => repository(made, name)));
  expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(operations(made, since).length).toBe(8);
});

it("a queue that is not there is an empty list for the one who asked", async () => {
  const made = lab();
  const ask = (name: string) => made.cloud.batch.send(new DescribeJobQueuesCommand({ jobQueues: [name] }));
  const answers = await Promise.all(["one", "two"].map(ask));
  expect(answers.map(({ jobQueues }) => jobQueues)).toEqual([[], []]);
  expect(operations(made)).toEqual(["DescribeJobQueues"]);
});

it("launch templates are asked for by one filter, and those by a pattern by themselves", async () => {
  const made = lab();
  const { ec2 } = made.cloud;
  for (const LaunchTemplateName of ["lab", "lab_a", "lab_b"]) {
    await ec2.send(new CreateLaunchTemplateCommand({ LaunchTemplateName, LaunchTemplateData: { KeyName: "k" } }));
  }
  made.clock.advance(60_000);
  const since = made.calls.length;
  const ask = async (name: string) => {
    const asked = { Filters: [{ Name: "launch-template-name", Values: [name] }] };
    const all = await listed(paginateDescribeLaunchTemplates({ client: ec2 }, asked), (page) => page.LaunchTemplates);
    return all.map(({ LaunchTemplateName }) => LaunchTemplateName).sort();
  };
  expect(await Promise.all(["lab_b", "lab_*", "lab", "none"].map(ask))).toEqual([
    ["lab_b"],
    ["lab_a", "lab_b"],
    ["lab"],
    [],
  ]);
  expect(operations(made, since)).toEqual(["DescribeLaunchTemplates", "DescribeLaunchTemplates"]);
});

it("the account's job definitions are looked through for many names, unless they are too many", async () => {
  const made = lab();
  const { batch } = made.cloud;
  const register = (jobDefinitionName: string) =>
    batch.send(
      new RegisterJobDefinitionCommand({
        ...{ jobDefinitionName, type: "container" },
        containerProperties: {
          image: "busybox:1",
          resourceRequirements: [
            { type: "VCPU", value: "1" },
            { type: "MEMORY", value: "512" },
          ],
        },
      }),
    );
  const names = Array.from({ length: 8 }, (_, at) => `lab-${at}`);
  for (const name of names) await register(name);
  await register("lab-0");
  const revisions = async () => {
    const since = made.calls.length;
    const ask = (jobDefinitionName: string) =>
      batch.send(new DescribeJobDefinitionsCommand({ jobDefinitionName, status: "ACTIVE" }));
    const answers = await Promise.all(names.map(ask));
    expect(answers.map(({ jobDefinitions }) => jobDefinitions!.length)).toEqual([2, 1, 1, 1, 1, 1, 1, 1]);
    return operations(made, since).length;
  };
  expect(await revisions()).toBe(1);
  for (let other = 0; other < 100; other++) await register(`other-${other}`);
  expect(await revisions()).toBe(1 + names.length);
});
