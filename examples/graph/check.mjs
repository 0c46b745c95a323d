/** The same network and the same search with plain JS objects in one thread. */
import { friendships } from './network.mjs';

/**
 * Everybody's distance from person 0.
 * @param {number} count
 */
export function plainDistances(count) {
  /** @type {{ distance: number, friends: any[] }[]} */
  const people = Array.from({ length: count }, () => ({ distance: -1, friends: [] }));
  friendships(count, 0, count, (a, b) => {
    people[a].friends.push(people[b]);
    people[b].friends.push(people[a]);
  });
  people[0].distance = 0;
  for (let frontier = [people[0]], distance = 1; frontier.length > 0; distance++) {
    const found = [];
    for (const person of frontier) {
      for (const friend of person.friends) {
        if (friend.distance !== -1) continue;
        friend.distance = distance;
        found.push(friend);
      }
    }
    frontier = found;
  }
  return people.map((person) => person.distance);
}
