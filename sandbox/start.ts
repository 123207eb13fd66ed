import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { callerPolicyIn } from "./caller/authorize.ts";
import { callsIn } from "./calls.ts";
import { DEFAULT_SPEED, type SandboxClock, VirtualClock } from "./clock.ts";
import { BrokenFile, faultsIn } from "./faults.ts";
import { FolderStore } from "./folder-store.ts";
import { ConnectionReset, createSandbox, type Sandbox } from "./sandbox.ts";
import { World } from "./world.ts";

export { BrokenFile };

export interface SandboxSettings {
  /** Where its world lies. */
  readonly folder: string;
  /** Virtual seconds a second; the world keeps it, and its time runs on at it between commands. */
  readonly speed?: number | undefined;
  /** Default: any free port. */
  readonly port?: number | undefined;
  /** The file with the caller's policy; default: `caller-policy.json` in the folder, where there is one. */
  readonly callerPolicy?: string | undefined;
}

export interface RunningSandbox {
  readonly endpoint: string;
  readonly clock: SandboxClock & { readonly speed: number };
  /** Ends at once, also with requests in flight. */
  close(): Promise<void>;
}

/** No request that AWS takes is as long. */
const BODY_LIMIT = 8 * 1024 * 1024;
/** A page in a browser must not get at it by giving its own name our address. */
const OWN_NAMES = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/** Answered before any service is asked. */
class Unserved extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Serves the world in a folder to every AWS client, on 127.0.0.1. Throws `BrokenFile` for a `faults.json` that is none. */
export async function startSandbox({
  folder,
  speed,
  port = 0,
  callerPolicy = join(folder, "caller-policy.json"),
}: SandboxSettings): Promise<RunningSandbox> {
  const faults = faultsIn(folder);
  faults();
  const store = openStore(folder, speed);
  await store.exclusively(() => {
    const { clock } = store;
    if (speed !== undefined && speed !== clock.speed) clock.setSpeed(speed);
    return { changed: true, result: undefined };
  });
  const sandbox = createSandbox({
    ...{ store, clock: store.clock, faults, log: callsIn(folder) },
    caller: callerPolicyIn(callerPolicy),
  });
  const closing = new AbortController();
  const server = createServer((incoming, outgoing) => {
    serve(sandbox, incoming, closing.signal).then(
      ({ status, headers, body }) => outgoing.writeHead(status, { ...headers }).end(body),
      (error: unknown) => {
        if (error instanceof ConnectionReset || closing.signal.aborted) incoming.socket.destroy();
        else if (error instanceof Unserved) {
          const headers = { "content-type": "text/plain", connection: "close" };
          outgoing.writeHead(error.status, headers).end(`sandbox: ${error.message}\n`);
        } else outgoing.writeHead(500, { "content-type": "text/plain" }).end(`sandbox: ${messageOf(error)}\n`);
      },
    );
  });
  server.keepAliveTimeout = 60_000;
  await listen(server, port);
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clock: store.clock,
    async close() {
      closing.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Moves a world's time on; it need not be running. Tells the new virtual time. */
export async function advanceSandbox({
  folder,
  ms,
}: {
  readonly folder: string;
  readonly ms: number;
}): Promise<number> {
  const store = openStore(folder, undefined);
  return store.exclusively(() => {
    store.clock.advance(ms);
    return { changed: true, result: store.clock.now() };
  });
}

function openStore(folder: string, speed: number | undefined): FolderStore {
  return new FolderStore(folder, () => {
    const wallMs = Date.now();
    return World.fresh(wallMs % 2 ** 31, VirtualClock.startingAt(wallMs, speed ?? DEFAULT_SPEED));
  });
}

async function serve(sandbox: Sandbox, incoming: IncomingMessage, signal: AbortSignal) {
  const { host = "" } = incoming.headers;
  if (!OWN_NAMES.test(host))
    throw new Unserved(403, `it answers to 127.0.0.1 and localhost, not to ${host || "no name"}`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > BODY_LIMIT) throw new Unserved(413, `a request may have ${BODY_LIMIT} bytes`);
    chunks.push(chunk as Buffer);
  }
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, [value].flat().join(",")]),
  );
  return sandbox.request(
    {
      method: incoming.method ?? "GET",
      path: incoming.url ?? "/",
      headers,
      body: Buffer.concat(chunks).toString("utf8"),
    },
    signal,
  );
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve());
  });
}

function messageOf(error: unknown): string {
  if (error instanceof BrokenFile) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
