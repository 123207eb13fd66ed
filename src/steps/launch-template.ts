import {
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  DeleteLaunchTemplateCommand,
  DeleteLaunchTemplateVersionsCommand,
  type LaunchTemplate,
  type LaunchTemplateVersion,
  ModifyLaunchTemplateCommand,
  paginateDescribeLaunchTemplates,
  paginateDescribeLaunchTemplateVersions,
  type RequestLaunchTemplateData,
  type ValidationWarning,
} from "@aws-sdk/client-ec2";
import type { Cloud } from "../aws/clients.ts";
import { orNothing } from "../aws/errors.ts";
import { ENV_TAG, fromTags, IMAGE_TAG, nameFor, type Tags, tagList, tagRecord, tagsOf, tail } from "../aws/tags.ts";
import type { FindContext, Found, Step, StepContext } from "../engine/step.ts";

export interface LaunchTemplateInputs {
  /** MIME multipart, plain text, at most 14 KB: Batch merges its own parts into it. */
  readonly userData: string;
  /** The user's own, for what is launched. */
  readonly tags?: Tags | undefined;
  /** Only a tag of what is launched: the image itself is the compute environment's to choose. */
  readonly imageId: string;
  /** Beside the root volume, which is as the image has it; encrypted, and gone with the instance. */
  readonly volumes: readonly { readonly deviceName: string; readonly sizeGiB: number }[];
}

export interface LaunchTemplateOutput {
  readonly launchTemplateId: string;
  readonly launchTemplateName: string;
  /** A number, and never $Latest: Batch resolves that only once. */
  readonly version: string;
}

/** A version of the environment's one launch template; each version is a thing of its own. */
export const launchTemplate: Step<LaunchTemplateInputs, LaunchTemplateOutput, unknown, Cloud> = {
  kind: "launch-template",
  naming: "versioned",
  pace: { expectMs: 0, everyMs: 2_000, timeoutMs: 5 * 60_000 },

  async find(context) {
    const { cloud, name, node } = context;
    const names = node === undefined ? [name, `${name}_*`] : [nameFor({ name, node })];
    const templates = await templatesNamed(cloud, names);
    return (await Promise.all(templates.map((template) => foundIn(context, template)))).flat();
  },

  async create(context) {
    const { cloud, inputs, name, fingerprint, token, note } = context;
    const content = {
      ClientToken: token,
      VersionDescription: `${fingerprint} ${tail(token)}`,
      LaunchTemplateData: contentOf(name, inputs),
    };
    const launchTemplateName = nameFor(context);
    const [template] = await templatesNamed(cloud, [launchTemplateName]);
    if (!template || !fromTags(context, tagRecord(template.Tags)).owned) {
      const { LaunchTemplate: made, Warning } = await cloud.ec2.send(
        new CreateLaunchTemplateCommand({
          ...content,
          LaunchTemplateName: launchTemplateName,
          TagSpecifications: [{ ResourceType: "launch-template", Tags: tagList(tagsOf(context)) }],
        }),
      );
      sayWarnings(Warning, note);
      return `${made!.LaunchTemplateId}:${made!.LatestVersionNumber}`;
    }
    const LaunchTemplateId = template.LaunchTemplateId!;
    // The answer to this very attempt may have been lost when it made the template and not only a version.
    const versions = await versionsOf(cloud, LaunchTemplateId);
    const mine = versions.find((version) => fromDescription(version).token === tail(token));
    if (mine) return `${LaunchTemplateId}:${numberOf(mine)}`;
    const { LaunchTemplateVersion: made, Warning } = await cloud.ec2.send(
      new CreateLaunchTemplateVersionCommand({ ...content, LaunchTemplateId }),
    );
    sayWarnings(Warning, note);
    return `${LaunchTemplateId}:${made!.VersionNumber}`;
  },

  async update({ cloud }, { output }) {
    const { launchTemplateId, version } = output!;
    await cloud.ec2.send(
      new ModifyLaunchTemplateCommand({ LaunchTemplateId: launchTemplateId, DefaultVersion: version }),
    );
  },

  async destroy({ cloud }, { ref }) {
    const [LaunchTemplateId = "", version = ""] = ref.split(":");
    const versions = await versionsOf(cloud, LaunchTemplateId);
    const gone = versions.find((one) => numberOf(one) === Number(version));
    if (!gone) return;
    const others = versions.filter((one) => one !== gone).map(numberOf);
    if (others.length === 0) {
      await orNothing(cloud.ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateId })));
      return;
    }
    if (gone.DefaultVersion) {
      const DefaultVersion = `${Math.max(...others)}`;
      await orNothing(cloud.ec2.send(new ModifyLaunchTemplateCommand({ LaunchTemplateId, DefaultVersion })));
    }
    const answer = await orNothing(
      cloud.ec2.send(new DeleteLaunchTemplateVersionsCommand({ LaunchTemplateId, Versions: [version] })),
    );
    for (const { ResponseError } of answer?.UnsuccessfullyDeletedLaunchTemplateVersions ?? []) {
      const { Code, Message } = ResponseError ?? {};
      // Not a clear no: another version on its way out may just have made this one the default.
      if (Code !== "launchTemplateVersionDoesNotExist") throw new Error(`${Code}: ${Message}`);
    }
  },
};

async function foundIn(
  context: FindContext<LaunchTemplateInputs, Cloud>,
  template: LaunchTemplate,
): Promise<Found<LaunchTemplateOutput>[]> {
  const { cloud, inputs } = context;
  const launchTemplateId = template.LaunchTemplateId!;
  const origin = fromTags(context, tagRecord(template.Tags));
  if (!origin.owned) {
    return [{ ref: launchTemplateId, node: origin.node, owned: false, state: "ready" }];
  }
  const versions = await versionsOf(cloud, launchTemplateId);
  const newest = Math.max(...versions.map(numberOf));
  const standard = template.DefaultVersionNumber;
  return versions.map((version): Found<LaunchTemplateOutput> => {
    const number = numberOf(version);
    const lags = inputs && number === newest && number !== standard;
    return {
      ref: `${launchTemplateId}:${number}`,
      node: origin.node,
      owned: true,
      ...fromDescription(version),
      state: "ready",
      createdAt: version.CreateTime,
      output: { launchTemplateId, launchTemplateName: template.LaunchTemplateName!, version: String(number) },
      drift: inputs && (lags ? [{ field: "default version", want: `${number}`, have: `${standard}` }] : []),
    };
  });
}

/** By names and not by tags, to see one that is not ours too; a filter answers nothing where a name would be an error. */
async function templatesNamed(cloud: Cloud, names: readonly string[]): Promise<LaunchTemplate[]> {
  const all: LaunchTemplate[] = [];
  const asked = { Filters: [{ Name: "launch-template-name", Values: [...names] }] };
  for await (const { LaunchTemplates = [] } of paginateDescribeLaunchTemplates({ client: cloud.ec2 }, asked)) {
    all.push(...LaunchTemplates);
  }
  return all;
}

async function versionsOf(cloud: Cloud, LaunchTemplateId: string): Promise<LaunchTemplateVersion[]> {
  const all: LaunchTemplateVersion[] = [];
  const pages = paginateDescribeLaunchTemplateVersions({ client: cloud.ec2 }, { LaunchTemplateId });
  for (;;) {
    const page = await orNothing(pages.next());
    if (!page || page.done) return all;
    all.push(...(page.value.LaunchTemplateVersions ?? []));
  }
}

function numberOf({ VersionNumber }: LaunchTemplateVersion): number {
  return VersionNumber!;
}

/** A version has no tags: its description is `<fingerprint> <token tail>`. */
function fromDescription({ VersionDescription = "" }: LaunchTemplateVersion): Pick<Found, "fingerprint" | "token"> {
  const [, fingerprint, token] = /^([0-9a-f]{16}) (\S{8})$/.exec(VersionDescription) ?? [];
  return { fingerprint, token };
}

function contentOf(
  name: string,
  { userData, imageId, volumes, tags }: LaunchTemplateInputs,
): RequestLaunchTemplateData {
  const Tags = tagList({ ...tags, Name: `${name}-batch`, [ENV_TAG]: name, [IMAGE_TAG]: imageId });
  return {
    UserData: Buffer.from(userData).toString("base64"),
    // Containers are one hop further away than the machine itself: there, they would get its role's credentials.
    MetadataOptions: { HttpEndpoint: "enabled", HttpTokens: "required", HttpPutResponseHopLimit: 1 },
    // Of a node that powers off, because it is not fit for jobs, nothing stays that costs.
    InstanceInitiatedShutdownBehavior: "terminate",
    TagSpecifications: [
      { ResourceType: "instance", Tags },
      { ResourceType: "volume", Tags },
    ],
    ...(volumes.length > 0 && {
      BlockDeviceMappings: volumes.map(({ deviceName, sizeGiB }) => ({
        DeviceName: deviceName,
        Ebs: { VolumeType: "gp3" as const, VolumeSize: sizeGiB, Encrypted: true, DeleteOnTermination: true },
      })),
    }),
  };
}

/** Members that do not go together are a warning to AWS: the template is made all the same. */
function sayWarnings(warning: ValidationWarning | undefined, note: StepContext<unknown, unknown>["note"]): void {
  for (const { Code, Message } of warning?.Errors ?? []) note(`AWS warns: ${Code}: ${Message}`);
}
