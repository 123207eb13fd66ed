import type { Call } from "../../service.ts";
import { releaseInterfaces } from "../ec2/interfaces.ts";
import { instances } from "../ec2/kinds.ts";
import { releaseServiceLinkedRole } from "../iam.ts";
import {
  type ActionState,
  type Change,
  type FileSystemState,
  type FsxState,
  fileSystemLife,
  fsxState,
} from "./state.ts";

/** Finishes what is due: creations, updates, deletions. */
export function settleFileSystems(call: Call): void {
  const state = fsxState(call);
  for (const fileSystem of Object.values(state.fileSystems)) {
    for (const action of fileSystem.actions) settleAction(call, fileSystem, action);
    if (fileSystem.lifecycle === "UPDATING" && !fileSystem.actions.some(holdsUp)) fileSystem.lifecycle = "AVAILABLE";
  }
  fileSystemLife.settle(call, state.fileSystems, (fileSystem, lifecycle, at) => {
    fileSystem.failure = lifecycle === "FAILED" ? fileSystem.doom : undefined;
    if (lifecycle === undefined) finishDeletion(call, state, fileSystem, at);
  });
  const due = state.lingering.filter(({ until }) => until <= call.now);
  if (due.length === 0) return;
  releaseInterfaces(
    call,
    due.flatMap(({ interfaceIds }) => interfaceIds),
  );
  state.lingering = state.lingering.filter(({ until }) => until > call.now);
}

function finishDeletion(call: Call, state: FsxState, { id, arn, interfaceIds }: FileSystemState, at: number): void {
  for (const [token, bound] of Object.entries(state.tokens)) {
    if (bound.id === id) delete state.tokens[token];
  }
  state.lingering.push({ interfaceIds, until: at + call.between(0, 45_000) });
  releaseServiceLinkedRole(call, "fsx.amazonaws.com", arn);
}

/** PENDING, IN_PROGRESS, then done; growing goes on in the background after the file system is usable again. */
function settleAction(call: Call, fileSystem: FileSystemState, action: ActionState): void {
  const { now } = call;
  if (holdsUp(action) && action.target?.version !== undefined && action.doom === undefined) {
    const clients = clientsOf(call, fileSystem);
    if (clients > 0) {
      action.doom = `The file system version could not be updated to ${action.target.version} because ${clients} clients are connected. All clients must be disconnected before and during the update.`;
    }
  }
  if (action.status === "PENDING" && now >= action.nextAt) {
    action.status = "IN_PROGRESS";
    action.nextAt = action.doneAt;
  }
  if (action.status === "IN_PROGRESS" && now >= action.doneAt) {
    action.status = action.doom === undefined ? "COMPLETED" : "FAILED";
    if (action.doom !== undefined || action.target === undefined) return;
    apply(fileSystem, action.target);
    if (action.target.capacityGiB !== undefined) action.status = "UPDATED_OPTIMIZING";
  }
  if (action.status === "UPDATED_OPTIMIZING") {
    const rebalance = fileSystem.actions.find(({ type }) => type === "STORAGE_OPTIMIZATION");
    if (rebalance === undefined || now >= rebalance.doneAt) action.status = "COMPLETED";
  }
}

/** Running instances whose boot mounts it. */
function clientsOf(call: Call, { id }: FileSystemState): number {
  return instances
    .all(call)
    .filter(
      ({ state, userData = "" }) => state === "running" && Buffer.from(userData, "base64").toString().includes(id),
    ).length;
}

function holdsUp({ type, status }: ActionState): boolean {
  return type === "FILE_SYSTEM_UPDATE" && (status === "PENDING" || status === "IN_PROGRESS");
}

function apply(fileSystem: FileSystemState, change: Change): void {
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  Object.assign(fileSystem, Object.fromEntries(given));
}
