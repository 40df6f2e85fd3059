// The people whose enrollments the worker holds, by number. The page says each time which one it means: what it shows and
// what is compared cannot come from two enrollments.

export function holdPeople() {
  const held = new Map();
  let last = 0;
  let round = 0; // incremented by `keep`: an enrollment that was begun before is dropped

  return {
    /** Hold the person that `opening` resolves to: their number; null for nobody. Rejects where `keep` was called meanwhile. */
    async add(opening) {
      const mine = round;
      const person = await opening();
      if (mine !== round) throw new Error('Stopped.');
      if (!person) return null;
      held.set(++last, person);
      return last;
    },

    /** The person of a number; throws where there is none. */
    of(number) {
      if (!held.has(number)) throw new Error('This enrollment is gone: enroll again.');
      return held.get(number);
    },

    /** Forget everybody but these numbers, and whoever is being added. */
    keep(...numbers) {
      round++;
      for (const number of held.keys()) if (!numbers.includes(number)) held.delete(number);
    },
  };
}
