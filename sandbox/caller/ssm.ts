import type { Call } from "../service.ts";
import { ec2Slice } from "../services/ec2/slice.ts";
import { ANYTHING, alike, type Table, tagsOfResource } from "./demands.ts";

interface OfParameters {
  readonly Name?: string;
  readonly Names?: readonly string[];
  readonly Path?: string;
}

interface OfCommand {
  readonly Name?: string;
  readonly DocumentName?: string;
  readonly InstanceIds?: readonly string[];
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html */
export const ssm: Table = {
  ...alike(
    ["CancelCommand", "DescribeInstanceInformation", "GetCommandInvocation", "ListCommandInvocations", "ListCommands"],
    ANYTHING,
  ),
  GetParameter: ({ Name = "" }: OfParameters, call: Call) => [{ resource: parameterArn(call, Name) }],
  GetParameters: ({ Names = [] }: OfParameters, call: Call) =>
    Names.map((name) => ({ resource: parameterArn(call, name) })),
  GetParametersByPath: ({ Path = "" }: OfParameters, call: Call) => [{ resource: parameterArn(call, Path) }],
  DescribeDocument: ({ Name = "" }: OfCommand, call: Call) => [{ resource: documentArn(call, Name) }],
  SendCommand: ({ DocumentName = "", InstanceIds = [] }: OfCommand, call: Call) => [
    { resource: documentArn(call, DocumentName) },
    ...InstanceIds.map((id) => ({
      resource: `arn:${call.partition}:ec2:${call.region}:${call.account}:instance/${id}`,
      keys: tagsOfResource(ec2Slice(call).tags[id], "ssm:resourceTag"),
    })),
  ],
};

/** AWS's own parameters belong to no account. */
function parameterArn({ partition, region, account }: Call, name: string): string {
  return `arn:${partition}:ssm:${region}:${name.startsWith("/aws/") ? "" : account}:parameter/${name.replace(/^\//, "")}`;
}

/** Nor do AWS's own documents. */
function documentArn({ partition, region, account }: Call, name: string): string {
  return `arn:${partition}:ssm:${region}:${name.startsWith("AWS-") ? "" : account}:document/${name}`;
}
