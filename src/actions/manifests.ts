import { readdirSync } from "node:fs";

/** An environment of which a manifest lies in a folder. */
export interface OnDisk {
  readonly name: string;
  readonly region: string;
  readonly sandbox: boolean;
}

/** Sorted by name; a folder that is not there has none. */
export function manifestsIn(folder: string): readonly OnDisk[] {
  return listed(folder).flatMap((file) => {
    const [, name, region, sandbox] = /^([^.]+)\.([^.]+)(\.sandbox)?\.json$/.exec(file) ?? [];
    return name === undefined || region === undefined ? [] : [{ name, region, sandbox: sandbox !== undefined }];
  });
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
