// Loaded before the CLI: its clock and its waits run at the pace of a sandbox that is not its own.
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers/promises";

const speed = Number(process.env.HASTE);
const { now } = Date;
const startedAt = now();
const { setTimeout: wait } = timers;
Date.now = () => startedAt + (now() - startedAt) * speed;
timers.setTimeout = (ms, value, options) => wait(ms / speed, value, options);
syncBuiltinESMExports();
