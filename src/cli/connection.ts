import { setTimeout as sleep } from "node:timers/promises";
import type { Reach } from "../actions/action.ts";
import { type Connection, connect } from "../aws/clients.ts";
import type { Clock } from "../engine/clock.ts";
import { BootstrapError, ConfigError } from "../engine/errors.ts";
import type { Flags } from "./flags.ts";
import { FOLDER } from "./folder.ts";

/** Where the sandbox's world lies, beside them. */
export const SANDBOX_FOLDER = `${FOLDER}/sandbox`;

/** The newcomer's region in the sandbox, where no profile is read. */
const SANDBOX_REGION = "us-east-1";

/** Of an address that somebody gave there is no other kind, though the environment asks for it. */
const UNADORNED = { useFipsEndpoint: false, useDualstackEndpoint: false } as const;

export const realClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal && { signal }),
};

export async function reach({ sandbox, endpointUrl, speed }: Flags, signal: AbortSignal): Promise<Reach> {
  if (sandbox && endpointUrl !== undefined) {
    throw new ConfigError("--sandbox and --endpoint-url exclude each other", "use one of them");
  }
  if (speed !== undefined && !sandbox) throw new ConfigError("--speed goes with --sandbox", "leave it out");
  return sandbox ? reachSandbox(speed, signal) : reachAws(endpointUrl, signal);
}

const SERVICES = ["BATCH", "CLOUDWATCH_LOGS", "EC2", "ECR", "FSX", "IAM", "SSM", "STS"] as const;

/** The SDK takes an empty address for none, and none for AWS itself: with a variable that was never set, that is the real account. */
function demandAddresses(endpointUrl: string | undefined): void {
  const variables = ["AWS_ENDPOINT_URL", ...SERVICES.map((service) => `AWS_ENDPOINT_URL_${service}`)];
  const given = [
    ["--endpoint-url", endpointUrl] as const,
    ...variables.map((name) => [name, process.env[name]] as const),
  ];
  for (const [name, address] of given) {
    if (address === undefined || (/^https?:\/\//.test(address) && URL.canParse(address))) continue;
    throw new ConfigError(
      `${name} ${JSON.stringify(address)}: not an http or https address`,
      `give one, such as http://127.0.0.1:4566, or ${name.startsWith("--") ? `leave ${name} out` : `unset ${name}`} for AWS itself`,
    );
  }
}

async function reachSandbox(speed: number | undefined, signal: AbortSignal): Promise<Reach> {
  const { BrokenFile, startSandbox } = await import("../../sandbox/start.ts");
  const { endpoint, clock, close } = await startSandbox({ folder: SANDBOX_FOLDER, speed }).catch((cause: Error) => {
    if (cause instanceof BrokenFile) throw new ConfigError(cause.message, "correct that file, or remove it");
    throw new BootstrapError("sandbox", `opening the sandbox's world in ${SANDBOX_FOLDER}: ${cause.message}`, {
      hint: "run it in a folder that can be written; rm -r .bootstrap/sandbox begins a new world",
      cause,
    });
  });
  return {
    clock: { now: () => clock.now(), elapsed: () => clock.now(), sleep: (ms, signal) => clock.sleep(ms, signal) },
    sandbox: true,
    endpoint,
    connect: (region) =>
      connect({
        ...patient(clock, signal),
        ...{ region, endpoint, ...UNADORNED },
        credentials: { accessKeyId: "AKIASANDBOX", secretAccessKey: "sandbox" },
      }),
    defaultRegion: async () => SANDBOX_REGION,
    close,
  };
}

function reachAws(endpointUrl: string | undefined, signal: AbortSignal): Reach {
  demandAddresses(endpointUrl);
  const endpoint = endpointUrl ?? process.env.AWS_ENDPOINT_URL;
  // One that the environment names, the SDK finds by itself: a service's own comes before it.
  const connection = { ...patient(realClock, signal), endpoint: endpointUrl, ...(endpoint !== undefined && UNADORNED) };
  return {
    clock: realClock,
    sandbox: false,
    endpoint,
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

function patient(clock: Pick<Clock, "sleep">, signal: AbortSignal): Pick<Connection, "sleep"> {
  return { sleep: (ms) => clock.sleep(ms, signal) };
}
