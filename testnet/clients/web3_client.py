#!/usr/bin/env python3
"""What an application does with a node, done with web3.py: deploy, call, trace, filter, replace,
batch, delegate, subscribe, read refusals. Stops with a message at the first answer that is not as
it must be.

    web3_client.py --rpc http://HOST:PORT --ws ws://HOST:PORT --key 0x...
"""

import argparse
import asyncio
import json
import pathlib
import time

from eth_account import Account
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import ContractCustomError, ContractLogicError, Web3RPCError

CONTRACTS = pathlib.Path(__file__).resolve().parent.parent.parent / "contracts" / "out"
ALLOWANCE = 10**18

parser = argparse.ArgumentParser()
parser.add_argument("--rpc", default="http://127.0.0.1:8545")
parser.add_argument("--ws", default="ws://127.0.0.1:8545")
parser.add_argument(
    "--key", default="0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
)
options = parser.parse_args()
began = time.monotonic()


def step(name):
    print(f"web3.py: {name}", flush=True)


def expect_equal(what, found, expected):
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}"


def refusal(what, kind, action):
    try:
        answer = action()
    except kind as error:
        return error
    raise AssertionError(f"{what}: expected a refusal, was answered {answer!r}")


def artifact(name):
    built = json.loads((CONTRACTS / f"{name}.sol" / f"{name}.json").read_text())
    return built["abi"], built["bytecode"]["object"]


step(f"connect to {options.rpc}")
w3 = Web3(Web3.HTTPProvider(options.rpc))
assert w3.is_connected()
chain = w3.eth.chain_id
funder, worker = Account.from_key(options.key), Account.create()
recipient = Account.create().address


def send(account, transaction):
    """Fills in, signs and sends a transaction; its receipt."""
    fee = w3.eth.get_block("latest")["baseFeePerGas"] * 2 + 10**9
    filled = {
        "chainId": chain,
        "nonce": w3.eth.get_transaction_count(account.address),
        "maxFeePerGas": fee,
        "maxPriorityFeePerGas": 10**9,
        "value": 0,
        **transaction,
    }
    if "gas" not in filled:
        filled["gas"] = w3.eth.estimate_gas({**filled, "from": account.address})
    raw = account.sign_transaction(filled).raw_transaction
    return w3.eth.send_raw_transaction(raw)


def mined(what, sent, status=1):
    receipt = w3.eth.wait_for_transaction_receipt(sent, timeout=30, poll_latency=0.02)
    expect_equal(f"status of {what}", receipt["status"], status)
    return receipt


step("fund a new account and deploy")
mined("funding", send(funder, {"to": worker.address, "value": ALLOWANCE}))
expect_equal("the worker's balance", w3.eth.get_balance(worker.address), ALLOWANCE)


def deploy(name, *args):
    abi, bytecode = artifact(name)
    made = w3.eth.contract(abi=abi, bytecode=bytecode).constructor(*args)
    receipt = mined(name, send(worker, {"data": made.data_in_transaction}))
    return w3.eth.contract(address=receipt["contractAddress"], abi=abi)


token = deploy("ExampleToken", worker.address)
reverter, probe = deploy("Reverter"), deploy("Probe")


def call(contract, function, *args, **more):
    data = contract.encode_abi(function, args=list(args))
    return send(worker, {"to": contract.address, "data": data, **more})


step("filter events")
polled = token.events.Transfer.create_filter(from_block="latest")
paid = mined("token transfer", call(token, "transfer", recipient, 5))
expect_equal("tokens", token.functions.balanceOf(recipient).call(), 5)
[event] = polled.get_new_entries()
expect_equal("event", dict(event["args"]), {"from": worker.address, "to": recipient, "value": 5})
expect_equal("no more events", polled.get_new_entries(), [])
[found] = token.events.Transfer.get_logs(
    from_block=0, argument_filters={"to": recipient}
)
expect_equal("the same event", found["transactionHash"], paid["transactionHash"])
expect_equal("its block by hash", w3.eth.get_block(paid["blockHash"])["number"], paid["blockNumber"])

step("read why calls are refused")
error = refusal("refuse", ContractLogicError, reverter.functions.refuse().call)
assert "refused: always" in str(error), error
error = refusal("check", ContractCustomError, reverter.functions.check(101).call)
expect_equal("selector", error.data[:10], Web3.keccak(text="AboveLimit(uint256,uint256)")[:4].to_0x_hex())
error = refusal("divide", Exception, reverter.functions.divide(0).call)
assert "Panic" in type(error).__name__, repr(error)
mined("refused transaction", call(reverter, "check", 101, gas=100_000), status=0)

step("trace")
relayed = mined("relay", call(probe, "relay", reverter.address, 101))
trace = w3.provider.make_request(
    "debug_traceTransaction", [relayed["transactionHash"].to_0x_hex(), {"tracer": "callTracer"}]
)["result"]
expect_equal("callee", trace["calls"][0]["to"], reverter.address.lower())
expect_equal("its end", trace["calls"][0]["error"], "execution reverted")
flat = w3.tracing.trace_transaction(relayed["transactionHash"])
expect_equal("frames", [frame["traceAddress"] for frame in flat], [[], [0]])
expect_equal("slot", int.from_bytes(w3.eth.get_storage_at(probe.address, 0)), 101)

step("replace a waiting transaction")
nonce = w3.eth.get_transaction_count(worker.address)
late = {"to": recipient, "gas": 21_000, "nonce": nonce + 1, "maxFeePerGas": 10**12}
replaced = send(worker, {**late, "value": 5})
error = refusal("the same price", Web3RPCError, lambda: send(worker, {**late, "value": 6}))
assert "replacement transaction underpriced" in str(error), error
better = {"maxFeePerGas": 2 * 10**12, "maxPriorityFeePerGas": 2 * 10**9}
replacement = send(worker, {**late, **better, "value": 7})
mined("the missing nonce", send(worker, {"to": recipient, "gas": 21_000, "nonce": nonce, "value": 1}))
mined("replacement", replacement)
refusal("the replaced one", Exception, lambda: w3.eth.get_transaction(replaced))
expect_equal("coins", w3.eth.get_balance(recipient), 8)

step("act as a contract (EIP-7702)")
nonce = w3.eth.get_transaction_count(worker.address)
authorization = worker.sign_authorization(
    {"chainId": chain, "address": probe.address, "nonce": nonce + 1}
)
one, two = Account.create().address, Account.create().address
both = mined(
    "payments of a delegated account",
    send(
        worker,
        {
            "to": worker.address,
            "data": probe.encode_abi("payBoth", args=[one, two, 11]),
            "authorizationList": [authorization],
            "gas": 300_000,
        },
    ),
)
expect_equal("type", both["type"], 4)
code = bytes.fromhex("ef0100" + probe.address[2:])
expect_equal("the account's code", bytes(w3.eth.get_code(worker.address)), code)

step("ask several things in one request")
with w3.batch_requests() as batch:
    batch.add(w3.eth.get_balance(one))
    batch.add(w3.eth.get_balance(two))
    batch.add(w3.eth.get_transaction_count(worker.address))
    expect_equal("answers", batch.execute(), [11, 11, nonce + 2])

step("prove")
proof = w3.eth.get_proof(probe.address, [0])
expect_equal("the proven value", int.from_bytes(proof["storageProof"][0]["value"]), 101)


async def subscriptions():
    async with AsyncWeb3(WebSocketProvider(options.ws)) as live:
        heads = await live.eth.subscribe("newHeads")
        logs = await live.eth.subscribe("logs", {"address": token.address})
        sent = mined("token transfer", call(token, "transfer", recipient, 6))
        seen = {}
        async for message in live.socket.process_subscriptions():
            result = message["result"]
            if message["subscription"] == logs:
                seen["log"] = result["transactionHash"]
            elif message["subscription"] == heads and result["number"] >= sent["blockNumber"]:
                seen.setdefault("head", (result["number"], result["hash"]))
            if len(seen) == 2:
                break
        expect_equal("log", seen["log"], sent["transactionHash"])
        expect_equal("head", seen["head"], (sent["blockNumber"], sent["blockHash"]))
        assert await live.eth.unsubscribe(heads)


step(f"subscribe at {options.ws}")
asyncio.run(asyncio.wait_for(subscriptions(), 30))
print(f"web3.py: ok in {round((time.monotonic() - began) * 1000)} ms")
