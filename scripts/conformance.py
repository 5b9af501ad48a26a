"""Random state tests and chains, filled by Ethereum's executable specification, run by the node.

The specification gives roots, hashes of logs and refusals for each fork; `qenex evm statetest` and
`qenex eth import` must find the same. Chains go through all forks, with uncles, withdrawals,
requests and blobs; each block is also offered with one field of its header wrong, and must be
refused.
"""

import io
import json
import logging
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import coincurve
from ethereum.crypto.hash import keccak256
from ethereum_rlp import rlp
from ethereum_spec_tools.evm_tools import create_parser
from ethereum_spec_tools.evm_tools.t8n import T8N, ForkCache

logging.disable(logging.CRITICAL)

# Fork in the tests' names, and since when transactions of a type may be sent.
FORKS = [
    "Frontier", "Homestead", "EIP150", "EIP158", "Byzantium", "ConstantinopleFix", "Istanbul",
    "Berlin", "London", "Paris", "Shanghai", "Cancun", "Prague", "Osaka", "BPO1", "BPO2",
]
AT = {name: index for index, name in enumerate(FORKS)}
BERLIN, LONDON, PARIS, SHANGHAI, CANCUN, PRAGUE, OSAKA = (
    AT[name] for name in ("Berlin", "London", "Paris", "Shanghai", "Cancun", "Prague", "Osaka")
)

KEYS = [keccak256(b"qenex %d" % i) for i in range(4)]
COINBASE = "0x" + "c0" * 20
# Contracts of EIP-2935, -4788, -7002 and -7251 with the code these EIPs give.
SYSTEM = {
    "0x0000f90827f1c53a10cb7a02335b175320002935": "0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500",
    "0x000f3df6d732807ef1319fb7b8bb8522d0beac02": "0x3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500",
    "0x00000961ef480eb55e80d19ad83579a64c007002": "0x3373fffffffffffffffffffffffffffffffffffffffe1460cb5760115f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff146101f457600182026001905f5b5f82111560685781019083028483029004916001019190604d565b909390049250505036603814608857366101f457346101f4575f5260205ff35b34106101f457600154600101600155600354806003026004013381556001015f35815560010160203590553360601b5f5260385f601437604c5fa0600101600355005b6003546002548082038060101160df575060105b5f5b8181146101835782810160030260040181604c02815460601b8152601401816001015481526020019060020154807fffffffffffffffffffffffffffffffff00000000000000000000000000000000168252906010019060401c908160381c81600701538160301c81600601538160281c81600501538160201c81600401538160181c81600301538160101c81600201538160081c81600101535360010160e1565b910180921461019557906002556101a0565b90505f6002555f6003555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff14156101cd57505f5b6001546002828201116101e25750505f6101e8565b01600290035b5f555f600155604c025ff35b5f5ffd",
    "0x0000bbddc7ce488642fb579f8b00f3a590007251": "0x3373fffffffffffffffffffffffffffffffffffffffe1460d35760115f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff1461019a57600182026001905f5b5f82111560685781019083028483029004916001019190604d565b9093900492505050366060146088573661019a573461019a575f5260205ff35b341061019a57600154600101600155600354806004026004013381556001015f358155600101602035815560010160403590553360601b5f5260605f60143760745fa0600101600355005b6003546002548082038060021160e7575060025b5f5b8181146101295782810160040260040181607402815460601b815260140181600101548152602001816002015481526020019060030154905260010160e9565b910180921461013b5790600255610146565b90505f6002555f6003555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff141561017357505f5b6001546001828201116101885750505f61018e565b01600290035b5f555f6001556074025ff35b5f5ffd",
}
WITHDRAWAL_REQUESTS = "0x00000961ef480eb55e80d19ad83579a64c007002"


def address(key):
    public = coincurve.PrivateKey(key).public_key.format(compressed=False)[1:]
    return "0x" + keccak256(public)[12:].hex()


SENDERS = [address(key) for key in KEYS]
CONTRACTS = ["0x" + (b"\xaa" * 19 + bytes([i])).hex() for i in range(1, 6)]
# Existing and absent accounts, an empty one, the coinbase, and every precompile.
TARGETS = (
    CONTRACTS * 3
    + SENDERS
    + [COINBASE, "0x" + "ee" * 20, "0x" + "dd" * 20]
    + ["0x" + i.to_bytes(20, "big").hex() for i in [*range(1, 18), 256]]
)


def push(value):
    data = value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")
    return bytes([0x5F + len(data)]) + data


def some(rng):
    """A number: small, near a power of two, or anything."""
    kind = rng.random()
    if kind < 0.6:
        return rng.randrange(0, 70)
    if kind < 0.8:
        return (1 << rng.choice([8, 16, 31, 32, 63, 64, 128, 255, 256])) - rng.randrange(1, 3)
    return rng.getrandbits(256)


def statement(rng, depth=0):
    """Code that needs no stack and leaves a value on it, or nothing."""
    small = lambda: push(rng.randrange(0, 100))
    to = lambda: b"\x73" + bytes.fromhex(rng.choice(TARGETS)[2:])
    gas = lambda: b"\x5a" if rng.random() < 0.7 else push(rng.randrange(0, 80_000))
    kind = rng.randrange(0, 22)
    if kind < 3:
        return push(some(rng) if rng.random() < 0.6 else 0) + push(rng.randrange(0, 5)) + b"\x55"
    if kind == 3:
        return push(rng.randrange(0, 5)) + b"\x54" + push(rng.randrange(0, 200)) + b"\x52"
    if kind < 6:
        two = rng.choice([*range(1, 12), *range(0x10, 0x15), *range(0x16, 0x19), 0x1A, 0x1B, 0x1C, 0x1D])
        third = push(some(rng)) if two in (8, 9) else b""
        return third + push(some(rng)) + push(some(rng)) + bytes([two]) + push(rng.randrange(0, 5)) + b"\x55"
    if kind == 6:
        one = rng.choice([0x15, 0x19, 0x31, 0x3B, 0x3F, 0x40, 0x49, 0x54, 0x5C, 0x1E])
        argument = to() if one in (0x31, 0x3B, 0x3F) else push(some(rng))
        return argument + bytes([one]) + push(rng.randrange(0, 5)) + b"\x55"
    if kind == 7:
        none = rng.choice([0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3A, 0x3D, 0x41, 0x42, 0x43, 0x44, 0x45,
                           0x46, 0x47, 0x48, 0x4A, 0x58, 0x59, 0x5A, 0x5F])
        return bytes([none]) + push(rng.randrange(0, 5)) + b"\x55"
    if kind == 8:
        logs = rng.randrange(0, 5)
        return b"".join(push(some(rng)) for _ in range(logs)) + small() + small() + bytes([0xA0 + logs])
    if kind < 13:
        call = rng.choice([0xF1, 0xF1, 0xF2, 0xF4, 0xFA])
        value = push(rng.choice([0, 0, 1, 7])) if call in (0xF1, 0xF2) else b""
        return small() + small() + small() + small() + value + to() + gas() + bytes([call]) + \
            push(rng.randrange(0, 5)) + b"\x55"
    if kind < 15 and depth < 2:
        # Creation code: some statements, then the code it leaves.
        body = program(rng, depth + 1, rng.randrange(0, 3))
        left = program(rng, depth + 1, rng.randrange(0, 3))
        init = body + push(len(left)) + b"\x80" + b"\x60\x00" + b"\x60\x00" + b"\x39" + b"\x60\x00\xf3"
        init = body + rng.choice([push(rng.randrange(0, 40)) + b"\x60\x00\xf3", b"\x60\x00\x60\x00\xfd", b""])
        store = b""
        for at in range(0, len(init), 32):
            store += b"\x7f" + init[at:at + 32].ljust(32, b"\0") + push(at) + b"\x52"
        if rng.random() < 0.5:
            make = push(len(init)) + b"\x60\x00" + push(rng.choice([0, 1])) + b"\xf0"
        else:
            make = push(rng.randrange(0, 2)) + push(len(init)) + b"\x60\x00" + push(rng.choice([0, 1])) + b"\xf5"
        use = push(rng.randrange(0, 5)) + b"\x55" if rng.random() < 0.5 else \
            b"\x60\x00\x60\x00\x60\x00\x60\x00\x60\x00\x85\x5a\xf1\x50\x50"
        return store + make + use
    if kind == 15:
        return small() + small() + small() + bytes([rng.choice([0x37, 0x39, 0x3E, 0x5E])])
    if kind == 16:
        return small() + small() + small() + to() + b"\x3c"
    if kind == 17:
        return small() + small() + b"\x20" + push(rng.randrange(0, 5)) + b"\x55"
    if kind == 18:
        return push(some(rng)) + push(rng.randrange(0, 5)) + b"\x5d"
    if kind == 19:
        return push(rng.randrange(0, 200)) + rng.choice([b"\x35", b"\x51"]) + push(rng.randrange(0, 200)) + \
            rng.choice([b"\x52", b"\x53"])
    if kind == 20 and rng.random() < 0.4:
        return to() + b"\xff"
    return push(some(rng)) + b"\x50"


def program(rng, depth=0, length=None):
    if depth == 0 and rng.random() < 0.05:
        return rng.randbytes(rng.randrange(1, 60))
    count = rng.randrange(1, 9) if length is None else length
    code = b"".join(statement(rng, depth) for _ in range(count))
    end = rng.random()
    if end < 0.2:
        code += push(rng.randrange(0, 70)) + push(rng.randrange(0, 70)) + rng.choice([b"\xf3", b"\xfd"])
    elif end < 0.25:
        code += b"\xfe"
    return code


def alloc(rng, fork):
    pre = {
        sender: {"balance": hex(10**20), "nonce": "0x0", "code": "0x", "storage": {}}
        for sender in SENDERS
    }
    for contract in CONTRACTS:
        slots = {hex(rng.randrange(0, 5)): hex(rng.randrange(1, 99)) for _ in range(rng.randrange(0, 4))}
        pre[contract] = {
            "balance": hex(rng.choice([0, 1, 10**18])),
            "nonce": "0x1" if rng.random() < 0.8 else "0x0",
            "code": "0x" + program(rng).hex(),
            "storage": {"0x" + k[2:].rjust(64, "0"): "0x" + v[2:].rjust(64, "0") for k, v in slots.items()},
        }
    if fork < AT["EIP158"] and rng.random() < 0.5:
        # An empty account, as there were before EIP-161.
        pre["0x" + "ee" * 20] = {"balance": "0x0", "nonce": "0x0", "code": "0x", "storage": {}}
    if fork >= PRAGUE and rng.random() < 0.3:
        pre[SENDERS[3]]["code"] = "0xef0100" + rng.choice(CONTRACTS)[2:]
    return pre


def transaction(rng, fork, nonces, base_fee):
    """A transaction as the tests write it, and the number of its sender."""
    who = rng.randrange(0, 3)
    types = [0, 0] + [1] * (fork >= BERLIN) + [2, 2] * (fork >= LONDON)
    types += [3] * (fork >= CANCUN) + [4, 4] * (fork >= PRAGUE)
    kind = rng.choice(types)
    create = kind < 3 and rng.random() < 0.15
    data = program(rng) if create else rng.randbytes(rng.choice([0, 0, 4, 32, 100]))
    to = rng.choice(CONTRACTS * 3 + TARGETS)
    if fork >= PRAGUE and rng.random() < 0.1 and not create:
        # A request to withdraw: key of 48 bytes, amount of 8.
        to, data = WITHDRAWAL_REQUESTS, rng.randbytes(56)
    tx = {
        "nonce": hex(nonces[who]),
        "to": "" if create else to,
        "value": hex(rng.choice([0, 0, 1, 10**15, 500])),
        "gasLimit": hex(rng.choice([30_000, 100_000, 400_000, 1_000_000])),
        "data": "0x" + data.hex(),
        "secretKey": "0x" + KEYS[who].hex(),
    }
    price = base_fee + rng.choice([0, 1, 10, 10**9])
    if kind < 2:
        tx["gasPrice"] = hex(price)
    else:
        tx["maxFeePerGas"] = hex(price + 10)
        tx["maxPriorityFeePerGas"] = hex(rng.choice([0, 1, 5]))
    if kind > 0:
        tx["accessList"] = [
            {"address": rng.choice(TARGETS), "storageKeys": ["0x" + "00" * 31 + "%02x" % rng.randrange(0, 5)]}
            for _ in range(rng.randrange(0, 3))
        ]
    if kind == 3:
        tx["maxFeePerBlobGas"] = hex(rng.choice([1, 100, 10**9]))
        tx["blobVersionedHashes"] = [
            "0x01" + rng.randbytes(31).hex() for _ in range(rng.randrange(1, 4))
        ]
    if kind == 4:
        tx["authorizationList"] = [authorization(rng, nonces) for _ in range(rng.randrange(1, 3))]
    return tx, who


def authorization(rng, nonces):
    who = rng.randrange(0, 4)
    chain, nonce = rng.choice([0, 1, 1, 2]), max(0, rng.choice([0, 1, nonces[who], nonces[who] + 1]))
    to = rng.choice(CONTRACTS + ["0x" + "00" * 20])
    payload = rlp.encode((to_int(chain), bytes.fromhex(to[2:]), to_int(nonce)))
    signature = coincurve.PrivateKey(KEYS[who]).sign_recoverable(keccak256(b"\x05" + payload), hasher=None)
    r, s, v = signature[:32], signature[32:64], signature[64]
    if rng.random() < 0.1:
        r = rng.randbytes(32)
    return {
        "chainId": hex(chain), "address": to, "nonce": hex(nonce), "v": hex(v),
        "r": hex(int.from_bytes(r, "big")), "s": hex(int.from_bytes(s, "big")), "signer": SENDERS[who],
    }


def to_int(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


class Specification:
    """The transition tool, in this process."""

    def __init__(self):
        self.cache = ForkCache()
        self.scratch = tempfile.mkdtemp()

    def run(self, fork, pre, env, txs, state_test=False):
        arguments = [
            "t8n", "--input.alloc", "stdin", "--input.env", "stdin", "--input.txs", "stdin",
            "--output.alloc", "stdout", "--output.result", "stdout", "--output.basedir", self.scratch,
            "--state.fork", fork,
        ] + (["--state-test"] if state_test else [])
        source = io.StringIO(json.dumps({"env": env, "alloc": pre, "txs": txs}))
        sink = io.StringIO()
        tool = T8N(create_parser().parse_args(arguments), sink, source, self.cache)
        for ommer in tool.env.ommers:
            # The tool reads a distance, but pays by number.
            ommer.number = tool.env.block_number - tool.env.block_number.__class__(int(ommer.delta))
            ommer.coinbase = ommer.address
        if tool.run() != 0:
            raise RuntimeError("the specification failed")
        # Transactions with a type are strings in a block.
        encode = tool.fork._module("transactions").encode_transaction if tool.fork.has_legacy_transaction else lambda tx: tx
        body = [rlp.decode(rlp.encode(encode(tx))) for tx in tool.txs.transactions]
        return dict(json.loads(sink.getvalue()), body=body)


def state_tests(specification, fork_name, count, rng):
    """A file of state tests for a fork."""
    fork, tests = AT[fork_name], {}
    for index in range(count):
        pre = alloc(rng, fork)
        base_fee = rng.choice([7, 10, 1000]) if fork >= LONDON else 0
        env = {
            # A proposer that destroys itself comes back empty before EIP-161 in geth, whose word on
            # state tests counts, and not in the specification's tool.
            "currentCoinbase": rng.choice(
                [COINBASE] * 6 + [SENDERS[0], CONTRACTS[0] if fork >= AT["EIP158"] else COINBASE]),
            "currentDifficulty": "0x20000",
            "currentGasLimit": hex(rng.choice([900_000, 30_000_000])),
            "currentNumber": "0x5",
            "currentTimestamp": "0x3e8",
            "previousHash": "0x" + keccak256(b"4").hex(),
        }
        if fork >= LONDON:
            env["currentBaseFee"] = hex(base_fee)
        if fork >= PARIS:
            env["currentRandom"] = "0x" + "77" * 32
            env["currentDifficulty"] = "0x0"
        if fork >= CANCUN:
            env["currentExcessBlobGas"] = hex(rng.choice([0, 131072, 5_000_000]))
        tx, _ = transaction(rng, fork, [rng.choice([0] * 9 + [1])] * 4, base_fee)
        given = dict(env, blockHashes={str(n): "0x" + keccak256(str(n).encode()).hex() for n in range(5)},
                     withdrawals=[])
        call = dict(tx, input=tx["data"], gas=tx["gasLimit"])
        done = specification.run(fork_name, pre, given, [call], True)["result"]
        refused = bool(done.get("rejected"))
        post = {
            "hash": done["stateRoot"], "logs": done["logsHash"],
            "indexes": {"data": 0, "gas": 0, "value": 0},
        }
        if refused:
            post["expectException"] = "refused by the specification"
        fixed = {k: v for k, v in tx.items() if k not in ("data", "gasLimit", "value", "accessList")}
        fixed.update(data=[tx["data"]], gasLimit=[tx["gasLimit"]], value=[tx["value"]])
        if "accessList" in tx:
            fixed["accessLists"] = [tx["accessList"]]
        tests[f"{fork_name}_{index}"] = {
            "env": env, "pre": pre, "transaction": fixed, "post": {fork_name: [post]},
        }
    return tests


EMPTY_UNCLES = "0x" + keccak256(rlp.encode([])).hex()


def raw(text):
    return bytes.fromhex(text[2:])


def number(text):
    return to_int(int(text, 16))


def header_rlp(header):
    fields = [
        raw(header["parentHash"]), raw(header["sha3Uncles"]), raw(header["miner"]), raw(header["stateRoot"]),
        raw(header["transactionsRoot"]), raw(header["receiptsRoot"]), raw(header["logsBloom"]),
        number(header["difficulty"]), number(header["number"]), number(header["gasLimit"]),
        number(header["gasUsed"]), number(header["timestamp"]), raw(header["extraData"]),
        raw(header["mixHash"]), raw(header["nonce"]),
    ]
    for name, encode in [("baseFeePerGas", number), ("withdrawalsRoot", raw), ("blobGasUsed", number),
                         ("excessBlobGas", number), ("parentBeaconBlockRoot", raw), ("requestsHash", raw)]:
        if name in header:
            fields.append(encode(header[name]))
    return fields


def block_hash(header):
    return "0x" + keccak256(rlp.encode(header_rlp(header))).hex()


def block_rlp(header, body, uncles, withdrawals):
    parts = [header_rlp(header), body, [header_rlp(u) for u in uncles]]
    if withdrawals is not None:
        parts.append([[number(w["index"]), number(w["validatorIndex"]), raw(w["address"]), number(w["amount"])]
                      for w in withdrawals])
    return rlp.encode(parts)


class Chain:
    """A chain through all forks."""

    def __init__(self, specification, per_fork, rng):
        self.specification, self.rng = specification, rng
        self.pre = alloc(rng, 0)
        for contract, code in SYSTEM.items():
            self.pre[contract] = {"balance": "0x0", "nonce": "0x1", "code": code, "storage": {}}
        self.first = {name: 1 + per_fork * index for index, name in enumerate(FORKS)}
        self.last = per_fork * len(FORKS)
        self.headers, self.blocks, self.uncles, self.siblings = [], [], set(), {}
        self.nonces = [0] * 4
        self.alloc = json.loads(json.dumps(self.pre))

    def time(self, height):
        # Far enough from the parent for difficulty to fall, near enough for it to rise.
        return 1_000 + height * 12 + (height % 3) * 4

    def config(self, total_difficulty):
        first = self.first
        names = ["homestead", "eip150", "eip158", "byzantium", "constantinople", "istanbul", "berlin", "london"]
        config = {f"{n}Block": first[f] for n, f in zip(names, FORKS[1:9])}
        config.update(chainId=1, eip155Block=first["EIP158"], petersburgBlock=first["ConstantinopleFix"],
                      terminalTotalDifficulty=total_difficulty)
        for name in FORKS[SHANGHAI:]:
            config[f"{name.lower()}Time"] = self.time(first[name])
        return config

    def genesis(self, total_difficulty):
        return {
            "config": self.config(total_difficulty), "nonce": "0x42", "timestamp": "0x1", "extraData": "0x",
            "gasLimit": hex(10_000_000), "difficulty": "0x20000", "mixHash": "0x" + "00" * 32,
            "coinbase": "0x" + "00" * 20, "alloc": self.pre,
        }

    def build(self, genesis_hash):
        parent = {"number": "0x0", "timestamp": "0x1", "difficulty": "0x20000", "gasLimit": hex(10_000_000),
                  "gasUsed": "0x0", "sha3Uncles": EMPTY_UNCLES, "hash": genesis_hash}
        self.headers = [parent]
        for height in range(1, self.last + 1):
            self.headers.append(self.block(height, self.headers[-1]))

    def block(self, height, parent):
        rng = self.rng
        name = max((f for f in FORKS if self.first[f] <= height), key=lambda f: AT[f])
        fork = AT[name]
        doubled = name == "London" and self.first["London"] == height
        limit = int(parent["gasLimit"], 16) * (2 if doubled else 1) + (-1) ** height * 100
        env = {
            "currentCoinbase": COINBASE, "currentGasLimit": hex(limit), "currentNumber": hex(height),
            "currentTimestamp": hex(self.time(height)), "parentTimestamp": parent["timestamp"],
            "parentDifficulty": parent["difficulty"], "parentUncleHash": parent["sha3Uncles"],
            "parentGasUsed": parent["gasUsed"], "parentGasLimit": parent["gasLimit"],
            "blockHashes": {h["number"]: h["hash"] for h in self.headers},
        }
        uncles = self.choose_uncles(height) if fork < PARIS else []
        env["ommers"] = [{"delta": str(height - int(u["number"], 16)), "address": u["miner"]} for u in uncles]
        base_fee = 0
        if doubled:
            env["currentBaseFee"], base_fee = hex(10**9), 10**9
        elif fork >= LONDON:
            env["parentBaseFee"] = parent["baseFeePerGas"]
            base_fee = int(parent["baseFeePerGas"], 16) * 2
        withdrawals = None
        if fork >= PARIS:
            env.update(currentRandom="0x" + rng.randbytes(32).hex(), currentDifficulty="0x0")
        if fork >= SHANGHAI:
            withdrawals = [
                {"index": hex(height * 8 + i), "validatorIndex": hex(i), "amount": hex(rng.choice([0, 1, 10**9])),
                 "address": rng.choice(TARGETS)} for i in range(rng.randrange(0, 3))]
            env["withdrawals"] = withdrawals
        if fork >= CANCUN:
            env.update(parentBeaconBlockRoot="0x" + rng.randbytes(32).hex(),
                       parentExcessBlobGas=parent.get("excessBlobGas", "0x0"),
                       parentBlobGasUsed=parent.get("blobGasUsed", "0x0"))
        txs, nonces = [], list(self.nonces)
        candidates = [None] * rng.randrange(0, 5)
        if fork < PARIS and height + 1 == self.first["Paris"]:
            candidates = self.sweep()
        for to in candidates:
            tx, who = transaction(rng, fork, nonces, base_fee)
            if to:
                tx = {"nonce": hex(nonces[0]), "to": to, "value": "0x0", "gasLimit": hex(100_000), "data": "0x",
                      "gasPrice": hex(base_fee + 1), "secretKey": "0x" + KEYS[0].hex()}
            if fork >= AT["EIP158"] and "gasPrice" in tx:
                tx["protected"] = rng.random() < 0.8
            call = dict(tx, input=tx["data"], gas=tx["gasLimit"])
            done = self.specification.run(name, self.alloc, env, txs + [call])
            if not done["result"].get("rejected") and not done["result"].get("blockException"):
                txs.append(call)
                for i, sender in enumerate(SENDERS):
                    nonces[i] = int(done["alloc"].get(sender, {}).get("nonce", "0x0"), 16)
        done = self.specification.run(name, self.alloc, env, txs)
        result = done["result"]
        self.alloc, self.nonces = done["alloc"], nonces
        header = {
            "parentHash": parent["hash"],
            "sha3Uncles": "0x" + keccak256(rlp.encode([header_rlp(u) for u in uncles])).hex(),
            "miner": COINBASE, "stateRoot": result["stateRoot"], "transactionsRoot": result["txRoot"],
            "receiptsRoot": result["receiptsRoot"], "logsBloom": result["logsBloom"],
            "difficulty": "0x0" if fork >= PARIS else hex(int(str(result["currentDifficulty"]), 0)),
            "number": hex(height), "gasLimit": hex(limit), "gasUsed": hex(int(str(result["gasUsed"]), 0)),
            "timestamp": hex(self.time(height)), "extraData": "0x", "mixHash": env.get("currentRandom", "0x" + "00" * 32),
            "nonce": "0x" + "00" * 8,
        }
        if fork >= LONDON:
            header["baseFeePerGas"] = hex(int(str(result["currentBaseFee"]), 0))
        if fork >= SHANGHAI:
            header["withdrawalsRoot"] = result["withdrawalsRoot"]
        if fork >= CANCUN:
            header["blobGasUsed"] = hex(131_072 * sum(len(tx.get("blobVersionedHashes", [])) for tx in txs))
            header["excessBlobGas"] = hex(int(str(result["currentExcessBlobGas"]), 0))
            header["parentBeaconBlockRoot"] = env["parentBeaconBlockRoot"]
        if fork >= PRAGUE:
            header["requestsHash"] = result["requestsHash"]
        header["hash"] = block_hash(header)
        self.blocks.append((header, done["body"], uncles, withdrawals))
        if fork < PARIS:
            self.siblings[height] = dict(header, miner="0x" + "5b" * 20, extraData="0x01")
        return header

    def sweep(self):
        """Empty accounts left from before EIP-161: the specification of proof of stake wants none."""
        return [a for a, account in self.alloc.items()
                if not any(account.get(k, "0x0") not in ("0x0", "0x") for k in ("nonce", "balance", "code"))]

    def choose_uncles(self, height):
        near = [h for h in range(max(1, height - 6), height) if h in self.siblings and h not in self.uncles]
        chosen = self.rng.sample(near, min(len(near), self.rng.choice([0, 1, 2])))
        self.uncles.update(chosen)
        return [self.siblings[h] for h in chosen]


def wrong_headers(header):
    """The header with one field wrong, for each field."""
    for field, value in header.items():
        if field == "hash":
            continue
        changed = dict(header)
        if field in ("extraData", "mixHash", "nonce", "miner", "parentBeaconBlockRoot") and \
                not (field == "nonce" and header["difficulty"] == "0x0"):
            # Free, or seen by execution alone.
            continue
        if len(value) > 20:
            changed[field] = value[:-1] + ("0" if value[-1] != "0" else "1")
        elif field == "nonce":
            changed[field] = "0x" + "00" * 7 + "01"
        elif field == "gasLimit":
            changed[field] = hex(int(value, 16) * 2)
        elif field == "timestamp":
            changed[field] = "0x1"
        else:
            changed[field] = hex(int(value, 16) + 1)
        yield field, changed


def import_blocks(qenex, folder, genesis, blocks):
    folder.mkdir()
    (folder / "genesis.json").write_text(json.dumps(genesis))
    (folder / "blocks.rlp").write_bytes(b"".join(blocks))
    done = subprocess.run(
        [qenex, "eth", "import", "--datadir", folder / "data", "--genesis", folder / "genesis.json",
         "--blocks", folder / "blocks.rlp"], capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    if done.returncode or len(lines) < 3:
        raise SystemExit(f"import failed: {done.stdout}{done.stderr}")
    return lines, done.stderr.strip()


def check_chain(qenex, specification, folder, per_fork, rng):
    chain = Chain(specification, per_fork, rng)
    lines, _ = import_blocks(qenex, folder / "genesis", chain.genesis(0), [])
    chain.build(lines[0].split()[1])
    total = 0x20000 + sum(int(h["difficulty"], 16) for h in chain.headers[1:])
    genesis = chain.genesis(total)
    encoded = [block_rlp(*block) for block in chain.blocks]
    lines, problem = import_blocks(qenex, folder / "chain", genesis, encoded)
    wanted = f"head {chain.last} {chain.headers[-1]['hash']}"
    if lines[-1] != wanted:
        raise SystemExit(f"chain: {lines[-1]}; {wanted} expected\n{problem}\nkept in {folder}")
    transactions = sum(len(block[1]) for block in chain.blocks)
    print(f"chain: {chain.last} blocks, {transactions} transactions, {len(chain.uncles)} uncles: same head; {lines[1]}")
    refused = 0
    for height in range(1, chain.last + 1, max(1, per_fork // 2)):
        header, body, uncles, withdrawals = chain.blocks[height - 1]
        for field, changed in wrong_headers(header):
            offered = encoded[:height - 1] + [block_rlp(changed, body, uncles, withdrawals)]
            name = folder / f"wrong-{height}-{field}"
            lines, problem = import_blocks(qenex, name, genesis, offered)
            if not lines[-1].startswith(f"head {height - 1} ") or "stopped at an invalid block" not in problem \
                    and field != "parentHash":
                raise SystemExit(f"block {height} with a wrong {field} was not refused: {lines[-1]} {problem}")
            refused += 1
    print(f"chain: {refused} blocks with a wrong header field refused")


def write_fixtures(qenex, specification, folder):
    """The small set that the test suite runs without the specification."""
    rng = random.Random(2024)
    chain = Chain(specification, 3, rng)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="qenex-conformance-"))
    lines, _ = import_blocks(qenex, scratch / "genesis", chain.genesis(0), [])
    chain.build(lines[0].split()[1])
    total = 0x20000 + sum(int(h["difficulty"], 16) for h in chain.headers[1:])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "genesis.json").write_text(json.dumps(chain.genesis(total), indent=1) + "\n")
    (folder / "blocks.rlp").write_bytes(b"".join(block_rlp(*block) for block in chain.blocks))
    (folder / "head.txt").write_text(f"{chain.last} {chain.headers[-1]['hash']}\n")
    tests = {}
    for fork in FORKS:
        tests.update(state_tests(specification, fork, 4, rng))
    (folder / "state-tests.json").write_text(json.dumps(tests) + "\n")
    print(f"wrote {folder}")


def main():
    qenex, specification = sys.argv[1], Specification()
    if sys.argv[2] == "--write":
        return write_fixtures(qenex, specification, pathlib.Path(sys.argv[3]))
    count, per_fork, seed = map(int, sys.argv[2:5])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="qenex-conformance-"))
    if per_fork:
        check_chain(qenex, specification, folder, per_fork, random.Random(seed))
    if count:
        check_state(qenex, specification, folder, count, seed)
    # Kept where something failed: SystemExit does not come here.
    shutil.rmtree(folder)


def check_state(qenex, specification, folder, count, seed):
    started = time.time()
    (folder / "state").mkdir()
    refused = 0
    for fork in FORKS:
        tests = state_tests(specification, fork, count, random.Random(f"{fork} {seed}"))
        (folder / "state" / f"{fork}.json").write_text(json.dumps(tests))
        refused += sum("expectException" in p for t in tests.values() for p in t["post"][fork])
    filled = count * len(FORKS)
    print(f"state tests: {filled} filled in {time.time() - started:.0f} s, {refused} of them refused")
    done = subprocess.run([qenex, "evm", "statetest", "--json", folder / "state"], capture_output=True, text=True)
    print(f"state tests: {done.stderr.strip()}")
    for line in done.stdout.splitlines():
        case = json.loads(line)
        if not case["pass"]:
            print(f"FAILED {case['name']}: {case['error']}")
    if done.returncode:
        raise SystemExit(f"kept in {folder}")


main()
