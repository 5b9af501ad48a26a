// Proofs of `eth_getProof`, checked against a state root by the rules of the Merkle Patricia trie alone.

import { fromRlp, keccak256 } from "viem";

/** The value under a key, in RLP, or null if the proof shows that there is none. Throws if it proves nothing. */
function valueIn(root, key, nodes) {
  const path = keccak256(key).slice(2);
  let at = 0;
  let wanted = root;
  for (const [depth, encoded] of nodes.entries()) {
    if (typeof wanted === "string" && keccak256(encoded) !== wanted) {
      throw new Error(`node ${depth} of the proof has another hash`);
    }
    let node = fromRlp(encoded, "hex");
    for (;;) {
      let next;
      if (node.length === 17) {
        next = node[Number.parseInt(path[at], 16)];
        at += 1;
      } else {
        const nibbles = node[0].slice(2);
        const leaf = Number.parseInt(nibbles[0], 16) >= 2;
        const part = nibbles.slice(Number.parseInt(nibbles[0], 16) % 2 === 1 ? 1 : 2);
        if (!path.startsWith(part, at)) return null;
        at += part.length;
        if (leaf) {
          if (at !== path.length) throw new Error("a leaf above the end of the path");
          return node[1];
        }
        next = node[1];
      }
      if (next === "0x") return null;
      // A node of fewer than 32 bytes stands in its parent.
      if (Array.isArray(next)) {
        node = next;
        continue;
      }
      wanted = next;
      break;
    }
  }
  if (nodes.length === 0 && root === EMPTY_ROOT) return null;
  throw new Error("the proof ends too early");
}

const EMPTY_ROOT = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";

/** The value of an account's slot that an answer of `eth_getProof` proves under a state root. */
export function provenSlot(stateRoot, address, slot, answer) {
  const account = valueIn(stateRoot, address, answer.accountProof);
  if (account === null) return 0n;
  const [, , storageRoot] = fromRlp(account, "hex");
  const value = valueIn(storageRoot, slot, answer.storageProof[0].proof);
  return value === null ? 0n : BigInt(fromRlp(value, "hex"));
}
