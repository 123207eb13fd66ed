import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** They begin first, so that none of them runs alone at the end. */
const LONGEST = ["proof/kills", "proof/crash-up", "proof/lives", "proof/signals", "environment/environment"];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((name) => moduleId.includes(name));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
    pool: "threads",
    maxWorkers: 2,
    isolate: false,
    testTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["test/**/*.test.ts"], exclude: ["test/proof/**", "test/real/**"] },
      },
      // What survives: crashes, faults, confusion, for minutes.
      {
        extends: true,
        test: {
          name: "proof",
          include: ["test/proof/**/*.test.ts"],
          testTimeout: 1_800_000,
          hookTimeout: 1_800_000,
          globalSetup: "test/proof/build.ts",
        },
      },
      // Real parts: builders, registries, kernels, other people's clients. They want Debian packages; see test/real/README.md.
      {
        extends: true,
        test: {
          name: "real",
          include: ["test/real/**/*.test.ts"],
          testTimeout: 1_800_000,
          hookTimeout: 1_800_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
