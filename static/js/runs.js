// Runs of equal values, as the server sends them: [[value, how many], ...].

export const expand = (runs) => runs.flatMap(([value, count]) => Array(count).fill(value));

export function compress(values) {
  const runs = [];
  for (const value of values) {
    const last = runs.at(-1);
    if (last && last[0] === value) last[1] += 1;
    else runs.push([value, 1]);
  }
  return runs;
}
