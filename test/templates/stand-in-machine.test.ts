import { describe, expect, it } from "vitest";
import { complaints } from "./shell-checks.ts";
import { StandInMachine } from "./stand-in-machine.ts";

describe("the stand-in machine", () => {
  it("moves a script's paths below its own root", () => {
    using machine = new StandInMachine({});
    machine.run("echo mine >/etc/file; mkdir -p /var/lib/x");
    expect(machine.read("etc/file")).toBe("mine\n");
    expect(machine.has("var/lib/x")).toBe(true);
  });

  it.each(["rm -rf /tmp", "rm -rf /opt/x", 'rm -rf "/boot"'])("refuses to run %s", (script) => {
    using machine = new StandInMachine({});
    expect(() => machine.run(script)).toThrow("the script would touch this machine's /");
  });
});

it("broken shell is complained about", () => {
  expect(complaints("#!/bin/bash\nif true; then\n")).not.toBe("");
});
