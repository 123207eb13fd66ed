import { readdirSync } from "node:fs";

/** An environment as its files are called. */
export interface OnDisk {
  readonly name: string;
  readonly region: string;
  readonly sandbox: boolean;
}

/** What the names of an environment's files begin with: NAME.REGION, and .sandbox of one there. */
export function stemOf({ name, region, sandbox }: OnDisk): string {
  return `${name}.${region}${sandbox ? ".sandbox" : ""}`;
}

/** The environment that such a beginning is of. */
export function environmentOf(stem: string): OnDisk | undefined {
  const [, name, region, sandbox] = /^([^.]+)\.([^.]+)(\.sandbox)?$/.exec(stem) ?? [];
  return name === undefined || region === undefined ? undefined : { name, region, sandbox: sandbox !== undefined };
}

/** Those whose manifests lie in a folder, sorted by name; a folder that is not there has none. */
export function manifestsIn(folder: string): readonly OnDisk[] {
  return listed(folder).flatMap((file) =>
    file.endsWith(".json") ? (environmentOf(file.slice(0, -".json".length)) ?? []) : [],
  );
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
