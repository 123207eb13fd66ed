import { type HttpRequest, HttpResponse } from "@smithy/core/transport";
import type { Sandbox } from "./sandbox.ts";

/** An SDK `requestHandler` that hands the bytes of each request to the sandbox, with no socket and no timer. */
export function inProcess(sandbox: Pick<Sandbox, "request">) {
  return {
    metadata: { handlerProtocol: "http/1.1" },

    async handle(request: HttpRequest, { abortSignal }: { readonly abortSignal?: unknown } = {}) {
      const query = new URLSearchParams();
      for (const [name, value] of Object.entries(request.query ?? {})) {
        for (const item of [value].flat()) query.append(name, item ?? "");
      }
      const response = await sandbox.request(
        {
          method: request.method,
          path: query.size > 0 ? `${request.path}?${query}` : request.path,
          headers: Object.fromEntries(
            Object.entries(request.headers).map(([name, text]) => [name.toLowerCase(), text]),
          ),
          body: textOf(request.body),
        },
        abortSignal instanceof AbortSignal ? abortSignal : undefined,
      );
      const { status, headers, body } = response;
      return {
        response: new HttpResponse({
          statusCode: status,
          headers: { ...headers },
          body: new TextEncoder().encode(body),
        }),
      };
    },

    destroy() {},
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
  };
}

function textOf(body: unknown): string {
  if (body === undefined || body === null) return "";
  return typeof body === "string" ? body : new TextDecoder().decode(body as Uint8Array);
}
