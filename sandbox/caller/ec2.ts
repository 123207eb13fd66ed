import type { LaunchTemplateSpecification, RunInstancesRequest, TagSpecification } from "@aws-sdk/client-ec2";
import type { Call } from "../service.ts";
import { ec2Slice } from "../services/ec2/slice.ts";
import { toTagMap } from "../services/key-value-tags.ts";
import { ANYTHING, alike, type Demand, passingProfile, type Table, tagsOfRequest, tagsOfResource } from "./demands.ts";

interface OfThings {
  readonly GroupId?: string;
  readonly GroupName?: string;
  readonly ImageId?: string;
  readonly InstanceId?: string;
  readonly InstanceIds?: readonly string[];
  readonly LaunchTemplateId?: string;
  readonly LaunchTemplateName?: string;
  readonly SnapshotId?: string;
  readonly VolumeId?: string;
  readonly VpcId?: string;
  readonly DeleteAssociatedSnapshots?: boolean;
  readonly Resources?: readonly string[];
  readonly Tags?: readonly { readonly Key?: string; readonly Value?: string }[];
  readonly TagSpecifications?: readonly TagSpecification[];
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html */
export const ec2: Table = {
  ...alike(
    [
      "DescribeAvailabilityZones",
      "DescribeImages",
      "DescribeInstanceStatus",
      "DescribeInstanceTypeOfferings",
      "DescribeInstanceTypes",
      "DescribeInstances",
      "DescribeInternetGateways",
      "DescribeLaunchTemplateVersions",
      "DescribeLaunchTemplates",
      "DescribeNetworkInterfaces",
      "DescribeNatGateways",
      "DescribeRegions",
      "DescribeRouteTables",
      "DescribeSecurityGroupRules",
      "DescribeSecurityGroups",
      "DescribeSnapshots",
      "DescribeSubnets",
      "DescribeTags",
      "DescribeVolumes",
      "DescribeVpcEndpoints",
      "DescribeVpcs",
      "GetEbsDefaultKmsKeyId",
      "GetEbsEncryptionByDefault",
      "ModifyEbsDefaultKmsKeyId",
      "ResetEbsDefaultKmsKeyId",
    ],
    ANYTHING,
  ),
  // What people build a network with: each thing that is named, or else one that is to be made.
  ...alike(
    [
      "AssociateRouteTable",
      "AttachInternetGateway",
      "CreateInternetGateway",
      "CreateNatGateway",
      "CreateRoute",
      "CreateRouteTable",
      "CreateSubnet",
      "CreateVpc",
      "CreateVpcEndpoint",
      "DeleteInternetGateway",
      "DeleteNatGateway",
      "DeleteRoute",
      "DeleteRouteTable",
      "DeleteSubnet",
      "DeleteVpc",
      "DeleteVpcEndpoints",
      "DetachInternetGateway",
      "DisassociateRouteTable",
      "ModifyAvailabilityZoneGroup",
      "ModifySubnetAttribute",
      "ModifyVpcAttribute",
      "ReplaceRoute",
      "ReplaceRouteTableAssociation",
    ],
    (input: Readonly<Record<string, unknown>>, call) => {
      const named = Object.entries(input).flatMap(([member, value]) =>
        /Ids?$/.test(member) ? [value].flat().map((id) => on(call, String(id))) : [],
      );
      return named.length > 0 ? named : ANYTHING;
    },
  ),

  DescribeVpcAttribute: ({ VpcId = "" }: OfThings, call: Call) => [on(call, VpcId)],

  ...alike(
    [
      "DescribeInstanceAttribute",
      "GetConsoleOutput",
      "ModifyInstanceAttribute",
      "ModifyInstanceMetadataOptions",
      "RebootInstances",
      "StartInstances",
      "StopInstances",
      "TerminateInstances",
    ],
    ({ InstanceId, InstanceIds = InstanceId ? [InstanceId] : [] }: OfThings, call) =>
      InstanceIds.map((id) => on(call, id)),
  ),
  RunInstances: (input: RunInstancesRequest, call: Call) => running(input, call),

  ...alike(
    [
      "AuthorizeSecurityGroupEgress",
      "AuthorizeSecurityGroupIngress",
      "DeleteSecurityGroup",
      "RevokeSecurityGroupEgress",
      "RevokeSecurityGroupIngress",
    ],
    ({ GroupId = "" }: OfThings, call) => [on(call, GroupId)],
  ),
  CreateSecurityGroup: ({ VpcId, TagSpecifications = [] }: OfThings, call: Call) => [
    made(call, "security-group", TagSpecifications),
    on(call, VpcId ?? Object.values(ec2Slice(call).vpcs).find(({ isDefault }) => isDefault)?.id ?? ""),
    ...tagging(call, "CreateSecurityGroup", TagSpecifications),
  ],

  CreateImage: ({ InstanceId = "", TagSpecifications = [] }: OfThings, call: Call) => [
    on(call, InstanceId),
    made(call, "image", TagSpecifications),
    made(call, "snapshot", TagSpecifications),
    ...tagging(call, "CreateImage", TagSpecifications),
  ],
  DisableImage: ({ ImageId = "" }: OfThings, call: Call) => [on(call, ImageId)],
  DeregisterImage: ({ ImageId = "", DeleteAssociatedSnapshots }: OfThings, call: Call) => [
    on(call, ImageId),
    ...(DeleteAssociatedSnapshots ? (ec2Slice(call).images[ImageId]?.devices ?? []) : []).map(({ snapshotId }) => ({
      ...on(call, snapshotId),
      action: "ec2:DeleteSnapshot",
    })),
  ],
  DeleteSnapshot: ({ SnapshotId = "" }: OfThings, call: Call) => [on(call, SnapshotId)],
  DeleteVolume: ({ VolumeId = "" }: OfThings, call: Call) => [on(call, VolumeId)],

  CreateLaunchTemplate: ({ TagSpecifications = [] }: OfThings, call: Call) => [
    made(call, "launch-template", TagSpecifications),
    ...tagging(call, "CreateLaunchTemplate", TagSpecifications),
  ],
  ...alike(
    ["CreateLaunchTemplateVersion", "DeleteLaunchTemplate", "DeleteLaunchTemplateVersions", "ModifyLaunchTemplate"],
    (input: OfThings, call) => [on(call, templateId(input, call))],
  ),

  CreateTags: ({ Resources = [], Tags = [] }: OfThings, call: Call) =>
    Resources.map((id) => {
      const { resource, keys } = on(call, id);
      return { resource, keys: { ...keys, ...tagsOfRequest(toTagMap(Tags)) } };
    }),
  DeleteTags: ({ Resources = [] }: OfThings, call: Call) => Resources.map((id) => on(call, id)),
};

/** Each thing that a launch uses or makes is asked for by itself, and so are its tags and its role. */
function running(input: RunInstancesRequest, call: Call): readonly Demand[] {
  const { LaunchTemplate, NetworkInterfaces = [] } = input;
  const data = LaunchTemplate && templateData(LaunchTemplate, call);
  const specifications = [
    ...(input.TagSpecifications ?? []),
    ...((data?.TagSpecifications ?? []) as TagSpecification[]),
  ];
  const subnetId = input.SubnetId ?? NetworkInterfaces[0]?.SubnetId ?? data?.NetworkInterfaces?.[0]?.SubnetId;
  const groups = [
    ...(input.SecurityGroupIds ?? []),
    ...NetworkInterfaces.flatMap(({ Groups = [] }) => Groups),
    ...(data?.SecurityGroupIds ?? []),
  ];
  const profile = input.IamInstanceProfile ?? data?.IamInstanceProfile;
  return [
    on(call, input.ImageId ?? data?.ImageId ?? ""),
    ...(subnetId === undefined ? [] : [on(call, subnetId)]),
    ...groups.map((id) => on(call, id)),
    ...(LaunchTemplate ? [on(call, templateId(LaunchTemplate, call))] : []),
    made(call, "instance", specifications),
    made(call, "network-interface", specifications),
    made(call, "volume", specifications),
    ...passingProfile(call, profile?.Arn ?? profile?.Name),
    ...tagging(call, "RunInstances", specifications),
  ];
}

/** ARN types by the prefix of an id; AWS's images and snapshots belong to no account. */
const TYPES: Readonly<Record<string, string>> = {
  ami: "image",
  eni: "network-interface",
  i: "instance",
  igw: "internet-gateway",
  lt: "launch-template",
  nat: "natgateway",
  rtb: "route-table",
  sg: "security-group",
  sgr: "security-group-rule",
  snap: "snapshot",
  subnet: "subnet",
  vol: "volume",
  vpc: "vpc",
  vpce: "vpc-endpoint",
};

function arnOf({ partition, region, account }: Call, type: string, id: string): string {
  const owner = type === "image" || type === "snapshot" ? "" : account;
  return `arn:${partition}:ec2:${region}:${owner}:${type}/${id}`;
}

function on(call: Call, id: string): Demand {
  const type = TYPES[id.split("-", 1)[0] ?? ""] ?? "*";
  const keys = { "ec2:Region": call.region, ...tagsOfResource(ec2Slice(call).tags[id], "ec2:ResourceTag") };
  return { resource: arnOf(call, type, id), keys };
}

/** Something that is to be made, with the tags it is to have. */
function made(call: Call, type: string, specifications: readonly TagSpecification[]): Demand {
  const tags = specifications.find(({ ResourceType }) => ResourceType === type)?.Tags;
  return { resource: arnOf(call, type, "*"), keys: { "ec2:Region": call.region, ...tagsOfRequest(toTagMap(tags)) } };
}

/** Tags in a call that makes something take a right of their own, which knows what makes it. */
function tagging(call: Call, operation: string, specifications: readonly TagSpecification[] = []): readonly Demand[] {
  return specifications.flatMap(({ ResourceType: type = "", Tags = [] }) => {
    if (Tags.length === 0) return [];
    const { resource, keys } = made(call, type, specifications);
    return [{ action: "ec2:CreateTags", resource, keys: { ...keys, "ec2:CreateAction": operation } }];
  });
}

function templateId({ LaunchTemplateId, LaunchTemplateName }: LaunchTemplateSpecification, call: Call): string {
  if (LaunchTemplateId !== undefined) return LaunchTemplateId;
  const { templates } = ec2Slice(call);
  return Object.values(templates).find(({ name }) => name === LaunchTemplateName)?.id ?? "lt-";
}

function templateData(asked: LaunchTemplateSpecification, call: Call) {
  const template = ec2Slice(call).templates[templateId(asked, call)];
  const number = /^\d+$/.test(asked.Version ?? "")
    ? Number(asked.Version)
    : asked.Version === "$Latest"
      ? template?.versions.at(-1)?.number
      : template?.defaultVersion;
  return template?.versions.find((version) => version.number === number)?.data;
}
