// The ways to make small objects that the structs case measures.
export const WAYS = ['new with fields', 'new, then fields', 'slice of structs', 'plain objects'] as const;
export type Way = (typeof WAYS)[number];
