// What npm runs after an install in a clone: the build, if its tools are there. With `--omit=dev` they are not, and an
// install must not fail for that.
try {
  import.meta.resolve('esbuild');
} catch {
  console.log('spanheap: not built, because its development packages are not installed');
  process.exit();
}
process.argv.push('--types');
await import('./build.mjs');
