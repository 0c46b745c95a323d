/** Removes the folder that a Chromium had its profile in. */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Its processes may write for a moment after their first one is gone, and `rmSync` repeats only the last step of what it
 * does; so the whole is repeated. A profile that stays is a matter of the system's temporary folder, not of a test.
 */
export async function removeProfile(folder: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      rmSync(folder, { recursive: true, force: true });
      return;
    } catch (error) {
      if (attempt === 50) return console.warn(`${folder} stays: ${error}`);
      await sleep(100);
    }
  }
}
