// Category paths: "Bags > Handbags".

/** The last part of a category path, which is what a shopper calls it. */
export const lastOf = (path) => path.split(" > ").at(-1);

/** Whether one category path lies within the other: choosing a part of a chosen whole means that part only. */
export const related = (a, b) => a.startsWith(`${b} > `) || b.startsWith(`${a} > `);

/** Category paths as a tree in reading order: children indented under parents that are listed, the most frequent first. */
export function asTree(values) {
  const listed = new Map(values.map((each) => [each.value, each]));
  const parentOf = (path) => {
    const parent = path.split(" > ").slice(0, -1).join(" > ");
    return listed.has(parent) ? parent : "";
  };
  const children = Map.groupBy(values, (each) => parentOf(each.value));
  const walk = (parent, depth) =>
    (children.get(parent) ?? [])
      .sort((a, b) => b.count - a.count || a.value.localeCompare(b.value))
      .flatMap((each) => [{ ...each, depth: Math.min(3, depth), label: parent ? each.value.slice(parent.length + 3) : each.value }, ...walk(each.value, depth + 1)]);
  return walk("", 0);
}
