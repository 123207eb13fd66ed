import type { Table } from "./demands.ts";

/** Takes no right, and cannot be denied. */
export const sts: Table = { GetCallerIdentity: [] };
