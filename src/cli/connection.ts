import { setTimeout as sleep } from "node:timers/promises";
import { type Cloud, type Connection, connect } from "../aws/clients.ts";
import type { Clock } from "../engine/clock.ts";
import { BootstrapError, ConfigError } from "../engine/errors.ts";
import type { Flags } from "./flags.ts";

/** AWS, an endpoint that speaks like it, or the sandbox: and the clock that goes with it. */
export interface Reach {
  readonly clock: Clock;
  readonly sandbox: boolean;
  connect(region: string): Cloud;
  /** The region to use when neither a flag nor the config names one. */
  defaultRegion(): Promise<string>;
  close(): Promise<void>;
}

/** Where its world lies, beside the journals. */
export const SANDBOX_FOLDER = ".bootstrap/sandbox";

/** The newcomer's region in the sandbox, where no profile is read. */
const SANDBOX_REGION = "us-east-1";

const realClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal && { signal }),
};

export async function reach({ sandbox, endpointUrl, speed }: Flags, signal: AbortSignal): Promise<Reach> {
  if (sandbox && endpointUrl !== undefined) {
    throw new ConfigError("--sandbox and --endpoint-url exclude each other", "use one of them");
  }
  if (speed !== undefined && !sandbox) throw new ConfigError("--speed goes with --sandbox", "leave it out");
  return sandbox ? reachSandbox(speed, signal) : reachAws(endpointUrl, signal);
}

async function reachSandbox(speed: number | undefined, signal: AbortSignal): Promise<Reach> {
  const { startSandbox } = await import("../../sandbox/start.ts");
  const { endpoint, clock, close } = await startSandbox({ folder: SANDBOX_FOLDER, speed }).catch((cause: Error) => {
    throw new BootstrapError("sandbox", `opening the sandbox's world in ${SANDBOX_FOLDER}: ${cause.message}`, {
      hint: "run it in a folder that can be written; rm -r .bootstrap/sandbox begins a new world",
      cause,
    });
  });
  return {
    clock,
    sandbox: true,
    connect: (region) =>
      connect({
        ...patient(clock, signal),
        region,
        endpoint,
        credentials: { accessKeyId: "AKIASANDBOX", secretAccessKey: "sandbox" },
      }),
    defaultRegion: async () => SANDBOX_REGION,
    close,
  };
}

function reachAws(endpoint: string | undefined, signal: AbortSignal): Reach {
  const connection = { ...patient(realClock, signal), endpoint };
  return {
    clock: realClock,
    sandbox: false,
    connect: (region) => connect({ ...connection, region }),
    async defaultRegion() {
      const cloud = connect(connection);
      try {
        return await cloud.sts.config.region();
      } catch {
        throw new ConfigError(
          "no region is given",
          process.env.AWS_PROFILE
            ? `the profile ${process.env.AWS_PROFILE} names none, or there is no such profile: add --region, or mend AWS_PROFILE`
            : "add --region, write region: into bootstrap.yaml, or set AWS_REGION",
        );
      } finally {
        cloud.destroy();
      }
    },
    close: async () => {},
  };
}

function patient(clock: Clock, signal: AbortSignal): Pick<Connection, "sleep"> {
  return { sleep: (ms) => clock.sleep(ms, signal) };
}
