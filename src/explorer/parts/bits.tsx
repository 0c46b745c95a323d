/** A row of bits. */
import type { JSX } from 'preact';

export type Bit = 'on' | 'half' | 'off';

export function Bits(props: {
  readonly bits: readonly Bit[];
  readonly label: string;
  /** Bits that were written, or read, just now. */
  readonly lit?: (index: number) => 'changed' | 'looked' | null;
}): JSX.Element {
  return (
    <span class="bits" role="img" aria-label={props.label} title={props.label}>
      {props.bits.map((bit, i) => (
        <i key={i} class={`${bit} ${props.lit?.(i) ?? ''}`} />
      ))}
    </span>
  );
}
