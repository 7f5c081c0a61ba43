/** What persons are being asked, by what it is about. */
const asked = new Set<string>();

/**
 * Ask a person something, unless the same is being asked: a key that is held
 * down, or a second click before there is a dialog, would have one follow
 * another, each with the same question.
 *
 * @param about - What it is about.
 * @param ask - Asks it.
 *
 * @returns The answer; null when the same is being asked.
 */
export async function askOnce<T>(
  about: string,
  ask: () => Promise<T>
): Promise<T | null> {
  if (asked.has(about)) {
    return null;
  }
  asked.add(about);
  try {
    return await ask();
  } finally {
    asked.delete(about);
  }
}
