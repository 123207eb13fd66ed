import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WORKLOADS_FOLDER } from "../../src/config/workloads.ts";

/** A folder with so many presets that are alike but for their names: split1, split2 and so on. */
export function manyWorkloads(count: number): { readonly folder: string; readonly names: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), "bootstrap-presets-"));
  const preset = readFileSync(join(WORKLOADS_FOLDER, "bcl2fastq.yaml"), "utf8");
  const names = Array.from({ length: count }, (_, at) => `split${at + 1}`);
  for (const name of names) {
    writeFileSync(join(folder, `${name}.yaml`), preset.replace("workload: bcl2fastq", `workload: ${name}`));
  }
  return { folder, names };
}
