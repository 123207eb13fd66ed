/**
 * Writes sandbox/models: what AWS's own service models say of the members of each request that the sandbox answers. They
 * are taken from the AWS CLI that an npm package carries; the sandbox reads the written files alone.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expression } from "../sandbox/constraints.ts";
import type { Shape } from "../sandbox/model.ts";
import { SERVICES } from "../sandbox/services/index.ts";

const PACKAGE = "@aws-cdk/asset-awscli-v1";
const DATA = "awscli/awscli/botocore/data";

/** Where a model's folder has another name than requests are signed for. */
const FOLDERS: Readonly<Record<string, string>> = { servicequotas: "service-quotas" };

const LEFT_OUT = new Set([
  // New ones come every few weeks, and the sandbox has a list of its own.
  "InstanceType",
  // EC2 has codes of its own for names that are none.
  "LaunchTemplateName",
  "ImageNameRequest",
]);

/** A service model as botocore keeps it, as far as it is read here. */
interface ServiceModel {
  readonly metadata: { readonly serviceFullName: string; readonly apiVersion: string };
  readonly operations: Readonly<Record<string, { readonly input?: { readonly shape: string } }>>;
  readonly shapes: Readonly<Record<string, ModelShape>>;
}

interface ModelShape {
  readonly type: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly min?: number;
  readonly max?: number;
  readonly members?: Readonly<Record<string, { readonly shape: string }>>;
  readonly member?: { readonly shape: string };
  readonly key?: { readonly shape: string };
  readonly value?: { readonly shape: string };
}

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), "models-"));
try {
  const [packed] = JSON.parse(await output("npm", "pack", PACKAGE, "--json", "--pack-destination", folder));
  await output("tar", "-xzf", join(folder, packed.filename), "-C", folder);
  const layer = join(folder, "package/layer");
  const [, cli] = /^awscli==(\S+)/m.exec(await readFile(join(layer, "requirements.txt"), "utf8"))!;
  const source = `AWS CLI ${cli} (npm: ${PACKAGE} ${packed.version})`;
  const zip = join(folder, "package/lib/layer.zip");
  const listed = (await output("unzip", "-Z1", zip)).split("\n");
  for (const { name, operations } of SERVICES) {
    const versions = listed.filter(
      (path) => path.startsWith(`${DATA}/${FOLDERS[name] ?? name}/`) && path.endsWith("/service-2.json"),
    );
    const model: ServiceModel = JSON.parse(await output("unzip", "-p", zip, versions.sort().at(-1)!));
    const text = written(model, Object.keys(operations).sort(), source);
    await writeFile(new URL(`../sandbox/models/${name}.json`, import.meta.url), text);
  }
} finally {
  await rm(folder, { recursive: true });
}

async function output(program: string, ...args: string[]): Promise<string> {
  return (await run(program, args, { maxBuffer: 2 ** 27 })).stdout;
}

/** One operation and one shape a line, so that a newer model differs in the lines of what has changed. */
function written({ metadata, operations, shapes }: ServiceModel, names: readonly string[], source: string): string {
  const kept = new Map<string, Shape>();
  const inputs = names.flatMap((name) => {
    const operation = operations[name];
    if (operation === undefined) console.warn(`${metadata.serviceFullName}: no ${name} in ${source}`);
    return operation === undefined ? [] : [[name, keep(operation.input?.shape, shapes, kept) ?? null] as const];
  });
  const lines = (entries: readonly (readonly [string, unknown])[]) =>
    entries.map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(",\n");
  const inOrder = [...kept].filter(([, shape]) => constrains(shape)).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{
  "source": ${JSON.stringify(`${source}, ${metadata.serviceFullName} ${metadata.apiVersion}`)},
  "license": "Apache-2.0, Copyright Amazon.com, Inc. or its affiliates",
  "operations": {
${lines(inputs)}
  },
  "shapes": {
${lines(inOrder)}
  }
}
`;
}

/** Takes the shape and all below it, and answers its name if anything there constrains. */
function keep(name: string | undefined, shapes: ServiceModel["shapes"], kept: Map<string, Shape>): string | undefined {
  if (name === undefined || LEFT_OUT.has(name)) return undefined;
  const known = kept.get(name);
  if (known !== undefined) return constrains(known) ? name : undefined;
  kept.set(name, {});
  const { type, enum: oneOf, pattern, min, max, members = {}, member, key, value } = shapes[name]!;
  const inner = Object.entries(members).flatMap(([each, { shape }]) => {
    const found = keep(shape, shapes, kept);
    return found === undefined ? [] : [[each, found] as const];
  });
  const items = keep(member?.shape, shapes, kept);
  const keys = keep(key?.shape, shapes, kept);
  const values = keep(value?.shape, shapes, kept);
  // Nothing is shorter than nothing.
  const isNumber = ["integer", "long", "float", "double"].includes(type);
  const least = isNumber || min !== 0 ? min : undefined;
  if (pattern !== undefined) expression(pattern);
  kept.set(name, {
    ...(oneOf && { enum: oneOf }),
    ...(pattern !== undefined && { pattern }),
    ...(least !== undefined && { min: least }),
    ...(max !== undefined && { max }),
    ...(inner.length > 0 && { members: Object.fromEntries(inner) }),
    ...(items !== undefined && { items }),
    ...(keys !== undefined && { keys }),
    ...(values !== undefined && { values }),
  });
  return constrains(kept.get(name)!) ? name : undefined;
}

function constrains(shape: Shape): boolean {
  return Object.keys(shape).length > 0;
}
