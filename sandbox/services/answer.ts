/** What a handler answers: the SDK's output type without what the SDK adds on its side. */
export type Answer<T> = Omit<T, "$metadata">;
