import type { Parameter } from "@aws-sdk/client-ssm";
import { type Call, Refusal } from "../../service.ts";
import { type BaseImage, ecsImages } from "../ec2/base-images.ts";
import { paged, type SsmOperations } from "./state.ts";

const ROOT = "/aws/service/ecs/optimized-ami/";

interface PublicParameter {
  readonly name: string;
  readonly value: string;
  readonly version: number;
  readonly changedAt: number;
}

export const parameterOperations = {
  GetParameter(input, call) {
    const found = find(publicParameters(call), input.Name!);
    // AWS sends no message with this one.
    if (found === undefined) throw new Refusal("ParameterNotFound", "");
    return { Parameter: shown(call, found) };
  },

  GetParameters(input, call) {
    const all = publicParameters(call);
    const found = input.Names!.map((name) => ({ name, parameter: find(all, name) }));
    return {
      Parameters: call.shuffled(found.flatMap(({ parameter }) => (parameter ? [shown(call, parameter)] : []))),
      InvalidParameters: found.flatMap(({ name, parameter }) => (parameter ? [] : [name])),
    };
  },

  GetParametersByPath(input, call) {
    const path = input.Path!.endsWith("/") ? input.Path! : `${input.Path}/`;
    const below = publicParameters(call).filter(
      ({ name }) => name.startsWith(path) && (input.Recursive || !name.slice(path.length).includes("/")),
    );
    const { items, next } = paged(call, { ...input, MaxResults: input.MaxResults ?? 10 }, below, ({ name }) => name);
    return { Parameters: items.map((parameter) => shown(call, parameter)), ...next };
  },
} satisfies SsmOperations;

/** The newest image of each variant under `recommended`, as JSON and member by member. */
function publicParameters(call: Call): readonly PublicParameter[] {
  const all = ecsImages(call);
  const newestOf = new Map(all.map((image) => [image.variant, image]));
  return [...newestOf.values()].flatMap((newest) => {
    const name = `${ROOT}${newest.variant}/recommended`;
    const members = membersOf(newest);
    const version = all.filter(({ variant }) => variant === newest.variant).length;
    const rest = { version, changedAt: newest.publishedAt };
    return [
      { name, value: JSON.stringify(members), ...rest },
      ...Object.entries(members).map(([key, value]) => ({ name: `${name}/${key}`, value: String(value), ...rest })),
    ];
  });
}

function membersOf(image: BaseImage) {
  return {
    ecs_agent_version: image.agentVersion,
    ecs_runtime_version: `Docker version ${image.dockerVersion}`,
    image_id: image.id,
    image_name: image.name,
    image_version: image.name.split(".").at(-1)?.slice(0, 8) ?? "",
    os: image.os,
    schema_version: 1,
    source_image_name: image.name.replace("-ecs-", "-minimal-"),
  };
}

function find(parameters: readonly PublicParameter[], name: string): PublicParameter | undefined {
  const path = name.replace(/^arn:[^:]+:ssm:[^:]+:[^:]*:parameter/, "");
  return parameters.find((parameter) => parameter.name === path);
}

function shown({ partition, region }: Call, { name, value, version, changedAt }: PublicParameter): Parameter {
  return {
    Name: name,
    Type: "String",
    Value: value,
    Version: version,
    LastModifiedDate: new Date(changedAt),
    // Public parameters belong to no account.
    ARN: `arn:${partition}:ssm:${region}::parameter${name}`,
    DataType: name.endsWith("/image_id") ? "aws:ec2:image" : "text",
  };
}
