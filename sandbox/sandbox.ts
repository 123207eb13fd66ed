import { Answering } from "./answering.ts";
import type { CallerPolicy } from "./caller/authorize.ts";
import type { CallRecord } from "./calls.ts";
import type { SandboxClock } from "./clock.ts";
import { type Direct, inValues } from "./direct.ts";
import type { Fault } from "./faults.ts";
import { type Form, inBytes } from "./form.ts";
import { partitionOf } from "./partition.ts";
import { randomFrom } from "./random.ts";
import { Refusal, type Service } from "./service.ts";
import { SERVICES } from "./services/index.ts";
import { encodeStrangerRefusal, loadWire, type Wire, type WireRequest, type WireResponse } from "./wire.ts";
import type { Store, World } from "./world.ts";

export interface SandboxOptions {
  readonly store: Store;
  readonly clock: SandboxClock;
  /** Asked at every request. */
  readonly faults?: () => readonly Fault[];
  readonly log?: (record: CallRecord) => void;
  /** What the caller may do, asked at every request; undefined: everything. */
  readonly caller?: () => CallerPolicy | undefined;
  readonly services?: readonly Service[];
}

export interface Sandbox {
  /** Answers one request; rejects with ConnectionReset when a fault says so. */
  request(request: WireRequest, signal?: AbortSignal): Promise<WireResponse>;
  /**
   * The same without bytes, for an SDK client in this process. Undefined where the bytes matter: the request would be
   * refused, or a fault is scripted that may hit the wire. Then nothing was done, and the client is to send it.
   */
  answer(asked: Direct): Promise<object | undefined>;
  /** Loads every service's schemas now: from then on no request waits for anything but the store and the clock. */
  load(): Promise<void>;
}

/** The client gets no answer, whether or not something was done. */
export class ConnectionReset extends Error {
  readonly code = "ECONNRESET";

  constructor() {
    super("socket hang up");
    this.name = "ConnectionReset";
  }
}

/** Start here: an AWS that answers requests out of a world kept in a store. */
export function createSandbox(options: SandboxOptions): Sandbox {
  const { store, clock, faults = () => [], log, caller = () => undefined, services = SERVICES } = options;
  let requests = 0;
  let settled: Moment | undefined;

  async function answered<T>(wire: Wire, region: string, form: Form<T>, signal?: AbortSignal): Promise<T> {
    const number = ++requests;
    const answer = await store.exclusively((world) => {
      const random = randomFrom(world.seed, world.serial, number);
      const moment = { world, region, serial: world.serial, now: clock.now() };
      const answering = new Answering(wire, region, form, world, moment.now, random);
      try {
        const answer = answering.run(isSame(moment, settled) ? [] : services, faults(), caller(), log);
        settled = moment;
        return answer;
      } catch (error) {
        world.rollback();
        throw error;
      }
    });
    if ("reset" in answer) throw new ConnectionReset();
    if (answer.slowMs > 0) await clock.sleep(answer.slowMs, signal);
    return answer.response;
  }

  async function request(wireRequest: WireRequest, signal?: AbortSignal): Promise<WireResponse> {
    const scope = credentialScope(wireRequest, services);
    if (scope instanceof Refusal)
      return encodeStrangerRefusal(wireRequest, scope, "00000000-0000-4000-8000-000000000000");
    const wire = await wireOf(scope.service);
    return answered(wire, scope.region, inBytes(wire, wireRequest), signal);
  }

  async function answer({ service, region, ...asked }: Direct): Promise<object | undefined> {
    const named = services.find(({ name }) => name === service);
    if (named === undefined || faults().some((fault) => !("unseenMs" in fault))) return undefined;
    const wire = await wireOf(named);
    const form = inValues(wire, asked);
    try {
      return form && (await answered(wire, region, form));
    } catch (error) {
      if (error instanceof Refusal) return undefined;
      throw error;
    }
  }

  return {
    request,
    answer,
    async load() {
      await Promise.all(services.map(wireOf));
    },
  };
}

/** Nothing comes due twice at one moment of one world. */
interface Moment {
  readonly world: World;
  readonly serial: number;
  readonly region: string;
  readonly now: number;
}

function isSame(one: Moment, other: Moment | undefined): boolean {
  return (["world", "serial", "region", "now"] as const).every((key) => one[key] === other?.[key]);
}

/** Each service's schemas are read once. */
const wires = new Map<Service, Promise<Wire>>();

function wireOf(service: Service): Promise<Wire> {
  const wire = wires.get(service) ?? loadWire(service);
  wires.set(service, wire);
  return wire;
}

/** Service and region, from the signature; the signature itself is not verified. */
function credentialScope(
  { headers }: WireRequest,
  services: readonly Service[],
): { readonly service: Service; readonly region: string } | Refusal {
  const { authorization } = headers;
  if (authorization === undefined) {
    return new Refusal("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  }
  const [, region, name] = /Credential=[^/\s]+\/\d{8}\/([^/\s]+)\/([^/\s]+)\/aws4_request/.exec(authorization) ?? [];
  if (region === undefined || name === undefined) {
    const words = "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.";
    return new Refusal("IncompleteSignature", words);
  }
  if (partitionOf(region) === undefined) {
    return new Refusal("SignatureDoesNotMatch", "Credential should be scoped to a valid region.", 403);
  }
  const service = services.find((each) => each.name === name);
  return service === undefined
    ? new Refusal("UnknownOperationException", `The sandbox has no service called ${name}.`, 404)
    : { service, region };
}
