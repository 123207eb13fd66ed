#!/bin/sh
// 2>/dev/null; command -v node >/dev/null && exec node "$0" "$@"; echo 'error: bootstrap needs Node 20.19 or newer, and no node is on the PATH' >&2; exit 127

// A shell reads the line above, and a Node of any age the rest: nothing newer than ES2015, and no module.
const [major, minor] = process.versions.node.split(".").map(Number);

if (major > 20 || (major === 20 && minor >= 19)) require("./start.js");
else {
  const { execPath, versions } = process;
  process.stderr.write(`error: bootstrap needs Node 20.19 or newer, and ${execPath} is Node ${versions.node}\n`);
  process.exitCode = 1;
}
