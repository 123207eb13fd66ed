import type { Tag } from "@aws-sdk/client-fsx";
import type { Call } from "../service.ts";
import { ec2Slice } from "../services/ec2/slice.ts";
import { fsxState } from "../services/fsx/state.ts";
import { toTagMap } from "../services/key-value-tags.ts";
import {
  ANYTHING,
  alike,
  type Demand,
  serviceLinkedRole,
  type Table,
  tagsOfRequest,
  tagsOfResource,
} from "./demands.ts";

interface OfFileSystem {
  readonly FileSystemId?: string;
  readonly ResourceARN?: string;
  readonly SubnetIds?: readonly string[];
  readonly Tags?: Tag[];
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonfsx.html */
export const fsx: Table = {
  ...alike(["DescribeFileSystems", "DescribeDataRepositoryAssociations", "DescribeDataRepositoryTasks"], ANYTHING),
  ...alike(["UpdateFileSystem", "DeleteFileSystem"], ({ FileSystemId = "" }: OfFileSystem, call) => [
    onFileSystem(call, FileSystemId),
  ]),
  CreateFileSystem: ({ SubnetIds = [], Tags }: OfFileSystem, call: Call) => {
    const keys = tagsOfRequest(toTagMap(Tags));
    const resource = arnOf(call, "file-system/*");
    const vpcId = ec2Slice(call).subnets[SubnetIds[0] ?? ""]?.vpcId ?? "*";
    return [
      { resource, keys },
      ...(Tags?.length ? [{ action: "fsx:TagResource", resource, keys }] : []),
      {
        action: "ec2:GetSecurityGroupsForVpc",
        resource: `arn:${call.partition}:ec2:${call.region}:${call.account}:vpc/${vpcId}`,
      },
      ...serviceLinkedRole(call, "fsx.amazonaws.com"),
    ];
  },
  ...alike(
    ["TagResource", "UntagResource", "ListTagsForResource"],
    ({ ResourceARN = "", Tags }: OfFileSystem, call) => [
      withTags(onFileSystem(call, ResourceARN.split("/").at(-1) ?? "", ResourceARN), Tags),
    ],
  ),
  CreateDataRepositoryAssociation: ({ FileSystemId = "", Tags }: OfFileSystem, call: Call) =>
    onPart(call, FileSystemId, `association/${FileSystemId}/*`, Tags),
  CreateDataRepositoryTask: ({ FileSystemId = "", Tags }: OfFileSystem, call: Call) =>
    onPart(call, FileSystemId, "task/*", Tags),
  DeleteDataRepositoryAssociation: (_input: never, call: Call) => [{ resource: arnOf(call, "association/*") }],
  CancelDataRepositoryTask: (_input: never, call: Call) => [{ resource: arnOf(call, "task/*") }],
};

function arnOf({ partition, region, account }: Call, resource: string): string {
  return `arn:${partition}:fsx:${region}:${account}:${resource}`;
}

function onFileSystem(call: Call, id: string, resource = arnOf(call, `file-system/${id}`)): Demand {
  return { resource, keys: tagsOfResource(fsxState(call).fileSystems[id]?.tags) };
}

function withTags(demand: Demand, tags: Tag[] | undefined): Demand {
  return { ...demand, keys: { ...demand.keys, ...tagsOfRequest(toTagMap(tags)) } };
}

/** What is made on a file system takes a right on both. */
function onPart(call: Call, fileSystemId: string, part: string, tags: Tag[] | undefined): readonly Demand[] {
  const resource = arnOf(call, part);
  const keys = tagsOfRequest(toTagMap(tags));
  return [
    onFileSystem(call, fileSystemId),
    { resource, keys },
    ...(tags?.length ? [{ action: "fsx:TagResource", resource, keys }] : []),
  ];
}
