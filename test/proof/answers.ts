import type { Sandbox } from "../../sandbox/sandbox.ts";
import type { WireRequest } from "../../sandbox/wire.ts";

/** Rewrites what AWS answers, as bytes, between the sandbox and the SDK's clients. */
export interface Twist {
  /** The answer to an operation, its name in small letters; only answers that are no errors come here. */
  answer(operation: string, body: string): string;
  /** A list is begun with a page that holds nothing but a token. */
  readonly emptyPages?: true;
}

/** Stands before a sandbox; without a twist nothing is changed. */
export class Front {
  twist: Twist | undefined;

  before(sandbox: Pick<Sandbox, "request">): Pick<Sandbox, "request"> {
    return {
      request: async (request, signal) => {
        const operation = operationOf(request);
        const { twist } = this;
        const asked = { ...request, body: withoutToken(request.body) };
        const response = await sandbox.request(asked, signal);
        if (!twist || response.status >= 300) return response;
        const isFirst = asked.body === request.body;
        const body = twist.emptyPages && isFirst ? emptied(operation, request.body, response.body) : response.body;
        return { ...response, body: twist.answer(operation, body) };
      },
    };
  }
}

/** Of a call by Query, by JSON or by REST. */
function operationOf({ headers, body, path }: WireRequest): string {
  const name = headers["x-amz-target"]?.split(".").at(-1) ?? /(?:^|&)Action=(\w+)/.exec(body)?.[1];
  return (name ?? path.split("?")[0]!.split("/").at(-1)!).toLowerCase();
}

/** Edits each object of a JSON answer, the innermost first. */
export function eachObject(body: string, edit: (object: Record<string, unknown>) => void): string {
  return JSON.stringify(
    JSON.parse(body, (_key, value: unknown) => {
      if (isObject(value)) edit(value);
      return value;
    }),
  );
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isJson(body: string): boolean {
  return body.startsWith("{");
}

const TOKEN = "an-empty-page";

function withoutToken(body: string): string {
  return body
    .replace(new RegExp(`&(NextToken|Marker)=${TOKEN}`), "")
    .replace(new RegExp(`,?"[nN]extToken":"${TOKEN}"`), "")
    .replace("{,", "{");
}

/** Lists of which AWS may show nothing on a page and yet say that there are more; asked for by ids they are whole. */
const PAGED: Readonly<Record<string, RegExp>> = {
  describefilesystems: /"FileSystems"/,
  listcommands: /"Commands"/,
  describejobdefinitions: /"jobDefinitions"/,
  describerepositories: /"repositories"/,
  describeloggroups: /"logGroups"/,
  describesecuritygroups: /<securityGroupInfo>.*<\/securityGroupInfo>/s,
  describelaunchtemplates: /<launchTemplates>.*<\/launchTemplates>/s,
  describelaunchtemplateversions: /<launchTemplateVersionSet>.*<\/launchTemplateVersionSet>/s,
  describeinstances: /<reservationSet>.*<\/reservationSet>/s,
  describesnapshots: /<snapshotSet>.*<\/snapshotSet>/s,
  describeimages: /<imagesSet>.*<\/imagesSet>|"imageDetails"/s,
  describevpcs: /<vpcSet>.*<\/vpcSet>/s,
  describesubnets: /<subnetSet>.*<\/subnetSet>/s,
  describeinstanceinformation: /"InstanceInformationList"/,
  listroles: /<Roles>.*<\/Roles>/s,
  listinstanceprofiles: /<InstanceProfiles>.*<\/InstanceProfiles>/s,
  listrolepolicies: /<PolicyNames>.*<\/PolicyNames>/s,
  listattachedrolepolicies: /<AttachedPolicies>.*<\/AttachedPolicies>/s,
};

const BY_ID = /(Instance|Image|Snapshot|Group|LaunchTemplate)(Id|Name)(\.1)?=|"repositoryNames"/;

function emptied(operation: string, asked: string, body: string): string {
  const list = PAGED[operation];
  if (!list?.test(body) || BY_ID.test(asked)) return body;
  if (isJson(body)) {
    const { nextToken, NextToken, ...answer } = JSON.parse(body) as Record<string, unknown>;
    if (nextToken !== undefined || NextToken !== undefined) return body;
    const page = Object.entries(answer).map(([key, value]) => [key, Array.isArray(value) ? [] : value]);
    const tokenName =
      operation === "describefilesystems" || /^[A-Z]/.test(page[0]![0] as string) ? "NextToken" : "nextToken";
    return JSON.stringify({ ...Object.fromEntries(page), [tokenName]: TOKEN });
  }
  if (/<nextToken>\w|<Marker>/.test(body)) return body;
  const more = /<(List\w+)Result>/.test(body)
    ? `<IsTruncated>true</IsTruncated><Marker>${TOKEN}</Marker>`
    : `<nextToken>${TOKEN}</nextToken>`;
  return body.replace(/<IsTruncated>\w+<\/IsTruncated>/, "").replace(list, more);
}
