/**
 * What the demonstration's heap holds: a made-up web site. Pages lead to each other and to their authors, comments hang on
 * them in lists, some have pictures, and a map counts words.
 */
import { bytes, f64, map, ref, slice, string, struct, u16, u32 } from '../../index.ts';

export const Author = struct('Author', { name: string, born: u16, pages: u32 });

export const Comment = struct('Comment', {
  by: ref(Author),
  text: string,
  get next() {
    return ref(Comment);
  },
});

export const Page = struct('Page', {
  title: string,
  text: string,
  rank: f64,
  visits: u32,
  author: ref(Author),
  picture: bytes,
  comments: ref(Comment),
  get links() {
    return Pages;
  },
});

export const Pages = slice(ref(Page));

export const Count = struct('Count', { pages: u32, visits: u32 });

export const Site = struct('Site', {
  name: string,
  pages: Pages,
  authors: slice(ref(Author)),
  words: map(string, Count),
});
