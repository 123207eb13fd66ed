import { altered } from "./altered.ts";
import { makeCall } from "./call.ts";
import { authorize, type CallerPolicy } from "./caller/authorize.ts";
import { type CallRecord, kindOf, redacted } from "./calls.ts";
import type { SandboxClock } from "./clock.ts";
import { type Fault, faultsThatHit } from "./faults.ts";
import { partitionOf } from "./partition.ts";
import { randomFrom } from "./random.ts";
import { type Call, type Fate, Refusal, type Service } from "./service.ts";
import { SERVICES } from "./services/index.ts";
import { validate } from "./validate.ts";
import {
  decode,
  encode,
  encodeRefusal,
  encodeStrangerRefusal,
  loadWire,
  operationOf,
  type Wire,
  type WireRequest,
  type WireResponse,
} from "./wire.ts";
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

type Answer = { readonly response: WireResponse; readonly slowMs: number } | { readonly reset: true };

/** Start here: an AWS that answers requests out of a world kept in a store. */
export function createSandbox(options: SandboxOptions): Sandbox {
  const { store, clock, faults = () => [], log, caller = () => undefined, services = SERVICES } = options;
  let requests = 0;
  let settled: Moment | undefined;

  async function request(wireRequest: WireRequest, signal?: AbortSignal): Promise<WireResponse> {
    const number = ++requests;
    const scope = credentialScope(wireRequest, services);
    if (scope instanceof Refusal)
      return encodeStrangerRefusal(wireRequest, scope, "00000000-0000-4000-8000-000000000000");
    const { service, region } = scope;
    const wire = await wireOf(service);
    const answer = await store.exclusively((world) => {
      const random = randomFrom(world.seed, world.serial, number);
      const moment = { world, region, serial: world.serial, now: clock.now() };
      const answering = new Answering(wire, region, wireRequest, world, moment.now, random);
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

  return {
    request,
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

/** One request, from its bytes to the bytes of its answer, while the world is ours alone. */
class Answering {
  readonly #wire: Wire;
  readonly #region: string;
  readonly #request: WireRequest;
  readonly #world: World;
  readonly #now: number;
  readonly #random: () => number;

  constructor(wire: Wire, region: string, request: WireRequest, world: World, now: number, random: () => number) {
    this.#wire = wire;
    this.#region = region;
    this.#request = request;
    this.#world = world;
    this.#now = now;
    this.#random = random;
  }

  run(
    services: readonly Service[],
    faults: readonly Fault[],
    caller: CallerPolicy | undefined,
    log: ((record: CallRecord) => void) | undefined,
  ): { readonly changed: boolean; readonly result: Answer } {
    const wire = this.#wire;
    const service = wire.service.name;
    this.#settle(services);
    // What has come due is kept even when the request itself is refused.
    let changed = this.#world.commit();

    const operation = operationOf(wire, this.#request);
    const name = typeof operation === "string" ? operation : operation.name;
    const target = { service, operation: name, region: this.#region };
    const { counts } = this.#world;
    const fates = faults.filter((fault): fault is FateFault => "fate" in fault);
    const blows = faults.filter((fault): fault is Exclude<Fault, FateFault> => !("fate" in fault));
    const hits = faultsThatHit(blows, target, counts, this.#random);
    const unseenMs = Math.max(0, ...hits.map((fault) => ("unseenMs" in fault ? fault.unseenMs : 0)));
    const call = this.#call(() => faultsThatHit(fates, target, counts, this.#random)[0]?.fate, unseenMs);
    const requestId = call.uuid();

    let response: WireResponse | undefined;
    let input: unknown;
    let outcome = "ok";
    const resets = hits.flatMap((fault) => ("reset" in fault ? [fault.reset] : []));
    if (!resets.includes("before")) {
      try {
        if (typeof operation === "string") throw unknownOperation(wire, name);
        const decoded = decodeOrRefuse(wire, operation, this.#request);
        input = redacted(operation.input, decoded.input);
        const blow = hits.find((fault) => "error" in fault);
        if (blow !== undefined && !blow.error.done) throw scripted(blow.error);
        const handler = wire.service.operations[name];
        if (handler === undefined) throw unknownOperation(wire, name);
        validate(wire, name, decoded);
        if (caller) authorize(caller, service, name, decoded.input, call);
        response = encode(wire, operation, handler(decoded.input, call), requestId);
        for (const hit of hits) if ("answer" in hit) response = altered(response, hit.answer);
        if (blow !== undefined) {
          outcome = blow.error.code;
          response = encodeRefusal(wire, scripted(blow.error), requestId);
        }
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.#world.rollback();
        outcome = error.code;
        response = encodeRefusal(wire, error, requestId);
      }
    }
    changed = (kindOf(name) === "read" ? this.#world.release() : this.#world.commit()) || changed;
    if (resets.length > 0) outcome = "reset";
    log?.({ at: new Date(this.#now).toISOString(), ...target, kind: kindOf(name), input, outcome });
    if (response === undefined || resets.length > 0) return { changed, result: { reset: true } };
    const slowMs = Math.max(0, ...hits.map((fault) => ("slowMs" in fault ? fault.slowMs : 0)));
    return { changed, result: { response, slowMs } };
  }

  /** One service's doing may be another's cause: all that have something here are brought up to date. */
  #settle(services: readonly Service[]): void {
    const call = this.#call(() => undefined);
    for (const service of services) {
      const present = this.#world.has(service.name, this.#region) || this.#world.has(service.name, "global");
      if (present || service === this.#wire.service) service.settle?.(call);
    }
  }

  #call(fate: () => Fate | undefined, unseenMs = 0): Call {
    return makeCall({ world: this.#world, region: this.#region, now: this.#now, random: this.#random, unseenMs, fate });
  }
}

type FateFault = Extract<Fault, { readonly fate: Fate }>;

function scripted({
  code,
  message = "scripted fault",
  status = 400,
}: {
  code: string;
  message?: string;
  status?: number;
}) {
  return new Refusal(code, message, status);
}

function decodeOrRefuse(wire: Wire, operation: Parameters<typeof decode>[1], request: WireRequest) {
  try {
    return decode(wire, operation, request);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Refusal("SerializationException", "the request's body is not JSON");
  }
}

function unknownOperation({ protocol }: Wire, name: string): Refusal {
  if (protocol === "ec2Query" || protocol === "awsQuery") {
    return new Refusal("InvalidAction", `The action ${name} is not valid for this web service.`);
  }
  return new Refusal(
    "UnknownOperationException",
    `The operation ${name} is not known.`,
    protocol === "json" ? 400 : 404,
  );
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
