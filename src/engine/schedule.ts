/** Runs the work of each key once; whoever asks for it, before or after, waits for the same promise. */
export function once<K, V>(run: (key: K) => Promise<V>): (key: K) => Promise<V> {
  const runs = new Map<K, Promise<V>>();
  return (key) => {
    const running = runs.get(key) ?? run(key);
    runs.set(key, running);
    return running;
  };
}

/** Waits for all of them, also when one fails, so that nothing goes on behind the caller's back; then throws the first failure. */
export async function all<V>(promises: Iterable<Promise<V>>): Promise<V[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}
