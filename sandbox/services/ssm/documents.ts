import type { SendCommandCommandInput } from "@aws-sdk/client-ssm";
import { type Call, Refusal } from "../../service.ts";
import type { SsmOperations } from "./state.ts";

const SHELL_DOCUMENT = "AWS-RunShellScript";
const PARAMETERS = ["commands", "workingDirectory", "executionTimeout"];
/** No page says how much a command may hold; that of documents is taken. */
const MOST_BYTES = 64 * 1024;
const MOST_SECONDS = 172_800;

export interface CommandParameters {
  readonly parameters: Readonly<Record<string, readonly string[]>>;
  readonly executionTimeoutSeconds: number;
}

/** Refuses what the shell document does not take. */
export function checkedParameters(input: SendCommandCommandInput, call: Call): CommandParameters {
  checkDocument(input.DocumentName!, call);
  const parameters = input.Parameters ?? {};
  const unknown = Object.keys(parameters).find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined) throw new Refusal("InvalidParameters", `Parameter "${unknown}" is not valid.`);
  if ((parameters.commands ?? []).length === 0) {
    throw new Refusal("InvalidParameters", 'Parameter "commands" is required.');
  }
  if (Buffer.byteLength(JSON.stringify(parameters)) > MOST_BYTES) {
    throw new Refusal("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.");
  }
  const timeout = parameters.executionTimeout?.[0] ?? "3600";
  const seconds = Number(timeout);
  if (!/^\d+$/.test(timeout) || seconds < 1 || seconds > MOST_SECONDS) {
    throw new Refusal("InvalidParameters", 'Parameter "executionTimeout" does not match its allowed pattern.');
  }
  return { parameters, executionTimeoutSeconds: seconds };
}

export const documentOperations = {
  DescribeDocument(input, call) {
    checkDocument(input.Name!, call);
    return {
      Document: {
        Name: SHELL_DOCUMENT,
        Owner: "Amazon",
        Status: "Active",
        DocumentVersion: "1",
        Description: "Run a shell script or specify the commands to run.",
        PlatformTypes: ["Linux", "MacOS"],
        DocumentType: "Command",
        SchemaVersion: "1.2",
        LatestVersion: "1",
        DefaultVersion: "1",
        DocumentFormat: "JSON",
        Parameters: PARAMETERS.map((Name) => ({ Name, Type: Name === "commands" ? "StringList" : "String" })),
      },
    };
  },
} satisfies SsmOperations;

function checkDocument(nameOrArn: string, { partition, region }: Call): void {
  const name = nameOrArn.replace(`arn:${partition}:ssm:${region}::document/`, "");
  if (/^AWS-RunPowerShellScript$/.test(name)) {
    throw new Refusal("UnsupportedPlatformType", "The document does not support the platform of the instances.");
  }
  if (name !== SHELL_DOCUMENT) {
    throw new Refusal("InvalidDocument", `Document with name ${nameOrArn} does not exist.`);
  }
}
