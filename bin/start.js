import("../dist/bootstrap.js").catch((error) => {
  if (error?.code !== "ERR_MODULE_NOT_FOUND") throw error;
  const folder = require("node:path").resolve(__dirname, "..");
  process.stderr.write(`error: bootstrap is not built yet: ${error.message}\nhint: (cd ${folder} && npm ci)\n`);
  process.exitCode = 1;
});
