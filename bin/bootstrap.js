#!/usr/bin/env node
try {
  await import("../dist/bootstrap.js");
} catch (error) {
  if (error?.code !== "ERR_MODULE_NOT_FOUND") throw error;
  const { fileURLToPath } = await import("node:url");
  const folder = fileURLToPath(new URL("..", import.meta.url));
  process.stderr.write(`error: bootstrap is not built yet: ${error.message}\nhint: (cd ${folder} && npm ci)\n`);
  process.exitCode = 1;
}
