/** The declarations of what shared maps consist of, in object memory; part of registry.ts. */
import { defineStruct } from './define.ts';
import {
  DIR_ENTRY_WORDS,
  DIR_SHIFT,
  DIR_TABLE,
  GROUP_CTRL_WORDS,
  GROUP_SLOTS,
  MAP_LOCK,
  MAP_ROOT,
  MAP_SEED0,
  MAP_SEED1,
  MAP_WORDS,
  TABLE_DEPTH,
  TABLE_GROUPS,
  TABLE_HI,
  TABLE_LEFT,
  TABLE_LO,
  TABLE_LOCK,
  TABLE_MASK,
  TABLE_PARTNER,
  TABLE_PENDING,
  TABLE_PREFIX,
  TABLE_SEQ,
  TABLE_SPARE,
  TABLE_TAG,
  TABLE_USED,
  TABLE_WORDS,
} from './map.ts';

defineStruct('map', 'Map', MAP_WORDS, {
  root: [MAP_ROOT, 'addr', 'atomic'],
  lock: [MAP_LOCK, 'u32', 'atomic'],
  seed0: [MAP_SEED0, 'u32', 'immutable'],
  seed1: [MAP_SEED1, 'u32', 'immutable'],
});

defineStruct('mapTable', 'table', TABLE_WORDS, {
  groups: [TABLE_GROUPS, 'addr', 'locked'],
  tag: [TABLE_TAG, 'i32', 'immutable'],
  mask: [TABLE_MASK, 'u32', 'immutable'],
  seq: [TABLE_SEQ, 'u32', 'atomic'],
  lock: [TABLE_LOCK, 'u32', 'atomic'],
  depth: [TABLE_DEPTH, 'u32', 'immutable'],
  prefix: [TABLE_PREFIX, 'u32', 'immutable'],
  used: [TABLE_USED, 'u32', 'locked'],
  left: [TABLE_LEFT, 'u32', 'locked'],
  lo: [TABLE_LO, 'addr', 'locked'],
  hi: [TABLE_HI, 'addr', 'locked'],
  partner: [TABLE_PARTNER, 'addr', 'locked'],
  spare: [TABLE_SPARE, 'addr', 'locked'],
  pending: [TABLE_PENDING, 'u32', 'locked'],
});

defineStruct('mapDirectoryEntry', 'Map.directory', DIR_ENTRY_WORDS, {
  table: [DIR_TABLE, 'addr', 'atomic'],
  shift: [DIR_SHIFT, 'u32', 'immutable'],
});

// Slots follow, as wide as the map's keys and values ask for.
defineStruct('mapGroup', 'group', GROUP_CTRL_WORDS, {
  ctrl: [0, 'words', 'locked', GROUP_CTRL_WORDS],
});

if (GROUP_SLOTS !== GROUP_CTRL_WORDS * 4 || DIR_SHIFT !== TABLE_TAG || DIR_TABLE !== TABLE_GROUPS) {
  throw new Error('layout: a directory can no longer be told from a table, or slots from control bytes');
}
