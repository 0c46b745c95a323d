import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Bundles test/support/*-worker.ts: workers need plain JavaScript, and should always run the current source.
    globalSetup: ['test/support/bundle-workers.ts'],
    // Each file in a process of its own: heaps reserve a lot of address space, and some tests start many threads.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // A page that two busy processors draw may take a while.
    expect: { poll: { timeout: 15_000 } },
  },
});
