import { BatchClient } from "@aws-sdk/client-batch";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { EC2Client } from "@aws-sdk/client-ec2";
import { ECRClient } from "@aws-sdk/client-ecr";
import { FSxClient, type FSxClientConfig } from "@aws-sdk/client-fsx";
import { IAMClient } from "@aws-sdk/client-iam";
import { ServiceQuotasClient } from "@aws-sdk/client-service-quotas";
import { SSMClient } from "@aws-sdk/client-ssm";
import { type ServiceInputTypes, type ServiceOutputTypes, STSClient } from "@aws-sdk/client-sts";
import type { HandlerExecutionContext } from "@smithy/types";
import { collecting } from "./collected.ts";
import { UNREADABLE } from "./errors.ts";
import { notingDoubt, retryOn } from "./retry.ts";
import { readingRolesAtOnce } from "./roles-at-once.ts";

/** How AWS, or an endpoint that speaks like it, is reached. What is left out comes from the SDK's own chain. */
export interface Connection {
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  readonly useFipsEndpoint?: boolean | undefined;
  readonly useDualstackEndpoint?: boolean | undefined;
  /** In place of the network. */
  readonly requestHandler?: FSxClientConfig["requestHandler"];
  readonly patience?: Patience | undefined;
  /** Waits between retries, on the engine's clock. */
  sleep(ms: number): Promise<void>;
}

/** How long a connection, and an answer, are waited for; in milliseconds of real time. */
export interface Patience {
  readonly connectMs: number;
  /** From the request to the answer, and between two parts of it. */
  readonly answerMs: number;
}

/**
 * The SDK itself waits for ever: a laptop that slept or changed its network is left with connections on which nothing
 * will ever come. What runs out is tried again on a new one.
 */
const PATIENCE: Patience = { connectMs: 5_000, answerMs: 60_000 };

const CLIENTS = {
  batch: BatchClient,
  ec2: EC2Client,
  ecr: ECRClient,
  fsx: FSxClient,
  iam: IAMClient,
  logs: CloudWatchLogsClient,
  quotas: ServiceQuotasClient,
  ssm: SSMClient,
  sts: STSClient,
} as const;

/** One client for each service, made at first use. The only place that makes clients. */
export type Cloud = { readonly [K in keyof typeof CLIENTS]: InstanceType<(typeof CLIENTS)[K]> } & {
  /** Closes the connections that were opened. */
  destroy(): void;
};

export function connect({
  sleep,
  patience: { connectMs, answerMs } = PATIENCE,
  requestHandler = {
    ...{ connectionTimeout: connectMs, socketTimeout: answerMs, requestTimeout: answerMs },
    throwOnRequestTimeout: true,
  },
  ...given
}: Connection): Cloud {
  // A client takes a key whose value is undefined for a choice.
  const chosen = Object.entries(given).filter(([, value]) => value !== undefined);
  const config = {
    ...{ retryStrategy: retryOn(sleep), requestHandler, ...Object.fromEntries(chosen) },
  };
  const made = new Map<string, { destroy(): void }>();
  const cloud = {
    destroy() {
      for (const client of made.values()) client.destroy();
    },
  };
  for (const [name, Client] of Object.entries(CLIENTS)) {
    Object.defineProperty(cloud, name, {
      enumerable: true,
      get() {
        const known = made.get(name);
        if (known) return known;
        const client = new Client(config);
        // To all of them it is the same stack.
        const { middlewareStack } = client as STSClient;
        middlewareStack.add(collecting<ServiceInputTypes, ServiceOutputTypes>(), {
          step: "initialize",
          name: "collecting",
        });
        if (client instanceof IAMClient) {
          client.middlewareStack.add(readingRolesAtOnce(client), { step: "initialize", name: "readingRolesAtOnce" });
        }
        middlewareStack.add(namingUnreadable, { step: "initialize", name: "namingUnreadable" });
        middlewareStack.add(notingDoubt, { step: "finalizeRequest", priority: "low", name: "notingDoubt" });
        made.set(name, client);
        return client;
      },
    });
  }
  return cloud as Cloud;
}

/** An answer that cannot be parsed is told as: service, operation, status, first characters; the SDK's words name its own fields. */
function namingUnreadable<A, O>(next: (args: A) => Promise<O>, { clientName, commandName }: HandlerExecutionContext) {
  return async (args: A): Promise<O> => {
    try {
      return await next(args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes(REMARK)) throw error;
      const { $response: { statusCode } = {}, $responseBodyText: body } = error as Unread;
      const why = (body || error.message.split(REMARK)[0]!).slice(0, MOST_SHOWN).replace(/\s+/g, " ").trim();
      const asked = [clientName?.replace(/Client$/, ""), commandName?.replace(/Command$/, "")].join(" ");
      throw Object.assign(new Error(`${asked} was answered with HTTP ${statusCode}, and not as AWS answers: ${why}`), {
        name: UNREADABLE,
        $metadata: { httpStatusCode: statusCode },
      });
    }
  };
}

/** The SDK's own, after what its parser says, which quotes how the answer begins. */
const REMARK = "Deserialization error:";

interface Unread extends Error {
  readonly $response?: { readonly statusCode?: number };
  readonly $responseBodyText?: string;
}

const MOST_SHOWN = 200;
