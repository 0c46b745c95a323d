/** Options of the commands that can serve the explorer. */
import { type Command, Option } from 'commander';
import { parseCount } from '../sizes.ts';

/** How and where the explorer is served. */
export interface ServeFlags {
  readonly port?: number;
  readonly host?: string;
  readonly allowHost?: readonly string[];
  readonly interval?: number;
}

/** Their defaults are the server's own, so Commander, which has none, cannot tell them. */
export function addServeFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--port <n>',
        "the explorer's port; 0: any free one (default: the first free one from 6090 on)",
      ).argParser((text) => parseCount(text, '--port', 0, 65535)),
    )
    .addOption(
      new Option('--host <address>', 'address at which the explorer is served (default: 127.0.0.1, this machine only)'),
    )
    .addOption(new Option('--allow-host <name...>', 'other names that it is asked by, such as that of a proxy'))
    .addOption(
      new Option('--interval <ms>', 'milliseconds between two samples (default: 500)').argParser((text) =>
        parseCount(text, '--interval', 20, 60_000),
      ),
    );
}

/** `--explore` for commands that do something else. The last of it and `--no-explore` counts. */
export function addExploreFlags(command: Command): Command {
  command
    .option('--explore', 'serve a page that shows the heap meanwhile, and until Ctrl-C where a person watches')
    .option('--no-explore', 'do not (for scripts that have --explore in them)');
  return addServeFlags(command);
}

/** The options as the server takes them. */
export function serverOptions({ port, host, allowHost, interval }: ServeFlags): {
  port?: number | undefined;
  host?: string | undefined;
  allowHosts?: readonly string[] | undefined;
  interval?: number | undefined;
  portFlag: string;
} {
  return { port, host, allowHosts: allowHost, interval, portFlag: '--port' };
}
