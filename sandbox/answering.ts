import { makeCall } from "./call.ts";
import { authorize, type CallerPolicy } from "./caller/authorize.ts";
import { type CallRecord, kindOf, redacted } from "./calls.ts";
import { type Fault, faultsThatHit } from "./faults.ts";
import type { Form } from "./form.ts";
import { type Call, type Fate, Refusal, type Service } from "./service.ts";
import { validate } from "./validate.ts";
import type { Wire } from "./wire.ts";
import type { World } from "./world.ts";

type Answer<T> = { readonly response: T; readonly slowMs: number } | { readonly reset: true };

/** One request, from what is asked to what is answered, while the world is ours alone. */
export class Answering<T> {
  readonly #wire: Wire;
  readonly #region: string;
  readonly #form: Form<T>;
  readonly #world: World;
  readonly #now: number;
  readonly #random: () => number;

  constructor(wire: Wire, region: string, form: Form<T>, world: World, now: number, random: () => number) {
    this.#wire = wire;
    this.#region = region;
    this.#form = form;
    this.#world = world;
    this.#now = now;
    this.#random = random;
  }

  run(
    services: readonly Service[],
    faults: readonly Fault[],
    caller: CallerPolicy | undefined,
    log: ((record: CallRecord) => void) | undefined,
  ): { readonly changed: boolean; readonly result: Answer<T> } {
    const wire = this.#wire;
    const service = wire.service.name;
    this.#settle(services);
    // What has come due is kept even when the request itself is refused.
    let changed = this.#world.commit();

    const { operation } = this.#form;
    const name = typeof operation === "string" ? operation : operation.name;
    const target = { service, operation: name, region: this.#region };
    const { counts } = this.#world;
    const fates = faults.filter((fault): fault is FateFault => "fate" in fault);
    const blows = faults.filter((fault): fault is Exclude<Fault, FateFault> => !("fate" in fault));
    const hits = faultsThatHit(blows, target, counts, this.#random);
    const unseenMs = Math.max(0, ...hits.map((fault) => ("unseenMs" in fault ? fault.unseenMs : 0)));
    const call = this.#call(() => faultsThatHit(fates, target, counts, this.#random)[0]?.fate, unseenMs);
    const requestId = call.uuid();

    let response: { readonly value: T } | undefined;
    let input: unknown;
    let outcome = "ok";
    const resets = hits.flatMap((fault) => ("reset" in fault ? [fault.reset] : []));
    if (!resets.includes("before")) {
      try {
        if (typeof operation === "string") throw unknownOperation(wire, name);
        const decoded = this.#form.input(operation);
        input = redacted(operation.input, decoded.input);
        const blow = hits.find((fault) => "error" in fault);
        if (blow !== undefined && !blow.error.done) throw scripted(blow.error);
        const handler = wire.service.operations[name];
        if (handler === undefined) throw unknownOperation(wire, name);
        validate(wire, name, decoded);
        if (caller) authorize(caller, service, name, decoded.input, call);
        const alterations = hits.flatMap((hit) => ("answer" in hit ? [hit.answer] : []));
        response = { value: this.#form.answer(operation, handler(decoded.input, call), requestId, alterations) };
        if (blow !== undefined) {
          outcome = blow.error.code;
          response = { value: this.#form.refusal(scripted(blow.error), requestId) };
        }
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.#world.rollback();
        outcome = error.code;
        response = { value: this.#form.refusal(error, requestId) };
      }
    }
    changed = (kindOf(name) === "read" ? this.#world.release() : this.#world.commit()) || changed;
    if (resets.length > 0) outcome = "reset";
    log?.({ at: new Date(this.#now).toISOString(), ...target, kind: kindOf(name), input, outcome });
    if (response === undefined || resets.length > 0) return { changed, result: { reset: true } };
    const slowMs = Math.max(0, ...hits.map((fault) => ("slowMs" in fault ? fault.slowMs : 0)));
    return { changed, result: { response: response.value, slowMs } };
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
