import type {
  DeleteLaunchTemplateVersionsResponseErrorItem,
  DeleteLaunchTemplateVersionsResponseSuccessItem,
  LaunchTemplate as DescribedTemplate,
  LaunchTemplateVersion as DescribedVersion,
  RequestLaunchTemplateData,
  ResponseLaunchTemplateData,
} from "@aws-sdk/client-ec2";
import { isVisible } from "../../collection.ts";
import { type Call, Refusal } from "../../service.ts";
import { launchTemplates } from "./kinds.ts";
import { dateOf, listed, soon } from "./listing.ts";
import type { Ec2Operations, LaunchTemplate, TemplateVersion } from "./slice.ts";
import { setTags, specifiedTags, tagListOf } from "./tags.ts";
import { onceForToken } from "./tokens.ts";
import { checkUserData } from "./user-data.ts";

/** A version by number, `$Latest` or `$Default`; refused like AWS when the template or the version is not there. */
export function launchTemplateVersion(
  call: Call,
  idOrName: { readonly id?: string | undefined; readonly name?: string | undefined },
  version = "$Default",
): { readonly template: LaunchTemplate; readonly version: TemplateVersion } {
  const template = mustFind(call, idOrName.id, idOrName.name);
  return { template, version: versionOf(template, version) };
}

export const launchTemplateOperations = {
  CreateLaunchTemplate(input, call) {
    const { LaunchTemplateName: name = "", VersionDescription, LaunchTemplateData: data = {} } = input;
    const tags = specifiedTags(input.TagSpecifications, ["launch-template"])("launch-template");
    const [id = ""] = onceForToken(call, "CreateLaunchTemplate", input, () => {
      if (!/^[a-zA-Z0-9().\-/_]{3,128}$/.test(name)) {
        const words =
          "Launch template name must be between 3 and 128 characters, and may contain letters, numbers, " +
          "and ( ) . - / _";
        throw new Refusal("InvalidLaunchTemplateName.MalformedException", words);
      }
      if (launchTemplates.all(call).some((template) => template.name === name)) {
        throw new Refusal("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.");
      }
      checkData(data);
      const made = call.id("lt-");
      launchTemplates.add(call, made, {
        id: made,
        name,
        createdAt: call.now,
        visibleFrom: soon(call, 1_000),
        defaultVersion: 1,
        lastNumber: 1,
        versions: [{ number: 1, description: VersionDescription, createdAt: call.now, data }],
      });
      setTags(call, made, tags);
      return [made];
    });
    return { LaunchTemplate: described(call, mustFind(call, id, undefined)) };
  },

  CreateLaunchTemplateVersion(input, call) {
    const template = mustFind(call, input.LaunchTemplateId, input.LaunchTemplateName);
    const [number = ""] = onceForToken(call, "CreateLaunchTemplateVersion", input, () => {
      const base = input.SourceVersion === undefined ? {} : versionOf(template, input.SourceVersion).data;
      const data = { ...base, ...input.LaunchTemplateData };
      checkData(data);
      template.lastNumber += 1;
      const made: TemplateVersion = {
        number: template.lastNumber,
        description: input.VersionDescription,
        createdAt: call.now,
        visibleFrom: call.now + call.unseenMs,
        data,
      };
      template.versions.push(made);
      return [String(made.number)];
    });
    return { LaunchTemplateVersion: describedVersion(call, template, versionOf(template, number)) };
  },

  ModifyLaunchTemplate(input, call) {
    const template = mustFind(call, input.LaunchTemplateId, input.LaunchTemplateName);
    if (input.DefaultVersion !== undefined) template.defaultVersion = versionOf(template, input.DefaultVersion).number;
    return { LaunchTemplate: described(call, template) };
  },

  DescribeLaunchTemplates(input, call) {
    const byId = launchTemplates.chosen(call, input.LaunchTemplateIds);
    const lost = input.LaunchTemplateNames?.find((name) => !byId.some((template) => template.name === name));
    if (lost !== undefined) throw nameMissing(lost);
    const named = byId.filter(({ name }) => !input.LaunchTemplateNames || input.LaunchTemplateNames.includes(name));
    const { items, nextToken } = listed(
      call,
      input,
      named,
      {
        "create-time": ({ createdAt }) => dateOf(createdAt).toISOString(),
        "launch-template-name": ({ name }) => name,
      },
      [1, 200],
    );
    return { LaunchTemplates: items.map((template) => described(call, template)), NextToken: nextToken };
  },

  DescribeLaunchTemplateVersions(input, call) {
    const { LaunchTemplateId, LaunchTemplateName, Versions, MinVersion, MaxVersion } = input;
    const ofAll = LaunchTemplateId === undefined && LaunchTemplateName === undefined;
    if (ofAll && !Versions?.every((version) => version.startsWith("$"))) {
      const words = "A launch template ID or name is required unless only $Latest and $Default versions are asked for";
      throw new Refusal("MissingParameter", words);
    }
    const templates = ofAll ? launchTemplates.visible(call) : [mustFind(call, LaunchTemplateId, LaunchTemplateName)];
    const all = templates.flatMap((template) => {
      const wanted = Versions?.length
        ? [...new Set(Versions.map((version) => versionOf(template, version)))]
        : template.versions.filter(
            (version) =>
              isVisible(call, version) &&
              version.number >= Number(MinVersion ?? 0) &&
              version.number <= Number(MaxVersion ?? Infinity),
          );
      return wanted.map((version) => ({ id: `${template.id} ${versionKey(version.number)}`, template, version }));
    });
    const { items, nextToken } = listed(
      call,
      input,
      all,
      {
        "create-time": ({ version }) => dateOf(version.createdAt).toISOString(),
        "iam-instance-profile": ({ version }) =>
          version.data.IamInstanceProfile?.Arn ?? version.data.IamInstanceProfile?.Name,
        "image-id": ({ version }) => version.data.ImageId,
        "instance-type": ({ version }) => version.data.InstanceType,
        "is-default-version": ({ template, version }) => template.defaultVersion === version.number,
      },
      [1, 200],
    );
    return {
      LaunchTemplateVersions: items.map(({ template, version }) => describedVersion(call, template, version)),
      NextToken: nextToken,
    };
  },

  DeleteLaunchTemplate(input, call) {
    const template = mustFind(call, input.LaunchTemplateId, input.LaunchTemplateName);
    const answer = { LaunchTemplate: described(call, template) };
    launchTemplates.remove(call, template.id);
    return answer;
  },

  DeleteLaunchTemplateVersions(input, call) {
    const template = mustFind(call, input.LaunchTemplateId, input.LaunchTemplateName);
    const { Versions: versions = [] } = input;
    if (versions.length > 200) {
      throw new Refusal("InvalidParameterValue", "You can delete up to 200 launch template versions in one request.");
    }
    const deleted: DeleteLaunchTemplateVersionsResponseSuccessItem[] = [];
    const failed: DeleteLaunchTemplateVersionsResponseErrorItem[] = [];
    for (const version of versions) {
      const number = Number(version);
      const item = { LaunchTemplateId: template.id, LaunchTemplateName: template.name, VersionNumber: number };
      if (!template.versions.some((each) => each.number === number)) {
        const Message = `Could not find launch template version ${version}`;
        failed.push({ ...item, ResponseError: { Code: "launchTemplateVersionDoesNotExist", Message } });
      } else if (number === template.defaultVersion) {
        const Message = "Cannot delete the default version of a launch template";
        failed.push({ ...item, ResponseError: { Code: "unexpectedError", Message } });
      } else {
        template.versions = template.versions.filter((each) => each.number !== number);
        deleted.push(item);
      }
    }
    return {
      SuccessfullyDeletedLaunchTemplateVersions: deleted,
      UnsuccessfullyDeletedLaunchTemplateVersions: failed,
    };
  },
} satisfies Ec2Operations;

function mustFind(call: Call, id: string | undefined, name: string | undefined): LaunchTemplate {
  if ((id === undefined) === (name === undefined)) {
    const words = "You must specify either a launch template ID or a launch template name, but not both.";
    throw new Refusal("InvalidParameterCombination", words);
  }
  if (id !== undefined) return launchTemplates.get(call, id);
  const template = launchTemplates.all(call).find((each) => each.name === name);
  if (template === undefined) throw nameMissing(name);
  return template;
}

function nameMissing(name = ""): Refusal {
  const words = `The specified launch template, with template name ${name}, does not exist.`;
  return new Refusal("InvalidLaunchTemplateName.NotFoundException", words);
}

function versionOf({ id, versions, defaultVersion }: LaunchTemplate, wanted: string): TemplateVersion {
  const number =
    wanted === "$Latest" ? latest(versions) : wanted === "$Default" ? defaultVersion : Number(wanted || Number.NaN);
  const version = versions.find((each) => each.number === number);
  if (version !== undefined) return version;
  const words = `Could not find the specified version ${wanted} for the launch template with ID ${id}.`;
  throw new Refusal("InvalidLaunchTemplateId.VersionNotFound", words);
}

function latest(versions: readonly TemplateVersion[]): number {
  return Math.max(...versions.map(({ number }) => number));
}

/** Pages follow each other newest first, as AWS lists versions. */
function versionKey(number: number): string {
  return String(1_000_000 - number).padStart(7, "0");
}

function checkData({ UserData, ImageId }: RequestLaunchTemplateData): void {
  if (UserData !== undefined) checkUserData(UserData);
  if (ImageId !== undefined && !/^(ami-[0-9a-f]{8,17}|resolve:ssm:.+)$/.test(ImageId)) {
    throw new Refusal("InvalidAMIID.Malformed", `Invalid id: "${ImageId}" (expecting "ami-...")`);
  }
}

function described(call: Call, template: LaunchTemplate): DescribedTemplate {
  return {
    LaunchTemplateId: template.id,
    LaunchTemplateName: template.name,
    CreateTime: dateOf(template.createdAt),
    CreatedBy: createdBy(call),
    DefaultVersionNumber: template.defaultVersion,
    LatestVersionNumber: latest(template.versions),
    Tags: tagListOf(call, template.id),
  };
}

function describedVersion(
  call: Call,
  { id, name, defaultVersion }: LaunchTemplate,
  version: TemplateVersion,
): DescribedVersion {
  return {
    LaunchTemplateId: id,
    LaunchTemplateName: name,
    VersionNumber: version.number,
    VersionDescription: version.description,
    CreateTime: dateOf(version.createdAt),
    CreatedBy: createdBy(call),
    DefaultVersion: version.number === defaultVersion,
    LaunchTemplateData: responseData(version.data),
  };
}

/** The answer's shape is the request's, but for a date that was kept as text. */
function responseData(data: RequestLaunchTemplateData): ResponseLaunchTemplateData {
  const until = data.InstanceMarketOptions?.SpotOptions?.ValidUntil;
  const { InstanceMarketOptions: market, ...rest } = data;
  return {
    ...(rest as ResponseLaunchTemplateData),
    ...(market && {
      InstanceMarketOptions: {
        ...market,
        ...(market.SpotOptions && {
          SpotOptions: { ...market.SpotOptions, ValidUntil: until === undefined ? undefined : new Date(until) },
        }),
      },
    }),
  };
}

function createdBy({ partition, account }: Call): string {
  return `arn:${partition}:iam::${account}:user/sandbox`;
}
