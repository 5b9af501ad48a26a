#!/usr/bin/env bash
# Worked examples of docs/finance.md against a running development network (`make run`).
#
#   docs/examples/finance.sh                 all examples
#   docs/examples/finance.sh hold batch      some of them, in the order given
#
# Needs bash, curl, and cast: the one in contracts/ (`cd contracts && npm ci --ignore-scripts`), or another (CAST=...).
# RPC=... names another node. Every command is printed with its result, and the outcome is checked: the exit status is 0
# only if everything was as it should be. Money moves between the development accounts (a run costs Alice some 160 USD);
# the client references are new in each run, so the script can be run again and again.
set -euo pipefail

RPC=${RPC:-http://127.0.0.1:8545}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CAST=${CAST:-$HERE/../../contracts/bin/cast}
MNEMONIC="test test test test test test test test test test test junk"

ACCOUNTS=0x5158000000000000000000000000000000000001
LEDGER=0x5158000000000000000000000000000000000002
SETTLEMENT=0x5158000000000000000000000000000000000005
USD=0x555344
EUR=0x455552
USD_FACE=0x5158C00000000000000000000000000000555344
ZERO=0x0000000000000000000000000000000000000000
ZERO32=0x0000000000000000000000000000000000000000000000000000000000000000

# Kinds of orders, statuses of transfers.
TRANSFER=1 HOLD=3
PENDING_APPROVAL=1 HELD=3 SETTLED=4 REJECTED=5

# Structs of the ledger as cast writes them.
ORDER='(bytes16,uint8,address,address,bytes3,uint128,uint64,bytes32,bytes32)'
RESULT='(bytes32,uint8,bytes)'
RECORD='(bytes32,address,address,bytes3,uint128,uint8,uint8,uint8,uint16,uint16,uint64,uint64,uint64,bytes32,bytes32,uint128,uint128,uint8,uint8)'
EXPLANATION='(uint8,bytes[],uint8,uint8,uint16,uint16,uint8,uint128,uint128,uint128,uint128,uint8)'

# The ten accounts of the development network. Each owns itself and has 10,000.00 USD and EUR at genesis.
NAMES=(ALICE BOB GATEWAY COMPANY FIRST SECOND BUYER SELLER PHONE RELAY)
declare -A KEYS
prepare() {
    "$CAST" --version >/dev/null
    CHAIN=$("$CAST" chain-id --rpc-url "$RPC")
    local i
    for i in "${!NAMES[@]}"; do
        KEYS[${NAMES[i]}]=$("$CAST" wallet private-key "$MNEMONIC" "$i")
        declare -g "${NAMES[i]}=$("$CAST" wallet address --private-key "${KEYS[${NAMES[i]}]}")"
    done
    # References of this run: 01, seven random bytes, a counter.
    RUN=01$(od -An -N7 -tx1 /dev/urandom | tr -d ' \n')
    COUNT=0
    NOW=$(date +%s)
}

# A client reference that nobody used before, into REF.
new_reference() {
    COUNT=$((COUNT + 1))
    REF=$(printf '0x%s%016x' "$RUN" "$COUNT")
}

title() { printf '\n== %s\n' "$*"; }

show() {
    printf '\n$'
    local word
    for word in "$@"; do
        case $word in *[\(\ ]* | '') printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
}

result() { sed 's/^/    /'; }

fail() {
    printf '\nNOT AS EXPECTED: %s\n' "$*" >&2
    exit 1
}

# is WHAT ACTUAL EXPECTED
is() {
    [ "$2" = "$3" ] || fail "$1 is $2, not $3"
    printf '    ok: %s is %s\n' "$1" "$2"
}

# call TO SIGNATURE ARGUMENTS...: reads; the answer is in ANSWER, without cast's notes such as [1e6].
call() {
    show cast call "$@"
    ANSWER=$("$CAST" call --rpc-url "$RPC" "$@" | sed -E 's/ \[[0-9.e+]+\]//g')
    result <<<"$ANSWER"
}

# send SIGNER TO SIGNATURE ARGUMENTS...: a transaction that must succeed. It gets a fifth more gas than the estimate,
# which is made for the last block: in the next one there can be more to write (another block number, a new hour or day).
send() {
    local signer=$1 gas receipt
    shift
    gas=$("$CAST" estimate --rpc-url "$RPC" --from "${!signer}" "$@")
    gas=$((gas + gas / 5))
    show cast send --private-key "\$$signer" --gas-limit $gas "$@"
    receipt=$("$CAST" send --rpc-url "$RPC" --private-key "${KEYS[$signer]}" --gas-limit $gas "$@")
    is "the receipt's status" "$(field status <<<"$receipt")" 1
    printf '    block %s, %s gas, transaction %s\n' "$(field blockNumber <<<"$receipt")" \
        "$(field gasUsed <<<"$receipt")" "$(field transactionHash <<<"$receipt")"
}

# A line of cast's receipt: its first word after the name.
field() { awk -v name="$1" '$1 == name { print $2; exit }'; }

# refused 'Error(types)' FROM TO SIGNATURE ARGUMENTS...: what a transaction of FROM would revert with, by eth_call. The
# decoded arguments are in ANSWER.
refused() {
    local error=$1 from=$2 to=$3 data
    shift 3
    show cast call --from "\$$from" "$to" "$@"
    data=$("$CAST" calldata "$@")
    data=$(curl -s -H 'content-type: application/json' "$RPC" -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_call\",
        \"params\":[{\"from\":\"${!from}\",\"to\":\"$to\",\"data\":\"$data\"},\"latest\"]}" |
        sed -n 's/.*"data":"\(0x[0-9a-f]*\)".*/\1/p')
    [ -n "$data" ] || fail "it was not refused"
    printf '    reverts: %s\n' "$data"
    reads_as "$error" "$data"
}

# reads_as 'Error(types)' DATA: fails if it is another error.
reads_as() {
    ANSWER=$("$CAST" decode-error --sig "$1" "$2" | sed -E 's/ \[[0-9.e+]+\]//g') || fail "it is not $1"
    printf '    ok: %s %s\n' "${1%%(*}" "$(tr '\n' ' ' <<<"$ANSWER")"
}

# What an account may spend, into AVAILABLE: the third of posted, held, available.
balance() {
    call $LEDGER 'balanceOf(address,bytes3)(uint128,uint128,uint128)' "$1" "$2"
    AVAILABLE=$(sed -n 3p <<<"$ANSWER")
}

# transfer_is ACCOUNT REFERENCE STATUS [CAPTURED]: asks the ledger what became of an order.
transfer_is() {
    call $LEDGER "transferOf(address,bytes16)($RECORD)" "$1" "$2"
    local fields
    IFS=, read -ra fields <<<"${ANSWER//[() ]/}"
    is status "${fields[6]}" "$3"
    [ $# -lt 4 ] || is captured "${fields[15]}" "$4"
}

# order KIND FROM TO CURRENCY AMOUNT [EXPIRES]: an order with a new reference, as cast writes structs, into O.
order() {
    new_reference
    O="($REF,$1,$2,$3,$4,$5,${6:-0},$ZERO32,$ZERO32)"
}

example_balances() {
    title "Currencies and balances"
    call $LEDGER 'currency(bytes3)(uint8,string,address,uint128,bool)' $USD
    is "the exponent of USD" "$(sed -n 1p <<<"$ANSWER")" 2
    call $LEDGER 'currencies()(bytes3[])'
    call $LEDGER 'supply(bytes3)(uint128)' $USD
    balance "$ALICE" $USD
    call $ACCOUNTS 'profile(address)((address,address,uint8,uint8,uint8,bytes2,bytes3,uint64,uint64,uint32))' "$ALICE"
}

example_storage() {
    title "The same balance as the word under the state root that eth_getProof proves"
    local slot word
    show cast index bytes3 $USD "\$(cast index address $ALICE 1)"
    slot=$("$CAST" index bytes3 $USD "$("$CAST" index address "$ALICE" 1)")
    result <<<"$slot"
    show cast storage $LEDGER "$slot"
    word=$("$CAST" storage --rpc-url "$RPC" $LEDGER "$slot")
    result <<<"$word"
    call $LEDGER 'balanceOf(address,bytes3)(uint128,uint128,uint128)' "$ALICE" $USD
    is "the high half, what is held" "$("$CAST" to-dec "0x${word:2:32}")" "$(sed -n 2p <<<"$ANSWER")"
    is "the low half, what is posted" "$("$CAST" to-dec "0x${word:34:32}")" "$(sed -n 1p <<<"$ANSWER")"
}

PAY='transfer(bytes16,address,address,bytes3,uint128,bytes32,bytes32)(bytes32)'

example_transfer() {
    title "A transfer with memo: 12.34 USD"
    local end_to_end message before
    end_to_end=$("$CAST" format-bytes32-string INV-2026-0042)
    message=$("$CAST" keccak '<Document>the pain.001 that the bank keeps</Document>')
    new_reference
    balance "$BOB" $USD
    before=$AVAILABLE
    send ALICE $LEDGER "$PAY" "$REF" "$ALICE" "$BOB" $USD 1234 "$end_to_end" "$message"
    transfer_is "$ALICE" "$REF" $SETTLED
    balance "$BOB" $USD
    is "what Bob got" $((AVAILABLE - before)) 1234

    title "The same transfer again: the first result, and nothing moves"
    send ALICE $LEDGER "$PAY" "$REF" "$ALICE" "$BOB" $USD 1234 "$end_to_end" "$message"
    balance "$BOB" $USD
    is "what Bob got" $((AVAILABLE - before)) 1234

    title "The same reference with another amount"
    refused 'ReferenceConflict(string)' ALICE $LEDGER "$PAY" "$REF" "$ALICE" "$BOB" $USD 1235 "$end_to_end" "$message"
    is "the field that differs" "$ANSWER" '"amount"'
}

example_hold() {
    title "A hold of 50.00 USD, captured in part, the rest given back"
    local account before
    new_reference
    balance "$ALICE" $USD
    before=$AVAILABLE
    send ALICE $LEDGER 'hold(bytes16,address,address,bytes3,uint128,uint64,bytes32,bytes32)(bytes32)' \
        "$REF" "$ALICE" "$BOB" $USD 5000 $((NOW + 3600)) $ZERO32 $ZERO32
    transfer_is "$ALICE" "$REF" $HELD 0
    balance "$ALICE" $USD
    is "what is promised" $((before - AVAILABLE)) 5000
    send BOB $LEDGER 'capture(address,bytes16,uint128)' "$ALICE" "$REF" 3000
    transfer_is "$ALICE" "$REF" $HELD 3000
    refused 'AmountTooLarge(uint128,uint128)' BOB $LEDGER 'capture(address,bytes16,uint128)' "$ALICE" "$REF" 2001
    send BOB $LEDGER 'voidHold(address,bytes16)' "$ALICE" "$REF"
    transfer_is "$ALICE" "$REF" $SETTLED 3000
    balance "$ALICE" $USD
    is "what Alice paid" $((before - AVAILABLE)) 3000
}

example_delegation() {
    title "A delegation: a gateway may pay up to 100.00 USD a day for Alice"
    local pay=2 day=86400
    send ALICE $ACCOUNTS 'setDelegation(address,address,bytes3,uint8,bool,uint128,uint32,uint64)' \
        "$ALICE" "$GATEWAY" $USD $pay false 10000 $day $((NOW + 30 * day))
    new_reference
    send GATEWAY $LEDGER "$PAY" "$REF" "$ALICE" "$BOB" $USD 6000 $ZERO32 $ZERO32
    transfer_is "$ALICE" "$REF" $SETTLED
    new_reference
    refused 'LimitExceeded(string,uint128,uint128)' GATEWAY $LEDGER "$PAY" "$REF" "$ALICE" "$BOB" $USD 4001 \
        $ZERO32 $ZERO32
    is "limit and what was used" "$(tr '\n' ' ' <<<"$ANSWER")" '"delegation" 10000 6000 '
    send ALICE $ACCOUNTS 'revokeDelegation(address,address,bytes3)' "$ALICE" "$GATEWAY" $USD
    refused 'NotAuthorised(address)' GATEWAY $LEDGER "$PAY" "$REF" "$ALICE" "$BOB" $USD 1 $ZERO32 $ZERO32
}

example_policy() {
    title "An approval policy: two of the company's approvers for 50.00 USD and more"
    call $ACCOUNTS 'policy(address,bytes3)(uint8,uint8,uint32,uint128)' "$COMPANY" $USD
    if [ "$(sed -n 1p <<<"$ANSWER")" = 0 ]; then
        send COMPANY $ACCOUNTS 'setApprover(address,address,bool)' "$COMPANY" "$FIRST" true
        send COMPANY $ACCOUNTS 'setApprover(address,address,bool)' "$COMPANY" "$SECOND" true
        send COMPANY $ACCOUNTS 'setThreshold(address,bytes3,uint128)' "$COMPANY" $USD 5000
        send COMPANY $ACCOUNTS 'setPolicy(address,uint8,uint32)' "$COMPANY" 2 86400
    fi
    new_reference
    send COMPANY $LEDGER "$PAY" "$REF" "$COMPANY" "$BOB" $USD 5000 $ZERO32 $ZERO32
    transfer_is "$COMPANY" "$REF" $PENDING_APPROVAL
    refused 'NotAuthorised(address)' COMPANY $LEDGER 'approve(address,bytes16)' "$COMPANY" "$REF"
    send FIRST $LEDGER 'approve(address,bytes16)' "$COMPANY" "$REF"
    transfer_is "$COMPANY" "$REF" $PENDING_APPROVAL
    refused 'AlreadyApproved(address)' FIRST $LEDGER 'approve(address,bytes16)' "$COMPANY" "$REF"
    send SECOND $LEDGER 'approve(address,bytes16)' "$COMPANY" "$REF"
    transfer_is "$COMPANY" "$REF" $SETTLED

    title "The policy is in force: the company alone cannot lift it"
    refused 'NotAuthorised(address)' COMPANY $ACCOUNTS 'setPolicy(address,uint8,uint32)' "$COMPANY" 0 0
}

example_explain() {
    title "Why would a hold be refused? Every reason, in the order of precedence"
    order $HOLD "$ALICE" "$BOB" $USD 100000000 1
    call $LEDGER "explain(address,$ORDER)($EXPLANATION)" "$ALICE" "$O"
    is status "$(sed -E 's/^\(([0-9]+),.*/\1/' <<<"$ANSWER")" $REJECTED
    local reasons
    IFS=', ' read -ra reasons <<<"$(sed -E 's/^[^[]*\[([^]]*)\].*/\1/' <<<"$ANSWER")"
    is "the number of reasons" ${#reasons[@]} 2
    reads_as 'InvalidExpiry(uint64)' "${reasons[0]}"
    reads_as 'InsufficientFunds(uint128,uint128)' "${reasons[1]}"

    title "And a payment that would go through"
    order $TRANSFER "$ALICE" "$BOB" $USD 700
    call $LEDGER "explain(address,$ORDER)($EXPLANATION)" "$ALICE" "$O"
    is status "$(sed -E 's/^\(([0-9]+),.*/\1/' <<<"$ANSWER")" $SETTLED
}

example_batch() {
    title "A batch: each order has its own result"
    local first second third second_reference
    order $TRANSFER "$ALICE" "$BOB" $USD 101
    first=$O
    order $TRANSFER "$ALICE" "$BOB" $USD 100000000
    second=$O second_reference=$REF
    order $TRANSFER "$ALICE" "$SELLER" $USD 103
    third=$O
    call --from "$ALICE" $LEDGER "batch($ORDER[])($RESULT[])" "[$first,$second,$third]"
    send ALICE $LEDGER "batch($ORDER[])" "[$first,$second,$third]"
    transfer_is "$ALICE" "${first:1:34}" $SETTLED
    transfer_is "$ALICE" "${third:1:34}" $SETTLED
    transfer_is "$ALICE" "$second_reference" $REJECTED

    title "A reference that failed stays failed, also now that less is asked for"
    call $LEDGER "explain(address,$ORDER)($EXPLANATION)" "$ALICE" "$second"
    is status "$(sed -E 's/^\(([0-9]+),.*/\1/' <<<"$ANSWER")" $REJECTED
    refused 'ReferenceConflict(string)' ALICE $LEDGER "$PAY" "$second_reference" "$ALICE" "$BOB" $USD 102 \
        $ZERO32 $ZERO32
}

example_atomic() {
    title "All or none: the first order that is refused undoes the call"
    local good bad
    order $TRANSFER "$ALICE" "$BOB" $USD 104
    good=$O
    order $TRANSFER "$ALICE" "$BOB" $USD 100000000
    bad=$O
    refused 'ItemRefused(uint64,bytes)' ALICE $LEDGER "atomic($ORDER[])" "[$good,$bad]"
    is "the order that is refused" "$(sed -n 1p <<<"$ANSWER")" 1
    reads_as 'InsufficientFunds(uint128,uint128)' "$(sed -n 2p <<<"$ANSWER")"
    order $TRANSFER "$ALICE" "$SELLER" $USD 105
    send ALICE $LEDGER "atomic($ORDER[])" "[$good,$O]"
    transfer_is "$ALICE" "${good:1:34}" $SETTLED
    transfer_is "$ALICE" "$REF" $SETTLED
}

example_atomic_waits() {
    title "An atomic call takes no order that would wait for approvals"
    local small
    order $TRANSFER "$COMPANY" "$BOB" $USD 106
    small=$O
    order $TRANSFER "$COMPANY" "$BOB" $USD 5000
    refused 'ItemRefused(uint64,bytes)' COMPANY $LEDGER "atomic($ORDER[])" "[$small,$O]"
    reads_as 'ApprovalMissing(uint8,uint8)' "$(sed -n 2p <<<"$ANSWER")"
}

example_signed() {
    title "A signed order: Alice's phone signs (EIP-712), a relayer hands it in and pays the gas"
    local secp256k1=1 data signature before
    send ALICE $ACCOUNTS 'addKey(address,uint8,bytes,uint64)(bytes32)' "$ALICE" $secp256k1 "$PHONE" 0
    new_reference
    data=$(
        cat <<JSON
{
  "types": {
    "EIP712Domain": [
      {"name": "name", "type": "string"}, {"name": "version", "type": "string"},
      {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}
    ],
    "Order": [
      {"name": "clientReference", "type": "bytes16"}, {"name": "kind", "type": "uint8"},
      {"name": "from", "type": "address"}, {"name": "to", "type": "address"},
      {"name": "currency", "type": "bytes3"}, {"name": "amount", "type": "uint128"},
      {"name": "expires", "type": "uint64"}, {"name": "endToEndId", "type": "bytes32"},
      {"name": "payloadHash", "type": "bytes32"}, {"name": "validAfter", "type": "uint64"},
      {"name": "validBefore", "type": "uint64"}
    ]
  },
  "primaryType": "Order",
  "domain": {"name": "QENEX Ledger", "version": "1", "chainId": $CHAIN, "verifyingContract": "$LEDGER"},
  "message": {
    "clientReference": "$REF", "kind": $TRANSFER, "from": "$ALICE", "to": "$BOB", "currency": "$USD",
    "amount": "1500", "expires": 0, "endToEndId": "$ZERO32", "payloadHash": "$ZERO32",
    "validAfter": 0, "validBefore": $((NOW + 600))
  }
}
JSON
    )
    show cast wallet sign --data "$data" --private-key '$PHONE'
    signature=$("$CAST" wallet sign --data "$data" --private-key "${KEYS[PHONE]}")
    result <<<"$signature"
    balance "$BOB" $USD
    before=$AVAILABLE
    O="($REF,$TRANSFER,$ALICE,$BOB,$USD,1500,0,$ZERO32,$ZERO32)"
    send RELAY $LEDGER "submit(($ORDER,uint64,uint64,uint8,bytes)[])" \
        "[($O,0,$((NOW + 600)),$secp256k1,$signature)]"
    transfer_is "$ALICE" "$REF" $SETTLED
    balance "$BOB" $USD
    is "what Bob got" $((AVAILABLE - before)) 1500
}

example_token() {
    title "The ERC-20 face: the same money as wallets and contracts know it"
    local before
    call $USD_FACE 'symbol()(string)'
    call $USD_FACE 'decimals()(uint8)'
    balance "$ALICE" $USD
    call $USD_FACE 'balanceOf(address)(uint256)' "$ALICE"
    is "the token's balance" "$ANSWER" "$AVAILABLE"
    before=$AVAILABLE
    send ALICE $USD_FACE 'transfer(address,uint256)(bool)' "$BOB" 107
    balance "$ALICE" $USD
    is "what Alice paid" $((before - AVAILABLE)) 107
    refused 'ERC20InsufficientBalance(address,uint256,uint256)' ALICE $USD_FACE 'transfer(address,uint256)(bool)' \
        "$BOB" 100000000
}

example_settlement() {
    title "Payment versus payment: 10.00 USD against 9.00 EUR, both or neither"
    local id dollars euros
    new_reference
    balance "$SELLER" $USD
    dollars=$AVAILABLE
    balance "$BUYER" $EUR
    euros=$AVAILABLE
    send RELAY $SETTLEMENT 'instruct(bytes16,(address,address,bytes3,uint128)[],uint64,bytes32)(bytes32)' "$REF" \
        "[($BUYER,$SELLER,$USD,1000),($SELLER,$BUYER,$EUR,900)]" $((NOW + 3600)) $ZERO32
    id=$("$CAST" keccak "$("$CAST" concat-hex "$RELAY" "$REF")")
    send BUYER $SETTLEMENT 'affirm(bytes32,address)' "$id" "$BUYER"
    balance "$SELLER" $USD
    is "what the seller has got so far" $((AVAILABLE - dollars)) 0
    send SELLER $SETTLEMENT 'affirm(bytes32,address)' "$id" "$SELLER"
    call $SETTLEMENT 'instruction(bytes32)(address,uint8,uint64,uint8,(address,address,bytes3,uint128)[],bool[])' "$id"
    is "the instruction's status" "$(sed -n 2p <<<"$ANSWER")" 2
    balance "$SELLER" $USD
    is "what the seller got" $((AVAILABLE - dollars)) 1000
    balance "$BUYER" $EUR
    is "what the buyer got" $((AVAILABLE - euros)) 900
}

example_trial_balance() {
    title "The trial balance of a block"
    show cast rpc qenex_getTrialBalance latest
    ANSWER=$("$CAST" rpc --rpc-url "$RPC" qenex_getTrialBalance latest)
    result <<<"$ANSWER"
    is "whether the books close" "$(sed -E 's/.*"balanced":([a-z]+).*/\1/' <<<"$ANSWER")" true
    local closing
    closing=$(sed -E 's/.*"currency":"USD"[^}]*"closing":"([0-9]+)".*/\1/' <<<"$ANSWER")
    call $LEDGER 'supply(bytes3)(uint128)' $USD
    is "the closing balance of USD" "$closing" "$ANSWER"
}

ALL=(balances storage transfer hold delegation policy explain batch atomic atomic_waits signed token settlement
    trial_balance)
[ $# -gt 0 ] || set -- "${ALL[@]}"
for name in "$@"; do
    declare -F "example_$name" >/dev/null || fail "no example $name; there are: ${ALL[*]}"
done
prepare
for name in "$@"; do
    "example_$name"
done
printf '\nall as expected: %s\n' "$*"
