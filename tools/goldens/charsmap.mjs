// Builds SentencePiece's "precompiled charsmap" from rules: the size of a double-array trie
// (darts-clone's layout), the trie, then the replacements, each ended by a zero.

const HAS_VALUE = 1 << 8;

/** A tree of bytes; `value` is the place of the replacement. */
function tree(rules) {
  const root = { children: new Map() };
  const blob = [];
  for (const [from, to] of rules) {
    let node = root;
    for (const byte of Buffer.from(from)) {
      if (!node.children.has(byte)) node.children.set(byte, { children: new Map() });
      node = node.children.get(byte);
    }
    node.value = blob.length;
    blob.push(...Buffer.from(to), 0);
  }
  return { root, blob: Buffer.from(blob) };
}

/**
 * Places each node's children at base ^ label, where nothing lies yet. No two nodes share a base:
 * a child's unit says its label but not whose child it is.
 */
function place(root) {
  const units = new Map([[0, 0]]);
  const bases = new Set();
  const queue = [{ node: root, at: 0, label: 0 }];
  while (queue.length > 0) {
    const { node, at, label } = queue.shift();
    const labels = [...node.children.keys()].sort((a, b) => a - b);
    if (node.value !== undefined) labels.unshift(0);
    let base = 1;
    while (bases.has(base) || labels.some((l) => units.has(base ^ l))) ++base;
    bases.add(base);
    for (const l of labels) units.set(base ^ l, 0);
    const value = node.value === undefined ? 0 : HAS_VALUE;
    units.set(at, (((at ^ base) << 10) | value | label) >>> 0);
    if (node.value !== undefined) units.set(base, (node.value | 0x80000000) >>> 0);
    for (const l of labels) {
      if (node.children.has(l)) queue.push({ node: node.children.get(l), at: base ^ l, label: l });
    }
  }
  return units;
}

/** The charsmap of [from, to] pairs, in base64. */
export function charsmap(rules) {
  const { root, blob } = tree(rules);
  const units = place(root);
  const size = Math.ceil((Math.max(...units.keys()) + 1) / 256) * 256;
  const head = Buffer.alloc(4 + 4 * size);
  head.writeUInt32LE(4 * size, 0);
  for (const [at, unit] of units) head.writeUInt32LE(unit, 4 + 4 * at);
  return Buffer.concat([head, blob]).toString("base64");
}
