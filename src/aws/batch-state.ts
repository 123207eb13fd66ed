import type { CEStatus, JQStatus } from "@aws-sdk/client-batch";
import type { Found, State } from "../engine/step.ts";
import { stateFrom } from "./state.ts";

const STATE: Readonly<Record<CEStatus | JQStatus, State>> = {
  CREATING: "pending",
  UPDATING: "pending",
  VALID: "ready",
  INVALID: "failed",
  DELETING: "deleting",
  DELETED: "deleting",
};

/** What Batch says of a compute environment or a job queue, with its reason where that is invalid. */
export function batchState({
  state,
  status,
  statusReason,
}: {
  readonly state?: string | undefined;
  readonly status?: string | undefined;
  readonly statusReason?: string | undefined;
}): Pick<Found, "state" | "unsure"> & { readonly detail: string } {
  const { detail, ...now } = stateFrom(STATE, status);
  const word = state === "DISABLED" ? `${detail}, DISABLED` : detail;
  return { ...now, detail: status === "INVALID" ? (statusReason ?? word) : word };
}
