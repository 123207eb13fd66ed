import { CommanderError } from "commander";
import { BootstrapError } from "../engine/errors.ts";
import type { Flags } from "./flags.ts";
import { program } from "./program.ts";
import { bearLosingStreams } from "./streams.ts";

// The SDK's own remark on Node 20 is for developers, not for the person at the keyboard.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

// Nothing here is tuned by it, and a word that the SDK does not know ends the process, in a client of whoever's making.
delete process.env.AWS_DEFAULTS_MODE;

bearLosingStreams();

const bootstrap = program(
  {
    action: (row, flags) =>
      failing(flags, async () => {
        const { run } = await import("./run.ts");
        await run((...given) => row.action(...given), flags);
      }),
    // No environment is meant: hints have none of its flags.
    tool: (row, flags) => failing({}, () => row.tool(flags)),
  },
  process.argv.slice(2),
);

await bootstrap.parseAsync().catch((error: unknown) => {
  if (!(error instanceof CommanderError)) throw error;
  // Commander's own troubles are bad input, except what was asked for: help and version.
  process.exitCode = error.exitCode === 0 ? 0 : 2;
});

/** What goes wrong in a verb is told with the flags at hand, so that its hints can be typed as they stand. */
async function failing(flags: Flags, work: () => Promise<void>): Promise<void> {
  try {
    demandFolder();
    await work();
  } catch (error) {
    const { errorCode, printError } = await import("./exit.ts");
    printError(error, flags);
    process.exitCode = errorCode(error);
  }
}

/** Whoever types may stand in a folder that somebody has removed; whatever asks for its name then fails in its own way. */
function demandFolder(): void {
  try {
    process.cwd();
  } catch (cause) {
    const hint = "cd into one that is there, the one with your bootstrap.yaml and .bootstrap/, and type it again";
    throw new BootstrapError("folder", "the folder that this was typed in is no longer there", { hint, cause });
  }
}
