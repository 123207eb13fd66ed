import { type Alteration, altered } from "./altered.ts";
import { Refusal } from "./service.ts";
import type { Decoded } from "./shapes.ts";
import {
  decode,
  encode,
  encodeRefusal,
  type Operation,
  operationOf,
  type Wire,
  type WireRequest,
  type WireResponse,
} from "./wire.ts";

/** What one request is written in, and its answer. */
export interface Form<T> {
  /** Which of the service's operations is asked for; its name alone when the service has none of that name. */
  readonly operation: Operation | string;
  input(operation: Operation): Decoded;
  answer(operation: Operation, value: unknown, requestId: string, alterations: readonly Alteration[]): T;
  refusal(refusal: Refusal, requestId: string): T;
}

/** One request as it came, answered in kind. */
export function inBytes(wire: Wire, request: WireRequest): Form<WireResponse> {
  return {
    operation: operationOf(wire, request),
    input(operation) {
      try {
        return decode(wire, operation, request);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        throw new Refusal("SerializationException", "the request's body is not JSON");
      }
    },
    answer: (operation, value, requestId, alterations) =>
      alterations.reduce(altered, encode(wire, operation, value, requestId)),
    refusal: (refusal, requestId) => encodeRefusal(wire, refusal, requestId),
  };
}
