import type { Call } from "../service.ts";

/** What a handler answers: the SDK's output type without what the SDK adds on its side. */
export type Answer<T> = Omit<T, "$metadata">;

/** Handlers of a service's operations, by name, typed by the commands of its SDK client's module. */
export type Operations<Sdk> = {
  readonly [Name in keyof Sdk as Name extends `${infer Operation}Command` ? Operation : never]?: HandlerOf<Sdk[Name]>;
};

type HandlerOf<Command> = Command extends abstract new (
  ...input: never
) => {
  readonly input: infer Input;
  resolveMiddleware(...args: never): (args: never) => Promise<{ readonly output: infer Output }>;
}
  ? // biome-ignore lint/suspicious/noConfusingVoidType: many operations of EC2 answer nothing
    (input: Input, call: Call) => Partial<Answer<Output>> | void
  : never;
